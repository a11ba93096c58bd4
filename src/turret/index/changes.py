"""The log of changes: each is on the disk before it is acknowledged, and survives the process.

The file begins with a line that names the format and what it belongs to. Each record is its length
and its CRC-32, four bytes each, little-endian, and a MessagePack map. A record that a crash cut
short was not acknowledged; it is dropped when the log is opened.
"""

import io
import os
import zlib
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import polars as pl
from jaxtyping import Float32

from turret.errors import CandidateIndexError
from turret.index.records import HEAD, DamagedError, records
from turret.storage import regular
from turret.storage.locking import locked

__all__ = [
    "Change",
    "ChangeLog",
    "columns_of",
    "forgetting",
    "put",
    "removal",
    "sight",
    "vectors_of",
]

_FORMAT = "turret-changes 1"


class Change(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One change, made at once or not at all.

    Attributes:
        op: `put` adds candidates or replaces those of the same ids, `remove` takes them away; a
            query `saw` candidates, or what is known of it is to be `forget`.
        ids: of the candidates.
        vectors: for `put`, the vectors one after another, float32, little-endian.
        columns: for `put`, what is known of the candidates, as an Arrow file; empty for nothing.
        query: for `saw` and `forget`, the id of the query.
    """

    op: Literal["put", "remove", "saw", "forget"]
    ids: tuple[str, ...] = ()
    vectors: bytes = b""
    columns: bytes = b""
    query: str = ""

    @property
    def of_candidates(self) -> bool:
        """Whether it changes candidates, not what is known of queries."""
        return self.op in ("put", "remove")


def put(
    ids: tuple[str, ...],
    vectors: Float32[np.ndarray, "m d"],
    columns: pl.DataFrame | None = None,
) -> Change:
    """A change that adds or replaces candidates.

    Args:
        ids: their ids.
        vectors: their vectors, `[m, d]`.
        columns: what is known of each, a row each.

    Returns:
        The change.
    """
    table = io.BytesIO()
    if columns is not None:
        columns.write_ipc(table)
    return Change(
        op="put", ids=ids, vectors=vectors.astype("<f4").tobytes(), columns=table.getvalue()
    )


def removal(ids: tuple[str, ...]) -> Change:
    """A change that takes candidates away.

    Args:
        ids: their ids.

    Returns:
        The change.
    """
    return Change(op="remove", ids=ids)


def sight(query: str, ids: tuple[str, ...]) -> Change:
    """A change that says what a query saw.

    Args:
        query: the id of the query.
        ids: of the candidates, the most recent last.

    Returns:
        The change.
    """
    return Change(op="saw", ids=ids, query=query)


def forgetting(query: str) -> Change:
    """A change that takes away what is known of a query.

    Args:
        query: its id.

    Returns:
        The change.
    """
    return Change(op="forget", query=query)


def columns_of(change: Change) -> pl.DataFrame | None:
    """What a change knows of its candidates.

    Args:
        change: a `put`.

    Returns:
        A row for each, or None.

    Raises:
        CandidateIndexError: if they cannot be read.
    """
    if not change.columns:
        return None
    try:
        return pl.read_ipc(io.BytesIO(change.columns))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise CandidateIndexError(
            f"a logged change has columns that cannot be read: {error}"
        ) from error


def vectors_of(change: Change, dim: int) -> Float32[np.ndarray, "m d"]:
    """The vectors of a change.

    Args:
        change: a `put`.
        dim: the length of a vector.

    Returns:
        `[m, d]`.

    Raises:
        CandidateIndexError: if they are of another length, or not finite.
    """
    if len(change.vectors) != 4 * dim * len(change.ids):
        raise CandidateIndexError(
            "a logged change has vectors of another length",
            got=f"{len(change.vectors)} bytes for {len(change.ids)} candidates",
            expected=f"{4 * dim} bytes each",
        )
    vectors = np.frombuffer(change.vectors, dtype="<f4").reshape(-1, dim).astype(np.float32)
    if not np.isfinite(vectors).all():
        raise CandidateIndexError("a logged change has a vector that is not finite")
    return vectors


_BEGIN = msgspec.msgpack.encode(removal(()))[:4]
"""A map of as many entries as a change has, the first of which is `op`."""


class ChangeLog:
    """A log that is open for one writer.

    Args:
        path: the file; made where there is none.
        belongs_to: names what is changed; a log of something else is refused.

    Raises:
        CandidateIndexError: if the file is damaged or belongs to something else, or another
            process has it open.
    """

    def __init__(self, path: Path, *, belongs_to: str) -> None:
        """Open the log, lock it, and drop what a crash cut short."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        if path.exists() and not path.is_file():
            raise CandidateIndexError(f"{path} is no regular file", fix="Take it away.")
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._lock()
            data = _content(path)
            line = f"{_FORMAT} {belongs_to}\n".encode()
            if len(data) < len(line) and line.startswith(data):
                os.ftruncate(self._file, 0)
                os.pwrite(self._file, line, 0)
                data = line
            self.changes, end = _read(data, path, belongs_to=belongs_to)
            os.ftruncate(self._file, end)
            os.fsync(self._file)
            _flush_folder(path.parent)
        except BaseException:
            os.close(self._file)
            raise
        self._end = end

    @classmethod
    def peek(cls, path: Path, *, belongs_to: str) -> list[Change]:
        """Reads the changes of a log without opening it for writing.

        Args:
            path: the file; without it there are none.
            belongs_to: names what is changed.

        Returns:
            The acknowledged changes, the oldest first.

        Raises:
            CandidateIndexError: if the file is damaged or belongs to something else.
        """
        if not path.exists():
            return []
        data = _content(path)
        if f"{_FORMAT} {belongs_to}\n".encode().startswith(data):
            return []
        return _read(data, path, belongs_to=belongs_to)[0]

    def append(self, *changes: Change) -> None:
        """Writes changes and waits until they are on the disk.

        Args:
            *changes: what to write, the oldest first.
        """
        payloads = [msgspec.msgpack.encode(change) for change in changes]
        record = b"".join(
            part
            for payload in payloads
            for part in (HEAD.pack(len(payload), zlib.crc32(payload)), payload)
        )
        try:
            done = 0
            while done < len(record):
                done += os.pwrite(self._file, record[done:], self._end + done)
            os.fsync(self._file)
        except OSError:
            # What was not acknowledged must not be found later.
            os.ftruncate(self._file, self._end)
            raise
        self._end += len(record)

    def close(self) -> None:
        """Closes the file; it can then be opened by another."""
        os.close(self._file)

    def _lock(self) -> None:
        if not locked(self._file):
            raise CandidateIndexError(f"another writer has {self.path} open", fix="Close it first.")


def _read(data: bytes, path: Path, *, belongs_to: str) -> tuple[list[Change], int]:
    """The whole records, and where they end."""
    line = f"{_FORMAT} {belongs_to}\n".encode()
    if not data.startswith(line):
        raise CandidateIndexError(
            f"{path} is not the log of these candidates",
            got=data.split(b"\n")[0][:100].decode(errors="replace"),
            expected=line.decode().strip(),
        )
    changes: list[Change] = []
    end = len(line)
    try:
        for payload, after in records(data, len(line), begin=_BEGIN):
            changes.append(msgspec.msgpack.decode(payload, type=Change))
            end = after
    except DamagedError as error:
        raise CandidateIndexError(
            f"{path} is damaged at byte {error.at}", fix="Restore a copy."
        ) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise CandidateIndexError(
            f"{path} holds a record that is no change: {error}", fix="Restore a copy."
        ) from error
    return changes, end


def _content(path: Path) -> bytes:
    try:
        with regular.opened(path) as file:
            return file.read()
    except OSError as error:
        raise CandidateIndexError(f"{path} cannot be read: {error}") from error


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
