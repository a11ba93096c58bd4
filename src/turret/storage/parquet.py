"""Parquet by strangers: what a table will take in memory is known before it is read.

A few bytes of Parquet can stand for any number of values: a page says how long it is once
decompressed, a run how often a value is repeated. The library believes that. So what a file says of
itself is read first, and what that comes to must be within an allowance.
"""

import threading
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import polars as pl

from turret.storage.pages import VALUE_BYTES, Plan, planned
from turret.storage.standard_error import sifted

__all__ = ["LEAST_ALLOWED", "TIMES_ALLOWED", "Allowance", "read"]

LEAST_ALLOWED = 256 * 1024 * 1024
"""The bytes in memory that the tables of any directory may come to."""

TIMES_ALLOWED = 64
"""So many times the bytes of its files the tables of a directory may come to."""


class Allowance:
    """How much memory tables may still take.

    Args:
        most: bytes.
    """

    def __init__(self, most: int) -> None:
        """Begin with all of it."""
        self.left = most

    @classmethod
    def of(cls, size: int) -> "Allowance":
        """The allowance of files.

        Args:
            size: the bytes of all of them.

        Returns:
            An allowance of which nothing is spent.
        """
        return cls(max(LEAST_ALLOWED, TIMES_ALLOWED * size))

    def spend(self, amount: int) -> None:
        """Take something of it.

        Args:
            amount: bytes.

        Raises:
            ValueError: if there is not so much left.
        """
        if amount > self.left:
            raise ValueError(
                f"it would take {amount:,} bytes in memory, and {self.left:,} are left for tables "
                "in a directory of this size"
            )
        self.left -= amount


def read(path: Path, allowance: Allowance) -> pl.DataFrame:
    """Reads a table.

    Args:
        path: the file.
        allowance: what it may take in memory.

    Returns:
        The whole table.

    Raises:
        ValueError: if it would take more, or what it says of itself cannot be.
        OSError: if it is no regular file.
        polars.exceptions.PolarsError: if it cannot be read otherwise.
    """
    plan = planned(path)
    with _without_panics():
        schema = pl.read_parquet_schema(path)
        allowance.spend(plan.bytes + sum(_padding(dtype, plan) for dtype in schema.values()))
        table = pl.read_parquet(path, glob=False, hive_partitioning=False)
    if table.height != plan.rows:
        raise ValueError(f"it names {plan.rows:,} rows and has {table.height:,}")
    allowance.spend(sum(map(_text_bytes, table)))
    return table


@contextmanager
def _without_panics() -> Generator[None]:
    """Turns a panic of Polars into an error like others, told once and not by the library, too."""
    panicked = False

    def passes(_: bytes) -> bool:
        return not panicked

    # Where others may write to the stream meanwhile, the library's lines stay among theirs.
    alone = threading.active_count() == 1
    with sifted(passes) if alone else nullcontext():
        try:
            yield
        except pl.exceptions.PanicException as panic:
            panicked = True
            raise ValueError(f"its content cannot be: {str(panic)[:200]}") from panic


def _padding(dtype: object, plan: Plan, *, inside: bool = False) -> int:
    """What arrays of a fixed width take where they are missing: no page says that."""
    if isinstance(dtype, pl.Struct):
        return sum(_padding(one, plan, inside=inside) for one in dtype.to_schema().values())
    inner = getattr(dtype, "inner", None)
    if not isinstance(inner, pl.DataType):
        return 0
    if isinstance(dtype, pl.Array):
        own = VALUE_BYTES * (plan.values if inside else plan.rows)
        return dtype.size * (own + _padding(inner, plan, inside=True))
    return _padding(inner, plan, inside=True)


def _text_bytes(column: pl.Series) -> int:
    """The bytes of all texts, each counted as often as it stands there."""
    dtype = column.dtype
    if dtype == pl.String:
        return int(column.str.len_bytes().cast(pl.UInt64).sum())
    if dtype == pl.Binary:
        return int(column.bin.size().cast(pl.UInt64).sum())
    if isinstance(dtype, pl.List | pl.Array):
        nested = any(kind in str(dtype) for kind in ("String", "Binary"))
        return _text_bytes(column.explode()) if nested else 0
    if isinstance(dtype, pl.Struct):
        return sum(map(_text_bytes, column.struct.unnest()))
    return 0
