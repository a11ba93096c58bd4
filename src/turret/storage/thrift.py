"""The compact protocol of Thrift, in which Parquet writes its metadata: reading, strictly bounded.

Only what stands in a file is believed: a number of elements larger than the bytes that are left
is refused before anything is made of it.

Reference: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

import mmap
from typing import cast

__all__ = ["Fields", "number", "struct", "structs"]

Fields = dict[int, object]
"""The fields of a struct by number: truth values, whole numbers, bytes, lists, structs."""

_DEEPEST = 16
_MOST_DIGITS = 10


class _Reader:
    """Reads from a place in some bytes."""

    def __init__(self, data: memoryview, at: int) -> None:
        self.data, self.at = data, at

    def byte(self) -> int:
        if self.at >= len(self.data):
            raise ValueError("its metadata end too early")
        self.at += 1
        return self.data[self.at - 1]

    def varint(self) -> int:
        value = 0
        for digit in range(_MOST_DIGITS):
            byte = self.byte()
            value |= (byte & 0x7F) << (7 * digit)
            if byte < 0x80:
                return value
        raise ValueError("its metadata hold a number of more than 64 bits")

    def zigzag(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def raw(self, length: int) -> bytes:
        if length > len(self.data) - self.at:
            raise ValueError("its metadata end too early")
        self.at += length
        return bytes(self.data[self.at - length : self.at])

    def struct(self, depth: int = 0) -> Fields:
        if depth > _DEEPEST:
            raise ValueError("its metadata are nested too deeply")
        fields: Fields = {}
        number = 0
        while True:
            head = self.byte()
            if head == 0:
                return fields
            number = number + (head >> 4) if head >> 4 else self.zigzag()
            kind = head & 15
            if number in fields:
                raise ValueError("its metadata hold a field twice")
            fields[number] = kind == 1 if kind in (1, 2) else self.value(kind, depth)

    def value(self, kind: int, depth: int) -> object:
        if kind in (1, 2):
            return self.byte() == 1
        if kind == 3:
            return self.byte()
        if kind in (4, 5, 6):
            return self.zigzag()
        if kind == 7:
            return self.raw(8)
        if kind == 8:
            return self.raw(self.varint())
        if kind in (9, 10):
            return self.list(depth + 1)
        if kind == 12:
            return self.struct(depth + 1)
        raise ValueError(f"its metadata hold a value of the unknown type {kind}")

    def list(self, depth: int) -> list[object]:
        if depth > _DEEPEST:
            raise ValueError("its metadata are nested too deeply")
        head = self.byte()
        size = head >> 4 if head >> 4 < 15 else self.varint()
        if size > len(self.data) - self.at:
            raise ValueError("its metadata speak of more elements than they hold")
        return [self.value(head & 15, depth) for _ in range(size)]


def struct(data: bytes | mmap.mmap, at: int = 0) -> tuple[Fields, int]:
    """Reads one struct.

    Args:
        data: the bytes.
        at: where it begins.

    Returns:
        Its fields, and where it ends.

    Raises:
        ValueError: if it is no struct.

    Example:
        >>> struct(bytes([0x15, 0x04, 0x28, 1, 97, 0]))
        ({1: 2, 3: b'a'}, 6)
    """
    with memoryview(data) as view:
        reader = _Reader(view, at)
        return reader.struct(), reader.at


def number(fields: Fields, field: int) -> int:
    """A field that must be a whole number of at least 0.

    Args:
        fields: of a struct.
        field: its number.

    Raises:
        ValueError: if it is not.
    """
    value = fields.get(field)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"its metadata lack a number, field {field}")
    return value


def structs(fields: Fields, field: int) -> list[Fields]:
    """A field that must be a list of structs.

    Args:
        fields: of a struct.
        field: its number.

    Raises:
        ValueError: if it is not.
    """
    value = fields.get(field)
    if not isinstance(value, list):
        raise ValueError(f"its metadata lack a list, field {field}")
    items = cast("list[object]", value)
    if not all(isinstance(item, dict) for item in items):
        raise ValueError(f"its metadata hold another list, field {field}")
    return cast("list[Fields]", items)
