"""Tables that come frame by frame and go into one file, without ever being in memory whole."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
from polars.io.plugins import register_io_source

__all__ = ["stream"]

_ROW_GROUP = 1 << 20


def stream(frames: Iterator[pl.DataFrame], path: Path, *, row_group: int = _ROW_GROUP) -> None:
    """Writes frames, in order, into one file. The same frames give the same bytes.

    Args:
        frames: at least one; all of the same columns.
        path: the file: Parquet, CSV or, by any other ending, JSON lines.
        row_group: rows of a row group of Parquet.

    Example:
        >>> import tempfile
        >>> frames = (pl.DataFrame({"a": [number]}) for number in range(3))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     stream(frames, Path(folder) / "a.parquet")
        ...     pl.read_parquet(Path(folder) / "a.parquet")["a"].to_list()
        [0, 1, 2]
    """
    first = next(frames)

    def source(
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        # Nothing is chosen from what is written whole, so none of these is ever given.
        yield first
        yield from frames

    table = register_io_source(source, schema=first.schema)
    if path.suffix == ".parquet":
        table.sink_parquet(path, row_group_size=row_group)
    elif path.suffix == ".csv":
        table.sink_csv(path)
    else:
        table.sink_ndjson(path)
