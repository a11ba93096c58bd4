"""What a Parquet file says of itself: its footer and the head of each page, and none of its values.

Reference: https://parquet.apache.org/docs/file-format/
"""

import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from turret.storage import regular
from turret.storage.thrift import Fields, number, struct, structs

__all__ = ["VALUE_BYTES", "Plan", "planned"]

VALUE_BYTES = 16
"""What one value takes in memory at most, but for text and for values of a fixed length."""

_MAGIC = b"PAR1"
_TAIL = 8
_PAGES_ALWAYS = 10_000
_BYTES_A_PAGE = 64
_DEEPEST_SCHEMA = 8
_MOST_ELEMENTS = 10_000
_LONGEST_FIXED = 4096
_NOTE, _NOTE_AN_ELEMENT = 4096, 1024
_REPEATED = 2
_DATA, _INDEX, _DICTIONARY, _DATA_2 = 0, 1, 2, 3
# PLAIN, PLAIN_DICTIONARY, RLE, BIT_PACKED, DELTA_BINARY_PACKED, DELTA_LENGTH_BYTE_ARRAY,
# RLE_DICTIONARY, BYTE_STREAM_SPLIT. Not DELTA_BYTE_ARRAY, whose values repeat parts of others.
_ENCODINGS = frozenset((0, 2, 3, 4, 5, 6, 8, 9))


@dataclass(frozen=True)
class Plan:
    """What a file says that it holds.

    Attributes:
        rows: how many there are.
        values: of all columns, those that are missing and those in lists included.
        bytes: what its pages and its values come to in memory.
    """

    rows: int
    values: int
    bytes: int


@dataclass(frozen=True)
class _Found:
    """What a column, or all of them, come to."""

    values: int = 0
    bytes: int = 0
    pages: int = 0

    def __add__(self, other: "_Found") -> "_Found":
        return _Found(
            self.values + other.values, self.bytes + other.bytes, self.pages + other.pages
        )


def planned(path: Path) -> Plan:
    """Reads the metadata of a file and of its pages.

    Args:
        path: the file.

    Returns:
        What it holds.

    Raises:
        ValueError: if the metadata are damaged, or ask for what no table needs.
        OSError: if it is no regular file.
    """
    with regular.opened(path) as file:
        length = file.seek(0, 2)
        if length < len(_MAGIC) + _TAIL:
            raise ValueError("it is no Parquet file: it is too short")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            footer = _footer(data)
            schema = structs(footer, 2)
            columns = _columns(schema)
            _refuse_a_long_note(footer, elements=len(schema))
            found, rows = _Found(), 0
            for group in structs(footer, 4):
                rows += number(group, 3)
                for chunk, (width, alone) in zip(structs(group, 1), columns, strict=True):
                    one = _column(data, chunk, width=width)
                    if alone and one.values != number(group, 3):
                        raise ValueError("it has a column of another length than the rest")
                    found += one
                    if found.pages > _PAGES_ALWAYS + length // _BYTES_A_PAGE:
                        raise ValueError(f"it has more than {found.pages:,} pages")
    if rows != number(footer, 3):
        raise ValueError(f"it names {number(footer, 3):,} rows, and its parts {rows:,}")
    # A row takes something even where there is no column.
    return Plan(rows=rows, values=found.values, bytes=found.bytes + rows)


def _footer(data: mmap.mmap) -> Fields:
    length = int.from_bytes(data[-_TAIL:-4], "little")
    if data[:4] != _MAGIC or data[-4:] != _MAGIC:
        raise ValueError("it is no Parquet file")
    if length > min(len(data) - len(_MAGIC) - _TAIL, regular.MOST_TEXT):
        raise ValueError(f"its metadata would have {length:,} bytes")
    return struct(data[-_TAIL - length : -_TAIL])[0]


def _columns(schema: list[Fields]) -> list[tuple[int, bool]]:
    """For each column the bytes of a value in memory, and whether each row has one value."""
    if not 0 < len(schema) <= _MOST_ELEMENTS:
        raise ValueError(f"its schema has {len(schema):,} elements")
    columns: list[tuple[int, bool]] = []
    left, repeated = [1], [False]
    for element in schema:
        if not left or len(left) > _DEEPEST_SCHEMA:
            raise ValueError("its schema is nested too deeply, or does not end where it says")
        left[-1] -= 1
        several = repeated[-1] or element.get(3) == _REPEATED
        if 5 in element:
            left.append(number(element, 5))
            repeated.append(several)
        else:
            fixed = number(element, 2) if 2 in element else 0
            if fixed > _LONGEST_FIXED:
                raise ValueError(f"it has values of {fixed:,} bytes each")
            columns.append((max(VALUE_BYTES, fixed), not several))
        while left and left[-1] == 0:
            left.pop()
            repeated.pop()
    if left:
        raise ValueError("its schema ends too early")
    return columns


def _refuse_a_long_note(footer: Fields, *, elements: int) -> None:
    """What Arrow notes of the schema is nested in its own way, and the library follows it."""
    most = _NOTE + _NOTE_AN_ELEMENT * elements
    for pair in structs(footer, 5) if 5 in footer else []:
        value = pair.get(2)
        if pair.get(1) == b"ARROW:schema" and isinstance(value, bytes) and len(value) > most:
            raise ValueError(f"its schema is noted once more in {len(value):,} bytes")


def _column(data: mmap.mmap, chunk: Fields, *, width: int) -> _Found:
    """What a column comes to in one group of rows."""
    if 1 in chunk:
        raise ValueError("it has a column that lies in another file")
    if 8 in chunk or 9 in chunk:
        raise ValueError("it has a column that is encrypted")
    meta = _inner(chunk, 3, "a column without metadata")
    at = number(meta, 9)
    if number({11: 0, **meta}, 11) > 0:
        at = min(at, number(meta, 11))
    end = at + number(meta, 7)
    if end > len(data) - _TAIL:
        raise ValueError("it has a column that ends behind the file")
    found = _Found()
    while at < end:
        head, at = struct(data, at)
        found += _page(head)
        at += number(head, 3)
    if at != end or found.values != number(meta, 5):
        raise ValueError("it has a column whose pages are not what it says of them")
    return found + _Found(bytes=found.values * width)


def _page(head: Fields) -> _Found:
    """The values of a page that count for its column, and its bytes once decompressed."""
    kind, size = number(head, 1), number(head, 2)
    if kind == _INDEX:
        return _Found(bytes=size, pages=1)
    if kind not in (_DATA, _DATA_2, _DICTIONARY):
        raise ValueError(f"it has a page of the unknown kind {kind}")
    field, place = {_DATA: (5, 2), _DATA_2: (8, 4), _DICTIONARY: (7, 2)}[kind]
    inner = _inner(head, field, "a page without a head")
    encoding, count = number(inner, place), number(inner, 1)
    if encoding not in _ENCODINGS:
        raise ValueError(f"it has a page in the encoding {encoding}, which is not read")
    if kind == _DICTIONARY:
        return _Found(bytes=size + VALUE_BYTES * count, pages=1)
    return _Found(values=count, bytes=size, pages=1)


def _inner(fields: Fields, field: int, lacking: str) -> Fields:
    value = fields.get(field)
    if not isinstance(value, dict):
        raise ValueError(f"it has {lacking}")
    return cast("Fields", value)
