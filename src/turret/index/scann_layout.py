"""What ScaNN's protocol buffers look like for given settings, to the byte, but for their numbers.

The library believes what stands there, and a number in the wrong place ends the process. For given
settings everything but the centres is known: the configuration does not depend on the vectors, and
around the centres stands what follows from how many there are.
"""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from turret.storage import regular

__all__ = ["CENTRES", "CODEBOOK", "CONFIG", "PARTITIONER", "is_expected"]

CONFIG, CODEBOOK, PARTITIONER = "scann_config.pb", "ah_codebook.pb", "serialized_partitioner.pb"
CENTRES = 16
"""Codes of 4 bits: so many centres has a block of dimensions."""

_NONE = b"!" + np.float64("nan").tobytes()

Part = bytes | tuple[str, int]
"""What stands there: these bytes, or so many numbers of a type."""


def is_expected(
    directory: Path, *, dim: int, leaves: int, block: int, build: Callable[[np.ndarray], Any]
) -> bool:
    """Whether the protocol buffers are what this ScaNN would write, but for finite numbers.

    Args:
        directory: where they lie.
        dim: length of a vector.
        leaves: number of partitions.
        block: dimensions that share a code.
        build: makes a searcher of vectors with the settings of the index.

    Returns:
        Whether the library can be given the files. Those of a release that writes them otherwise
        are not expected either.

    Raises:
        OSError: if a file cannot be read.
    """
    parts = {CODEBOOK: list(_codebook(dim, block=block)), PARTITIONER: _partitioner(dim, leaves)}
    for name, layout in parts.items():
        length = sum(map(_length, layout))
        if (directory / name).lstat().st_size != length:
            return False
        if not _fits(regular.read_bytes(directory / name, most=length), layout):
            return False
    # Any vectors will do: too few would be clustered into fewer centres.
    some = np.random.default_rng(0).normal(size=(max(leaves, 256), dim)).astype(np.float32)
    with tempfile.TemporaryDirectory() as place:
        build(some).serialize(place, True)
        wanted = (Path(place) / CONFIG).read_bytes()
    if (directory / CONFIG).lstat().st_size != len(wanted):
        return False
    return regular.read_bytes(directory / CONFIG) == wanted


def _length(part: Part) -> int:
    return len(part) if isinstance(part, bytes) else np.dtype(part[0]).itemsize * part[1]


def _fits(data: bytes, layout: list[Part]) -> bool:
    at = 0
    for part in layout:
        piece = data[at : at + _length(part)]
        at += _length(part)
        if len(piece) != _length(part):
            return False
        if isinstance(part, bytes):
            if piece != part:
                return False
        elif not np.isfinite(np.frombuffer(piece, dtype=part[0])).all():
            return False
    return at == len(data)


def _varint(value: int) -> bytes:
    digits: list[int] = []
    while value >= 0x80:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])


def _message(field: int, parts: list[Part]) -> list[Part]:
    """A field that holds a message or bytes."""
    return [_varint(field << 3 | 2) + _varint(sum(map(_length, parts))), *parts]


def _codebook(dim: int, *, block: int) -> Iterator[Part]:
    for start in range(0, dim, block):
        centre = [b"\x08\x02", *_message(4, [("<f4", min(block, dim - start))])]
        yield from _message(1, _message(1, centre) * CENTRES)
    yield b"\x10\x00"


def _partitioner(dim: int, leaves: int) -> list[Part]:
    centres = _message(1, _message(1, [("<f8", dim)])) * leaves
    tokens: list[Part] = []
    for leaf in range(leaves):
        tokens += _message(3, [_NONE + b"(" + _varint(leaf)])
    tree = [*centres, *tokens, _NONE + b"(" + b"\xff" * 9 + b"\x01"]
    inner: list[Part] = [*_message(1, tree), b"\x18\x00"]
    return [b"\x08" + _varint(leaves), *_message(2, _message(1, inner))]
