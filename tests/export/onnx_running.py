"""Running ONNX models in tests."""

from collections.abc import Callable, Sequence

import numpy as np
import onnx
import onnxruntime

from turret.export.onnx.graph import OnnxGraph
from turret.export.onnx.value import OnnxValue


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """A checked model, on one thread, and silent but for errors."""
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


class Function:
    """A function of graphs that is called with arrays.

    Args:
        function: from a graph and values to values.
        like: an array for each value, of its dtype and as many axes.
        axes: how many axes each value that it gives has.
    """

    def __init__(
        self,
        function: Callable[..., Sequence[OnnxValue]],
        like: Sequence[np.ndarray],
        *,
        axes: Sequence[int],
    ) -> None:
        graph = OnnxGraph()
        given = [
            graph.nodes.input(
                f"x{place}", array.dtype, [f"x{place}_{a}" for a in range(array.ndim)]
            )
            for place, array in enumerate(like)
        ]
        for place, (value, n) in enumerate(zip(function(graph, *given), axes, strict=True)):
            graph.nodes.output(value, f"y{place}", [f"y{place}_{axis}" for axis in range(n)])
        self.model = graph.nodes.model("test", doc="", metadata={})
        self.session = session(self.model)

    def __call__(self, *arrays: np.ndarray) -> list[np.ndarray]:
        given = {f"x{place}": one for place, one in enumerate(arrays)}
        return [np.asarray(one) for one in self.session.run(None, given)]
