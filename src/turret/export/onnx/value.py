"""A value of an ONNX model, with Python's operators."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from onnx import helper

__all__ = ["STRING", "Nodes", "OnnxValue", "cast_to", "choose"]

STRING = np.dtype(object)
"""The dtype of text, as onnxruntime gives and takes it."""


@runtime_checkable
class Nodes(Protocol):
    """What a value asks of the model that it belongs to: `turret.export.onnx.builder.Builder`."""

    def add(
        self,
        kind: str,
        inputs: "Sequence[OnnxValue]",
        dtype: Any,
        *,
        domain: str = "",
        **attributes: Any,
    ) -> "OnnxValue":
        """Add a node with one output."""
        ...

    def constant(self, array: np.ndarray) -> "OnnxValue":
        """A constant; equal ones are kept once."""
        ...

    def look_up(
        self, texts: "OnnxValue", keys: Iterable[str], values: Sequence[int]
    ) -> "OnnxValue":
        """The number of each text by a table; 0 for one without a number."""
        ...


@dataclass(frozen=True, eq=False)
class OnnxValue:
    """A value that a model computes; see `turret.export.graph.Value`.

    Attributes:
        nodes: of the model.
        name: what nodes call it.
        dtype: its dtype; `STRING` for text.
    """

    nodes: Nodes = field(repr=False)
    name: str
    dtype: np.dtype

    def like(self, other: "OnnxValue | float | int | str") -> "OnnxValue":
        """A Python number or text as a constant of this value's dtype; a value as it is."""
        if isinstance(other, OnnxValue):
            return other
        return self.nodes.constant(np.array(other, self.dtype))

    def _with(
        self, kind: str, other: "OnnxValue | float | int | str", dtype: Any = None
    ) -> "OnnxValue":
        inputs = [self, self.like(other)]
        return self.nodes.add(kind, inputs, self.dtype if dtype is None else dtype)

    def __add__(self, other: "OnnxValue | float | int") -> "OnnxValue":
        """Add."""
        return self._with("Add", other)

    def __sub__(self, other: "OnnxValue | float | int") -> "OnnxValue":
        """Subtract."""
        return self._with("Sub", other)

    def __mul__(self, other: "OnnxValue | float | int") -> "OnnxValue":
        """Multiply."""
        return self._with("Mul", other)

    def __truediv__(self, other: "OnnxValue | float | int") -> "OnnxValue":
        """Divide."""
        return self._with("Div", other)

    def __mod__(self, other: "OnnxValue | float | int") -> "OnnxValue":
        """What is left of whole numbers after a division."""
        return self._with("Mod", other)

    def __rshift__(self, places: int) -> "OnnxValue":
        """Shift the bits of int64 as if it had no sign."""
        unsigned = np.dtype(np.uint64)
        bits = [cast_to(self, unsigned), self.nodes.constant(np.array(places, unsigned))]
        return cast_to(self.nodes.add("BitShift", bits, unsigned, direction="RIGHT"), self.dtype)

    def __xor__(self, other: "OnnxValue | float | int") -> "OnnxValue":
        """Either of each bit, not both."""
        return self._with("BitwiseXor", other)

    def __matmul__(self, other: "OnnxValue") -> "OnnxValue":
        """Multiply matrices."""
        return self._with("MatMul", other)

    # An object compares to a truth value; a tensor, as in NumPy, to a tensor of them.
    def __eq__(self, other: "OnnxValue | float | int | str") -> "OnnxValue":  # pyright: ignore[reportIncompatibleMethodOverride]
        """Compare."""
        return self._with("Equal", other, np.bool_)

    __hash__ = object.__hash__

    def __lt__(self, other: "OnnxValue | float | int") -> "OnnxValue":
        """Compare."""
        return self._with("Less", other, np.bool_)

    def __le__(self, other: "OnnxValue | float | int") -> "OnnxValue":
        """Compare."""
        return self._with("LessOrEqual", other, np.bool_)

    def __gt__(self, other: "OnnxValue | float | int") -> "OnnxValue":
        """Compare."""
        return self._with("Greater", other, np.bool_)

    def __ge__(self, other: "OnnxValue | float | int") -> "OnnxValue":
        """Compare."""
        return self._with("GreaterOrEqual", other, np.bool_)

    def __and__(self, other: "OnnxValue") -> "OnnxValue":
        """Both."""
        return self._with("And", other)

    def __or__(self, other: "OnnxValue") -> "OnnxValue":
        """Either."""
        return self._with("Or", other)

    def __invert__(self) -> "OnnxValue":
        """Not."""
        return self.nodes.add("Not", [self], np.bool_)


def cast_to(values: OnnxValue, dtype: np.dtype) -> OnnxValue:
    """Numbers, or texts that say numbers, as numbers of a dtype."""
    if values.dtype == dtype:
        return values
    to = helper.np_dtype_to_tensor_dtype(dtype)
    return values.nodes.add("Cast", [values], dtype, to=to)


def choose(condition: OnnxValue, one: OnnxValue, other: OnnxValue) -> OnnxValue:
    """`one` where the condition holds, else `other`."""
    nodes = one.nodes
    if one.dtype == np.bool_:
        # onnxruntime does not choose among these.
        return (condition & one) | (~condition & other)
    return nodes.add("Where", [condition, one, other], one.dtype)
