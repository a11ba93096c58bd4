"""Worlds of a given size to measure steps in: a log, two towers, and tables of so many rows."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Float64, Int32

from turret.data.dataset import Dataset, Interactions
from turret.data.encoders.categorical import CategoricalEncoder
from turret.data.encoders.tower import TowerEncoder
from turret.data.vocabulary import Vocabulary
from turret.recipe.bodies.mlp import MLP
from turret.recipe.features.categorical import Categorical
from turret.recipe.towers import Tower, TwoTower

__all__ = ["World"]


@dataclass(frozen=True, eq=False)
class World:
    """A log over two tables, and a model with one id feature and one hidden layer on each side.

    Attributes:
        dataset: the interactions; its tables hold the ids that can occur in them.
        config: the two towers.
        query_encoder: its vocabulary, and so the embedding table, may hold many more ids.
        candidate_encoder: likewise.
    """

    dataset: Dataset
    config: TwoTower
    query_encoder: TowerEncoder
    candidate_encoder: TowerEncoder

    @classmethod
    def make(
        cls,
        *,
        query_rows: int,
        candidate_rows: int,
        pairs: int,
        dim: int = 64,
        hidden: int = 64,
        popularity: float = 1.0,
        queries: int | None = None,
        candidates: int | None = None,
    ) -> "World":
        """Draw a world; the same arguments give the same one.

        Queries are drawn evenly, candidates by Zipf's law. Which ids occur, and in which pairs,
        does not depend on the numbers of rows: worlds that differ in these alone have the same
        batches up to the names of the rows.

        Args:
            query_rows: rows of the query table, the out-of-vocabulary row aside.
            candidate_rows: rows of the candidate table, likewise.
            pairs: interactions in the log.
            dim: numbers in an embedding row and in a vector.
            hidden: width of the hidden layer of each tower.
            popularity: exponent of Zipf's law; at 0 all candidates are equally popular.
            queries: ids that can occur, spread over the table; None means all rows.
            candidates: likewise.

        Returns:
            The world.
        """
        queries, candidates = queries or query_rows, candidates or candidate_rows
        rng = np.random.default_rng(0)
        query_row = rng.integers(0, queries, pairs).astype(np.int32)
        candidate_row = _zipf(rng, candidates, pairs, exponent=popularity)
        query_ids, candidate_ids = _ids(query_rows), _ids(candidate_rows)
        towers = (
            Tower([Categorical("query")], body=[MLP([hidden])]),
            Tower([Categorical("candidate")], body=[MLP([hidden])]),
        )
        return cls(
            dataset=Dataset(
                interactions=Interactions(query_row=query_row, candidate_row=candidate_row),
                queries=_spread(query_ids, queries).to_frame("query"),
                candidates=_spread(candidate_ids, candidates).to_frame("candidate"),
                query_id="query",
                candidate_id="candidate",
            ),
            config=TwoTower(query=towers[0], candidate=towers[1], embedding_dim=dim),
            query_encoder=_encoder("query", towers[0], query_ids),
            candidate_encoder=_encoder("candidate", towers[1], candidate_ids),
        )


def _ids(n: int) -> pl.Series:
    return pl.Series(np.arange(n)).cast(pl.String)


def _spread(ids: pl.Series, n: int) -> pl.Series:
    """Of all ids `n`, evenly spaced."""
    return ids.gather(np.arange(n) * len(ids) // n)


def _encoder(name: str, tower: Tower, ids: pl.Series) -> TowerEncoder:
    (feature,) = tower.features
    assert isinstance(feature, Categorical)  # the worlds have no other
    encoder = CategoricalEncoder(feature, Vocabulary(ids))
    return TowerEncoder(name, tuple(tower.features), {feature.key: encoder})


def _zipf(
    rng: np.random.Generator, n: int, size: int, *, exponent: float
) -> Int32[np.ndarray, " size"]:
    """Draw from `n` values of which the r-th most popular has weight `r ** -exponent`."""
    reached: Float64[np.ndarray, " n"] = np.cumsum(np.arange(1, n + 1) ** -exponent)
    place = np.searchsorted(reached, rng.random(size) * reached[-1], side="right")
    return rng.permutation(n).astype(np.int32)[np.minimum(place, n - 1)]
