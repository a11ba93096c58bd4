"""A data set as three Parquet files that `sources` reads back."""

import os
from pathlib import Path

import polars as pl

from turret.data.dataset import Dataset
from turret.errors import DataError

__all__ = ["interactions_table", "write_tables"]


def interactions_table(dataset: Dataset) -> pl.DataFrame:
    """Turn the events of a data set back into one table of ids.

    Args:
        dataset: the data set.

    Returns:
        One row an event, in order: both ids as text, and `timestamp` (seconds since 1970 UTC) and
        `weight` where the data set has them.

    Example:
        >>> events = {"user_id": [1, 2], "item": ["b", "a"]}
        >>> dataset = Dataset.from_frames(events, query_id="user_id", candidate_id="item")
        >>> interactions_table(dataset).rows()
        [('1', 'b'), ('2', 'a')]
    """
    events = dataset.interactions
    columns = [
        dataset.query_ids.gather(events.query_row),
        dataset.candidate_ids.gather(events.candidate_row),
    ]
    if events.timestamp is not None:
        columns.append(pl.Series("timestamp", events.timestamp))
    if events.weight is not None:
        columns.append(pl.Series("weight", events.weight))
    return pl.DataFrame(columns)


def write_tables(dataset: Dataset, directory: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Write `interactions.parquet`, `queries.parquet` and `candidates.parquet`.

    Each file appears whole or not at all; one of that name that is there is replaced.

    Args:
        dataset: the data set.
        directory: where to; it is made when it is not there.

    Returns:
        The paths of the three files.

    Raises:
        DataError: the directory cannot be made or written to.
    """
    folder = Path(directory)
    tables = {
        "interactions.parquet": interactions_table(dataset),
        "queries.parquet": dataset.queries,
        "candidates.parquet": dataset.candidates,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            beside = folder / f".{name}.{os.getpid()}"
            table.write_parquet(beside)
            beside.replace(folder / name)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"{str(folder)!r} cannot be written to: {reason}") from error
    return tuple(folder / name for name in tables)
