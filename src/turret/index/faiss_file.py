"""Files of FAISS by strangers: read to their last byte here before the library reads them.

The library asks for as much memory as a file says it needs, and follows row numbers that it finds
there wherever they lead. So the two kinds of file that Turret writes are taken apart first: every
length must fit the file, and every row number must be a row.
"""

import struct
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from turret.errors import CandidateIndexError
from turret.storage import regular

__all__ = ["require_readable"]

_INNER_PRODUCT = 0


class _Bytes:
    """A file, mapped, read from its beginning to its end."""

    def __init__(self, data: Shaped[np.ndarray, " n"]) -> None:
        self.data, self.at = data, 0

    def take(self, length: int) -> Shaped[np.ndarray, " m"]:
        if not 0 <= length <= len(self.data) - self.at:
            raise ValueError("it ends too early")
        self.at += length
        return self.data[self.at - length : self.at]

    def one(self, code: str) -> Any:
        """A number, little-endian, by its code in `struct`."""
        (value,) = struct.unpack(f"<{code}", self.take(struct.calcsize(f"<{code}")).tobytes())
        return value

    def name(self) -> str:
        return self.take(4).tobytes().decode("latin-1")

    def many(self, dtype: str, *, unit: int = 1) -> Shaped[np.ndarray, " m"]:
        """A vector: how many there are of `unit` numbers each, and the numbers."""
        return self.take(self.one("Q") * np.dtype(dtype).itemsize * unit).view(dtype)


def require_readable(path: Path, *, size: int, dim: int, lists: int, links: int) -> None:
    """Refuses a file that the library should not see.

    Args:
        path: the file.
        size: number of candidates.
        dim: length of a vector.
        lists: number of inverted lists; 0 for a graph.
        links: links of a candidate in the graph; 0 for lists.

    Raises:
        CandidateIndexError: if it is not the file of an index of this kind and size.
    """
    try:
        with regular.opened(path) as file:
            data = np.memmap(file, dtype=np.uint8, mode="r").view(np.ndarray)
        rest = _Bytes(data)
        if links > 0:
            _graph(rest, size=size, dim=dim)
        else:
            _lists(rest, size=size, dim=dim, lists=lists)
        if rest.at != len(data):
            raise ValueError("it does not end where it should")
    except (OSError, ValueError) as error:
        raise CandidateIndexError(
            f"{path} is not the file of this index: {error}", fix="Build the index again."
        ) from error


def _require(found: object, wanted: object, what: str) -> None:
    if found != wanted:
        raise ValueError(f"{what} is {found!r} instead of {wanted!r}")


def _head(rest: _Bytes, kind: str, *, size: int, dim: int) -> None:
    """What every index begins with."""
    _require(rest.name(), kind, "its kind")
    _require(rest.one("i"), dim, "the length of a vector")
    _require(rest.one("q"), size, "the number of vectors")
    rest.take(16)
    _require(rest.one("B"), 1, "the sign that it is trained")
    _require(rest.one("i"), _INNER_PRODUCT, "the way to compare")


def _vectors(rest: _Bytes, *, size: int, dim: int) -> None:
    _head(rest, "IxFI", size=size, dim=dim)
    _require(len(rest.many("<f4")), size * dim, "the number of numbers")


def _lists(rest: _Bytes, *, size: int, dim: int, lists: int) -> None:
    _head(rest, "IwFl", size=size, dim=dim)
    _require(rest.one("Q"), lists, "the number of lists")
    rest.one("Q")
    _vectors(rest, size=lists, dim=dim)
    _require(rest.one("B"), 0, "the map of rows")
    _require(len(rest.many("<i8")), 0, "the length of that map")
    _require(rest.name(), "ilar", "the kind of its lists")
    _require(rest.one("Q"), lists, "the number of its lists")
    _require(rest.one("Q"), 4 * dim, "the bytes of a vector")
    lengths = _lengths(rest, lists=lists)
    _require(sum(lengths), size, "the number of vectors in lists")
    met = np.zeros(size, dtype=bool)
    for length in lengths:
        rest.take(length * 4 * dim)
        rows = rest.take(length * 8).view("<i8")
        if len(rows) and (rows.min() < 0 or rows.max() >= size):
            raise ValueError("a list holds a row that is none")
        met[rows] = True
    if not met.all():
        raise ValueError("a row is in no list")


def _lengths(rest: _Bytes, *, lists: int) -> list[int]:
    kind = rest.name()
    if kind == "full":
        lengths = rest.many("<u8").tolist()
        _require(len(lengths), lists, "the number of lengths")
        return lengths
    _require(kind, "sprs", "the kind of lengths")
    pairs = rest.many("<u8").reshape(-1, 2)
    found = [0] * lists
    for place, length in pairs.tolist():
        if place >= lists or found[place]:
            raise ValueError("it names a list that is none, or one twice")
        found[place] = length
    return found


def _graph(rest: _Bytes, *, size: int, dim: int) -> None:
    _head(rest, "IHNf", size=size, dim=dim)
    shares = rest.many("<f8")
    before = rest.many("<i4")
    levels = rest.many("<i4")
    offsets = rest.many("<u8")
    neighbours = rest.many("<i4")
    entry, highest = rest.one("i"), rest.one("i")
    rest.take(3 * 4)
    _vectors(rest, size=size, dim=dim)
    _require(len(levels), size, "the number of levels")
    _require(len(offsets), size + 1, "the number of offsets")
    if len(before) < 2 or len(shares) != len(before) - 1 or before[0] != 0:
        raise ValueError("its levels are not what they should be")
    if (before[1:] <= before[:-1]).any():
        raise ValueError("its levels do not grow")
    if levels.min() < 1 or levels.max() >= len(before) or highest != levels.max() - 1:
        raise ValueError("a candidate is at a level that is none")
    wanted = np.concatenate([[0], np.cumsum(before[levels], dtype=np.uint64)])
    if not np.array_equal(offsets, wanted) or len(neighbours) != wanted[-1]:
        raise ValueError("the links do not fit the levels")
    if neighbours.min() < -1 or neighbours.max() >= size or not 0 <= entry < size:
        raise ValueError("a link leads to a row that is none")
    if levels[entry] != highest + 1:
        raise ValueError("the search would begin at a level that is none")
    _require_links_within_levels(levels, before=before, offsets=offsets, neighbours=neighbours)


def _require_links_within_levels(
    levels: Shaped[np.ndarray, " n"],
    *,
    before: Shaped[np.ndarray, " levels"],
    offsets: Shaped[np.ndarray, " n+1"],
    neighbours: Shaped[np.ndarray, " links"],
) -> None:
    """At a level above the lowest a candidate is linked to those alone that are there too."""
    for level in range(1, int(levels.max())):
        there = np.flatnonzero(levels > level)
        width = int(before[level + 1] - before[level])
        starts = offsets[there].astype(np.int64) + int(before[level])
        linked = neighbours[starts[:, None] + np.arange(width)]
        if (levels[linked[linked >= 0]] <= level).any():
            raise ValueError("a link leads to a candidate that is not at its level")
