"""A planted world: interactions drawn from known probabilities, so that the best answer is known.

There are `T` latent tastes. At time `t` (0 at the start of the log, 1 at its end) a query `q` picks
a taste, and the taste picks a candidate:

    p(c | q, t) = sum_g p(g | q, t) p(c | g)
    p(g | q, t) = softmax_g( sharpness <a_q, m_g> + drift sin(2 pi (t + phase_g)) )
    p(c | g)    proportional to popularity_c exp( sharpness <b_c, m_g> )

where `a_q`, `b_c` and `m_g` are unit vectors of `dim` numbers, popularity follows Zipf's law, and
the drift lets tastes come into and go out of fashion. Each query and each candidate has one column
that hints at its taste. Drawing an event costs the same however large the world is, so the same
world at other sizes serves measurements of scale.
"""

from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import polars as pl
from jaxtyping import Float32, Float64, Int32, Int64, Integer

from turret.data.dataset import Dataset, Interactions
from turret.errors import DataError

__all__ = ["SyntheticWorld", "synthetic"]

_START = 1_704_067_200.0  # 2024-01-01 UTC
_SPAN = 366 * 86_400
_BLOCK = 1 << 18
_COUNTRIES = ("BR", "DE", "FR", "IN", "JP", "NG", "PL", "US")
_GENRES = ("Adventure", "Comedy", "Drama", "History", "Mystery", "Nature", "Romance", "Science")


@dataclass(frozen=True, eq=False)
class SyntheticWorld:
    """A drawn world: its log of interactions, and the probabilities behind it.

    Attributes:
        dataset: the interactions, in the order of time, with the tables of all queries (ids and
            `country`) and all candidates (ids and `genre`).
        query_taste: `sharpness <a_q, m_g>`, `[num_queries, tastes]`.
        candidate_given_taste: `p(c | g)`, `[tastes, num_candidates]`; each row sums to 1.
        phase: `phase_g`, `[tastes]`.
        drift: how strongly fashions move.
    """

    dataset: Dataset
    query_taste: Float32[np.ndarray, "queries tastes"]
    candidate_given_taste: Float32[np.ndarray, "tastes candidates"]
    phase: Float64[np.ndarray, " tastes"]
    drift: float

    def probabilities(
        self, query_rows: Integer[np.ndarray, " n"], *, time: float = 1.0
    ) -> Float64[np.ndarray, "n candidates"]:
        """The probability of each candidate to be a query's next one.

        Args:
            query_rows: rows of the query table, `[n]`.
            time: when, from 0, the start of the log, to 1, its end.

        Returns:
            `p(c | q, time)`, `[n, num_candidates]`; each row sums to 1 (to float32).
        """
        times = np.full(len(query_rows), time)
        mixture = _mixture(self.query_taste[query_rows], times, self.phase, drift=self.drift)
        return mixture.astype(np.float64) @ self.candidate_given_taste.astype(np.float64)

    def best(
        self, query_rows: Integer[np.ndarray, " n"], *, k: int = 10, time: float = 1.0
    ) -> Int64[np.ndarray, "n k"]:
        """The best possible answer: the `k` likeliest candidates, the likeliest first.

        Args:
            query_rows: rows of the query table, `[n]`.
            k: how many, at most the number of candidates.
            time: when, from 0 to 1.

        Returns:
            Rows of the candidate table, `[n, k]`; equally likely ones by smallest row.
        """
        chances = self.probabilities(query_rows, time=time)
        return np.argsort(-chances, axis=1, kind="stable")[:, :k]


def synthetic(
    *,
    num_queries: int = 2_000,
    num_candidates: int = 1_000,
    num_interactions: int = 100_000,
    tastes: int = 16,
    dim: int = 8,
    sharpness: float = 8.0,
    drift: float = 1.0,
    zipf: float = 0.6,
    seed: int = 0,
    query_id: str = "user_id",
    candidate_id: str = "item_id",
) -> SyntheticWorld:
    """Draws a world and a log of interactions in it.

    Args:
        num_queries: the number of queries; their ids are `"1"`, `"2"`, and so on.
        num_candidates: the number of candidates; their ids are `"item 1"`, and so on.
        num_interactions: the number of events. An active query has many, another perhaps none.
        tastes: the number of latent tastes.
        dim: the dimension of the latent vectors.
        sharpness: how much tastes differ; at 0 all queries are alike.
        drift: how strongly fashions move; at 0 nothing depends on time.
        zipf: the exponent of Zipf's law of popularity; at 0 all candidates are equally popular.
        seed: decides everything.
        query_id: the name of the column of query ids.
        candidate_id: the name of the column of candidate ids.

    Returns:
        The world.

    Raises:
        DataError: if a number is too small to make a world.

    Example:
        >>> world = synthetic(num_queries=50, num_candidates=20, num_interactions=500)
        >>> len(world.dataset.interactions), world.best(np.array([0]), k=3).shape
        (500, (1, 3))
    """
    sizes = (num_queries, num_candidates, num_interactions, tastes, dim)
    if min(sizes) < 1:
        raise DataError("A synthetic world needs at least one of each", got=sizes)
    rng = np.random.Generator(np.random.PCG64(seed))
    centres = _unit_vectors(rng, tastes, dim)
    query_taste = sharpness * _unit_vectors(rng, num_queries, dim) @ centres.T
    leaning = sharpness * _unit_vectors(rng, num_candidates, dim) @ centres.T
    popularity = (1.0 + rng.permutation(num_candidates)) ** -zipf
    weights = popularity * np.exp(leaning.T)
    world = SyntheticWorld(
        dataset=_tables(rng, query_taste, leaning, query_id=query_id, candidate_id=candidate_id),
        query_taste=query_taste.astype(np.float32),
        candidate_given_taste=(weights / weights.sum(axis=1, keepdims=True)).astype(np.float32),
        phase=rng.random(tastes),
        drift=float(drift),
    )
    log = world.dataset.with_interactions(_draw_events(rng, num_interactions, world=world))
    note = f"Synthetic interactions, drawn with seed {seed}"
    return replace(world, dataset=log.with_notes([note]))


