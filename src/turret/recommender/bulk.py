"""The answers for every known query, streamed to a file."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Bool

from turret.errors import DataError
from turret.index.hits import Hits
from turret.recommender.recommender import Recommender

__all__ = ["SUFFIXES", "recommend_all"]

SUFFIXES = (".parquet", ".jsonl", ".ndjson", ".csv")
"""Endings of a file that decide its format: Parquet, JSON lines (two spellings), CSV."""


def recommend_all(
    recommender: Recommender,
    path: str | os.PathLike[str],
    *,
    k: int = 100,
    exclude_seen: bool = False,
    where: str | None = None,
    block: int = 2048,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write the top-k of every known query to a file, a block of queries in memory at a time.

    The file has one row an answer: the query's id, `rank` from 1, the candidate's id, `score`, and
    `fallback`. It appears whole or not at all.

    Args:
        recommender: What answers.
        path: The file; its ending is one of `SUFFIXES`. An existing file is replaced.
        k: Answers for each query.
        exclude_seen: Leave out what a query was trained on.
        where: A condition on the candidates' columns that all answers fulfil.
        block: Queries answered at once.
        progress: Told how many queries are done.

    Returns:
        The number of queries answered.

    Raises:
        DataError: The ending is another, or the folder does not exist.
    """
    target = Path(path)
    if target.suffix not in SUFFIXES:
        raise DataError(
            f"The ending of {str(target)!r} names no format",
            got=target.suffix,
            expected=" or ".join(SUFFIXES),
        )
    if not target.parent.is_dir():
        raise DataError(
            f"The folder of {str(target)!r} does not exist", fix="Make it, or name another."
        )
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
        done = 0
        for number, (frame, queries) in enumerate(
            _blocks(recommender, k=k, exclude_seen=exclude_seen, where=where, block=block)
        ):
            frame.write_parquet(Path(folder) / f"{number:08}.parquet")
            done += queries
            if progress is not None:
                progress(done)
        whole = Path(folder) / f"whole{target.suffix}"
        _join(Path(folder), whole)
        with whole.open("rb") as written:
            os.fsync(written.fileno())
        shutil.move(whole, target)
    return done


def _blocks(
    recommender: Recommender, *, k: int, exclude_seen: bool, where: str | None, block: int
) -> Iterator[tuple[pl.DataFrame, int]]:
    """Yield the answers of one block of queries after another, and how many queries they are."""
    queries = recommender.queries.select(recommender.query_id)
    for start in range(0, max(queries.height, 1), block):
        part = queries.slice(start, block)
        answer = recommender.answer(part, k, exclude_seen=exclude_seen, where=where)
        yield _frame(recommender, part, answer.hits, answer.fallback), part.height


def _frame(
    recommender: Recommender, queries: pl.DataFrame, hits: Hits, fallback: np.ndarray
) -> pl.DataFrame:
    places: int = hits.scores.shape[1]
    there: Bool[np.ndarray, "n k"] = np.less(np.arange(places), hits.counts[:, None])
    query, place = np.nonzero(there)
    return pl.DataFrame(
        [
            queries[recommender.query_id].gather(query),
            pl.Series("rank", place + 1, dtype=pl.Int32),
            pl.Series(recommender.candidate_id, hits.ids[there].tolist(), dtype=pl.String),
            pl.Series("score", hits.scores[there], dtype=pl.Float32),
            pl.Series("fallback", fallback[query], dtype=pl.Boolean),
        ]
    )


def _join(folder: Path, whole: Path) -> None:
    """Stream the blocks, in order, into one file."""
    parts = pl.scan_parquet(sorted(folder.glob("*.parquet")))
    if whole.suffix == ".parquet":
        parts.sink_parquet(whole)
    elif whole.suffix == ".csv":
        parts.sink_csv(whole)
    else:
        parts.sink_ndjson(whole)
