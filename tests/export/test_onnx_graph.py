"""The operations of a graph in ONNX, against NumPy."""

import numpy as np
import pytest
from export.graph_cases import CASES, IDS, TEXTS
from export.numpy_graph import NumpyGraph
from export.onnx_running import Function


@pytest.mark.parametrize("name", CASES)
def test_operations(name: str) -> None:
    function, arrays = CASES[name]
    with np.errstate(all="ignore"):
        want = function(NumpyGraph(), *arrays)
    found = Function(function, arrays, axes=[one.ndim for one in want])(*arrays)
    for one, other in zip(found, want, strict=True):
        assert one.dtype == other.dtype
        if one.dtype.kind == "f":
            np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)
        else:
            np.testing.assert_array_equal(one, other)


def test_a_wrong_number_of_rows_is_refused() -> None:
    function = Function(lambda graph, x, y: [graph.given_or(x, y)], [TEXTS, TEXTS], axes=[1])
    with pytest.raises(Exception, match="reshape"):
        function(TEXTS[:3], TEXTS)


def test_what_is_no_number_is_refused() -> None:
    function = Function(lambda graph, x: [graph.number(x)], [TEXTS], axes=[1])
    with pytest.raises(Exception, match="stod"):
        function(TEXTS)


def test_a_table_and_a_constant_are_held_once() -> None:
    large = np.arange(100.0)

    def function(graph, x, y):
        held = [graph.constant(large), graph.constant(large.copy())]
        found = [graph.lookup(x, IDS), graph.lookup(y, IDS)]
        return [graph.gather(one, places) for one, places in zip(held, found, strict=True)]

    lists = np.array([["a", "b"], ["", "ö"]], object)
    called = Function(function, [TEXTS, lists], axes=[1, 2])
    one, other = called(TEXTS, lists)
    assert one.tolist() == [2, 0, 4, 0, 3]
    assert other.tolist() == [[2, 1], [0, 3]]
    kinds = [node.op_type for node in called.model.graph.node]
    assert kinds.count("LabelEncoder") == 1
    assert sum(tensor.dims == [100] for tensor in called.model.graph.initializer) == 1
