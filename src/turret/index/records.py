"""The records of a log: a write that a crash cut short is told from a record that was damaged.

Both show as a record that is not what its checksum says, at the end of the file. One that was cut
short was never acknowledged and is dropped. One in which a bit was flipped was, and must not be:
it is recognised because the flip can be undone, or because whole records follow it.
"""

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from jaxtyping import UInt32

__all__ = ["HEAD", "DamagedError", "records"]

HEAD = struct.Struct("<II")
"""What stands before a record: its length and its CRC-32."""

_LENGTH_BITS = 32
_MOST_MENDED = 1 << 20


class DamagedError(ValueError):
    """A record was damaged after it was written whole.

    Args:
        at: where it begins.
    """

    def __init__(self, at: int) -> None:
        """Keep the place."""
        super().__init__(f"a record is damaged at byte {at}")
        self.at = at


def records(data: bytes, at: int, *, begin: bytes) -> Iterator[tuple[bytes, int]]:
    """Reads the whole records.

    Args:
        data: the file.
        at: where the first one begins.
        begin: what every record begins with, a few bytes: what tells where one may stand.

    Yields:
        Each record, and where it ends.

    Raises:
        DamagedError: if one is damaged.
    """
    while at + HEAD.size <= len(data):
        length, checksum = HEAD.unpack_from(data, at)
        end = at + HEAD.size + length
        payload = data[at + HEAD.size : end]
        if end <= len(data) and length > 0 and zlib.crc32(payload) == checksum:
            yield payload, end
            at = end
            continue
        if not any(data[at:]):
            return
        if end < len(data) or _follows(data, at + HEAD.size, begin) or _is_flip_of_length(data, at):
            raise DamagedError(at)
        if end == len(data) and _is_one_flip(payload, checksum):
            raise DamagedError(at)
        return


def _follows(data: bytes, start: int, begin: bytes) -> bool:
    """Whether a whole record stands somewhere from a place on."""
    found = data.find(begin, start + HEAD.size)
    while found >= 0:
        length, checksum = HEAD.unpack_from(data, found - HEAD.size)
        if _is_whole(data, found, length=length, checksum=checksum):
            return True
        found = data.find(begin, found + 1)
    return False


def _is_flip_of_length(data: bytes, at: int) -> bool:
    """Whether one flipped bit in the length of a record is all that is wrong."""
    length, checksum = HEAD.unpack_from(data, at)
    return any(
        _is_whole(data, at + HEAD.size, length=length ^ 1 << bit, checksum=checksum)
        for bit in range(_LENGTH_BITS)
    )


def _is_whole(data: bytes, start: int, *, length: int, checksum: int) -> bool:
    """Whether a record of a length stands at a place."""
    if not 0 < length <= len(data) - start:
        return False
    return zlib.crc32(memoryview(data)[start : start + length]) == checksum


def _is_one_flip(payload: bytes, checksum: int) -> bool:
    """Whether one flipped bit, in a record or its checksum, is all that is wrong.

    What a flip does to a CRC depends on its distance from the end alone.
    """
    wrong = zlib.crc32(payload) ^ checksum
    if wrong.bit_count() == 1:
        return True
    if not 0 < len(payload) <= _MOST_MENDED:
        return False
    table = _table()
    flips = table[1 << np.arange(8)]
    for _ in payload:
        if (flips == wrong).any():
            return True
        flips = (flips >> np.uint32(8)) ^ table[flips & np.uint32(255)]
    return False


def _table() -> UInt32[np.ndarray, "256"]:
    """What a last byte does to a CRC-32, over what the byte 0 does."""
    nothing = zlib.crc32(b"\0")
    return np.array([zlib.crc32(bytes([byte])) ^ nothing for byte in range(256)], dtype=np.uint32)
