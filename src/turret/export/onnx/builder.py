"""An ONNX model put together node by node.

A `Builder` knows names, constants and the order of nodes; what a model computes is said elsewhere,
in `onnx_graph`. Every value carries its dtype, since ONNX converts nothing by itself.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from turret.export.onnx.tables import Table, with_tables
from turret.export.onnx.value import STRING, OnnxValue
from turret.storage.naming import unlike

__all__ = ["OPSETS", "Builder"]

OPSETS = {"": 20, "ai.onnx.ml": 4, "com.microsoft": 1}
"""The version of each set of operators that models are written in."""

_IR_VERSION = 9


class Builder:
    """The nodes of one model, in any order."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._nodes: list[onnx.NodeProto] = []
        self._tables: dict[int, Table] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], OnnxValue] = {}
        self._initializers: list[onnx.TensorProto] = []
        self._told: list[onnx.ValueInfoProto] = []
        self._number = 0

    def input(
        self,
        name: str,
        dtype: np.dtype,
        shape: Sequence[str | int],
        *,
        default: np.ndarray | None = None,
    ) -> OnnxValue:
        """Declare an input.

        Args:
            name: what callers call it.
            dtype: its dtype.
            shape: a number for each axis, or a name where it is free.
            default: what it is when a caller leaves it out; None: it must be given.

        Returns:
            The value.
        """
        self._inputs.append(helper.make_tensor_value_info(name, _element(dtype), shape))
        if default is not None:
            self._initializers.append(numpy_helper.from_array(default.astype(dtype), name))
        return OnnxValue(self, name, dtype)

    def free(self, name: str) -> str:
        """The name, with underscores behind it while an input or an output is called so."""
        return unlike(name, {one.name for one in [*self._inputs, *self._outputs]})

    def output(self, value: OnnxValue, name: str, shape: Sequence[str | int]) -> None:
        """Declare an output.

        Args:
            value: what is given.
            name: what callers call it.
            shape: as for `input`.
        """
        self._nodes.append(helper.make_node("Identity", [value.name], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, _element(value.dtype), shape))

    def constant(self, array: np.ndarray) -> OnnxValue:
        """A constant; equal ones are kept once.

        Args:
            array: of numbers, truth values or text.

        Returns:
            The value.
        """
        data = repr(array.tolist()).encode() if array.dtype == STRING else array.tobytes()
        key = (str(array.dtype), array.shape, hashlib.sha256(data).digest())
        if key not in self._constants:
            name = self._new("constant")
            self._initializers.append(numpy_helper.from_array(array, name))
            self._constants[key] = OnnxValue(self, name, array.dtype)
        return self._constants[key]

    def add(
        self,
        kind: str,
        inputs: Sequence[OnnxValue],
        dtype: Any,
        *,
        domain: str = "",
        **attributes: Any,
    ) -> OnnxValue:
        """Add a node with one output.

        Args:
            kind: the operator.
            inputs: what it reads.
            dtype: of what it gives.
            domain: the set of operators.
            **attributes: of the operator.

        Returns:
            What it gives.
        """
        return self.add_several(kind, inputs, [dtype], domain=domain, **attributes)[0]

    def add_several(
        self,
        kind: str,
        inputs: Sequence[OnnxValue],
        dtypes: Sequence[Any],
        *,
        domain: str = "",
        **attributes: Any,
    ) -> list[OnnxValue]:
        """Add a node with several outputs; see `add`."""
        outputs = [OnnxValue(self, self._new(kind), np.dtype(dtype)) for dtype in dtypes]
        names = [value.name for value in inputs], [value.name for value in outputs]
        self._nodes.append(helper.make_node(kind, *names, domain=domain, **attributes))
        if domain == "com.microsoft":
            # What checks a model knows these operators no types, and dies where it needs one.
            self._told.extend(_unshaped(value) for value in outputs)
        return outputs

    def repeat(
        self,
        times: OnnxValue,
        state: Sequence[OnnxValue],
        step: Callable[[OnnxValue, Sequence[OnnxValue]], Sequence[OnnxValue]],
    ) -> list[OnnxValue]:
        """Do something again and again.

        Args:
            times: how often, an int64 scalar.
            state: what it begins with.
            step: from the number of the step, from 0, and the state to the next one.

        Returns:
            The last state.
        """
        outside, self._nodes = self._nodes, []
        number = OnnxValue(self, self._new("number"), np.dtype(np.int64))
        on, on_too = (OnnxValue(self, self._new("on"), np.dtype(np.bool_)) for _ in range(2))
        before, after, last = (
            [OnnxValue(self, self._new("state"), one.dtype) for one in state] for _ in range(3)
        )
        for given, result in zip([on, *step(number, before)], [on_too, *after], strict=True):
            self._nodes.append(helper.make_node("Identity", [given.name], [result.name]))
        scalars = [
            helper.make_tensor_value_info(one.name, _element(one.dtype), [])
            for one in (number, on, on_too)
        ]
        inputs = [*scalars[:2], *map(_unshaped, before)]
        outputs = [scalars[2], *map(_unshaped, after)]
        body = helper.make_graph(self._nodes, "step", inputs, outputs)
        self._nodes = outside
        names = [times.name, "", *(one.name for one in state)], [one.name for one in last]
        self._nodes.append(helper.make_node("Loop", *names, body=body))
        return last

    def either(
        self, condition: OnnxValue, one: OnnxValue, other: Callable[[], OnnxValue]
    ) -> OnnxValue:
        """One of two values, as a whole.

        Args:
            condition: a truth value without axes.
            one: what is given if it holds.
            other: makes what is given if not; it is computed then alone.

        Returns:
            The value.
        """
        made = [self._branch(lambda: one), self._branch(other)]
        result = OnnxValue(self, self._new("If"), one.dtype)
        branches = dict(zip(("then_branch", "else_branch"), made, strict=True))
        self._nodes.append(helper.make_node("If", [condition.name], [result.name], **branches))
        return result

    def _branch(self, make: Callable[[], OnnxValue]) -> onnx.GraphProto:
        """A graph inside this one, of what is made meanwhile."""
        outside, self._nodes = self._nodes, []
        value = make()
        result = OnnxValue(self, self._new("branch"), value.dtype)
        self._nodes.append(helper.make_node("Identity", [value.name], [result.name]))
        graph = helper.make_graph(self._nodes, "branch", [], [_unshaped(result)])
        self._nodes = outside
        return graph

    def look_up(self, texts: OnnxValue, keys: Iterable[str], values: Sequence[int]) -> OnnxValue:
        """The number of each text by a table, which the model keeps once for all who look it up.

        Args:
            texts: of any shape.
            keys: the texts that have a number, the same object for the same table.
            values: their numbers.

        Returns:
            int64 of the shape of `texts`; 0 for a text without a number.
        """
        found = OnnxValue(self, self._new("found"), np.dtype(np.int64))
        table = self._tables.setdefault(id(keys), Table(keys, values))
        table.asked.append((texts.name, found.name))
        return found

    def model(self, name: str, *, doc: str, metadata: Mapping[str, str]) -> onnx.ModelProto:
        """Finish the model.

        Args:
            name: of its graph.
            doc: what it is, in words.
            metadata: further facts, by name.

        Returns:
            The model, its nodes in an order in which each reads what others gave before.
        """
        nodes = with_tables(self._nodes, list(self._tables.values()))
        graph = helper.make_graph(
            nodes, name, self._inputs, self._outputs, self._initializers, value_info=self._told
        )
        used = {node.domain for node in nodes} | {""}
        opsets = [helper.make_opsetid(one, OPSETS[one]) for one in OPSETS if one in used]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)
        model.producer_name, model.doc_string = "turret", doc
        helper.set_model_props(model, dict(metadata))
        return model

    def _new(self, kind: str) -> str:
        self._number += 1
        return f"/{kind}_{self._number}"


def _unshaped(value: OnnxValue) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(value.name, _element(value.dtype), None)


def _element(dtype: np.dtype) -> int:
    """The number by which ONNX calls a dtype."""
    if dtype == STRING:
        return onnx.TensorProto.STRING
    return helper.np_dtype_to_tensor_dtype(dtype)