def _tables(
    rng: np.random.Generator,
    query_taste: Float64[np.ndarray, "queries tastes"],
    candidate_taste: Float64[np.ndarray, "candidates tastes"],
    *,
    query_id: str,
    candidate_id: str,
) -> Dataset:
    """The tables of a world, before anything happens in it."""
    nothing = np.zeros(0, dtype=np.int32)
    return Dataset(
        interactions=Interactions(query_row=nothing, candidate_row=nothing),
        queries=_table(query_id, "", "country", _hints(rng, query_taste, _COUNTRIES)),
        candidates=_table(candidate_id, "item ", "genre", _hints(rng, candidate_taste, _GENRES)),
        query_id=query_id,
        candidate_id=candidate_id,
    )


def _unit_vectors(rng: np.random.Generator, n: int, dim: int) -> Float64[np.ndarray, "n d"]:
    vectors = rng.standard_normal((n, dim))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _mixture(
    logits: Float32[np.ndarray, "n tastes"],
    times: Float64[np.ndarray, " n"],
    phase: Float64[np.ndarray, " tastes"],
    *,
    drift: float,
) -> Float32[np.ndarray, "n tastes"]:
    """`p(g | q, t)`, one row a query and time."""
    # The sine of a sum as a product of two columns and two rows: far fewer sines.
    angle, shift = 2 * np.pi * times, 2 * np.pi * phase
    waves = np.stack([np.sin(angle), np.cos(angle)], axis=1).astype(np.float32)
    shifts = np.stack([np.cos(shift), np.sin(shift)]).astype(np.float32)
    moved = logits + np.float32(drift) * (waves @ shifts)
    powers = np.exp(moved - moved.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _draw_events(rng: np.random.Generator, n: int, *, world: SyntheticWorld) -> Interactions:
    """Draws times, who is active, which taste they follow, and what they take."""
    times = np.sort(rng.random(n))
    activity = rng.lognormal(sigma=1.0, size=len(world.query_taste))
    query_row = _draw(rng, activity, n)
    last_taste = len(world.phase) - 1
    taste = np.empty(n, dtype=np.int32)
    for start in range(0, n, _BLOCK):
        block = slice(start, start + _BLOCK)
        logits = world.query_taste[query_row[block]]
        chances = _mixture(logits, times[block], world.phase, drift=world.drift)
        passed = np.cumsum(chances, axis=1) < rng.random((len(chances), 1), dtype=np.float32)
        taste[block] = np.minimum(passed.sum(axis=1), last_taste)
    candidate_row = np.empty(n, dtype=np.int32)
    for number, chances in enumerate(world.candidate_given_taste):
        followers = np.flatnonzero(taste == number)
        candidate_row[followers] = _draw(rng, chances.astype(np.float64), len(followers))
    return Interactions(
        query_row=query_row,
        candidate_row=candidate_row,
        timestamp=np.floor(_START + times * _SPAN),
    )


def _draw(
    rng: np.random.Generator, weights: Float64[np.ndarray, " m"], n: int
) -> Int32[np.ndarray, " n"]:
    """Draws `n` positions with probabilities proportional to weights."""
    reached = np.cumsum(weights)
    positions = cast(
        np.ndarray, np.searchsorted(reached, rng.random(n) * reached[-1], side="right")
    )
    return np.minimum(positions, len(weights) - 1).astype(np.int32)


def _hints(
    rng: np.random.Generator, leaning: Float64[np.ndarray, "n tastes"], names: tuple[str, ...]
) -> pl.Series:
    """A name for each row that follows its strongest taste in four of five cases."""
    strongest = leaning.argmax(axis=1) % len(names)
    other = rng.integers(len(names), size=len(leaning))
    chosen = np.where(rng.random(len(leaning)) < 0.8, strongest, other)
    return pl.Series(names).gather(chosen)


def _table(id_column: str, prefix: str, hint: str, hints: pl.Series) -> pl.DataFrame:
    """The ids 1 to n behind a prefix, in the order of text, with their hints."""
    numbers = pl.Series(np.arange(1, len(hints) + 1)).cast(pl.String)
    return pl.DataFrame({id_column: (prefix + numbers).sort(), hint: hints})
