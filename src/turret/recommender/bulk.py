"""The answers for every known query, streamed to a file."""

import importlib.metadata
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Bool

from turret.errors import DataError
from turret.recommender.parts import Parts, Settings
from turret.recommender.recommender import Recommender
from turret.storage import sealed
from turret.storage.files import beside
from turret.storage.naming import unlike
from turret.storage.streaming import stream

__all__ = ["SUFFIXES", "recommend_all"]

SUFFIXES = (".parquet", ".jsonl", ".ndjson", ".csv")
"""Endings of a file that decide its format: Parquet, JSON lines (two spellings), CSV."""

_PART_ANSWERS = 1 << 20
_PART_QUERIES = 8192
_PACKAGES = ("turret", "numpy", "polars")


def recommend_all(
    recommender: Recommender,
    path: str | os.PathLike[str],
    *,
    k: int = 100,
    exclude_seen: bool = False,
    where: str | None = None,
    block: int | None = None,
    progress: Callable[[int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> int:
    """Write the top-k of every known query to a file, a block of queries in memory at a time.

    The file has one row an answer: the query's id, `rank` from 1, the candidate's id, `score`, and
    `fallback`; one of these has an underscore behind it where ids are called so. It appears whole
    or not at all. Until then, the answers of each block are kept in a folder beside it,
    `NAME.parts`: a run that was ended, even by force, and is begun again goes on behind them, and
    writes the same bytes as one that was not ended. Parts of a run with other settings, of another
    bundle or by other versions of the libraries are removed.

    Args:
        recommender: What answers.
        path: The file; its ending is one of `SUFFIXES`. An existing file is replaced.
        k: Answers for each query.
        exclude_seen: Leave out what a query was trained on.
        where: A condition on the candidates' columns that all answers fulfil.
        block: Queries answered at once, and kept as one part; None: about a million answers.
        progress: Told how many queries are done.
        say: Told, in sentences, what becomes of the parts of an earlier run.

    Returns:
        The number of queries answered.

    Raises:
        DataError: The ending is another, the folder does not exist or is a bundle, the file is a
            folder, there is a folder `NAME.parts` of something else, or another process is writing
            the same file.
    """
    target = _checked(Path(path))
    queries = recommender.queries.select(recommender.query_id)
    settings = Settings(
        answers=recommender.fingerprint,
        versions={name: importlib.metadata.version(name) for name in _PACKAGES},
        k=k,
        exclude_seen=exclude_seen,
        where=where,
        block=block or min(_PART_QUERIES, -(-_PART_ANSWERS // max(k, 1))),
    )
    starts = range(0, max(queries.height, 1), settings.block)
    with Parts(beside(target, "parts"), settings, say=say or _quiet) as parts:
        for number, start in enumerate(starts):
            part = queries.slice(start, settings.block)
            if not parts.there(number):
                parts.write(number, _answered(recommender, part, settings))
            if progress is not None:
                progress(start + part.height)
        whole = parts.scratch(f"whole{target.suffix}")
        stream(_frames(recommender, parts, queries, starts), whole)
        with whole.open("rb") as written:
            os.fsync(written.fileno())
        whole.replace(target)
        parts.remove()
    return queries.height


def _quiet(sentence: str) -> None:
    """Say nothing."""


def _checked(target: Path) -> Path:
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
    if target.is_dir():
        raise DataError(f"{str(target)!r} is a folder", fix="Name a file.")
    sealed.require_outside(target, error=DataError)
    return target


def _answered(
    recommender: Recommender, queries: pl.DataFrame, settings: Settings
) -> dict[str, np.ndarray]:
    found = recommender.answer_rows(
        queries, settings.k, exclude_seen=settings.exclude_seen, where=settings.where
    )
    return {
        "rows": found.hits.rows.astype(np.int32),
        "scores": found.hits.scores,
        "counts": found.hits.counts,
        "fallback": found.fallback,
    }


def _frames(
    recommender: Recommender, parts: Parts, queries: pl.DataFrame, starts: range
) -> Iterator[pl.DataFrame]:
    """Yield the answers of one part after another."""
    for number, start in enumerate(starts):
        part = parts.read(number)
        names = queries[recommender.query_id].slice(start, starts.step)
        yield _frame(recommender, names, part)


def _frame(
    recommender: Recommender, queries: pl.Series, part: dict[str, np.ndarray]
) -> pl.DataFrame:
    places: int = part["rows"].shape[1]
    there: Bool[np.ndarray, "n k"] = np.less(np.arange(places), part["counts"][:, None])
    query, place = np.nonzero(there)
    ids = recommender.query_id, recommender.candidate_id
    rank, score, fallback = (unlike(name, ids) for name in ("rank", "score", "fallback"))
    return pl.DataFrame(
        [
            queries.gather(query),
            pl.Series(rank, place + 1, dtype=pl.Int32),
            recommender.candidate_ids.gather(part["rows"][there]).alias(recommender.candidate_id),
            pl.Series(score, part["scores"][there], dtype=pl.Float32),
            pl.Series(fallback, part["fallback"][query], dtype=pl.Boolean),
        ]
    )
