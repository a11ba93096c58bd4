"""Columns: the candidates that the pairs of a batch compete with."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, Int64

from turret.data.dataset import Dataset
from turret.data.distinct import Distinct
from turret.errors import DataError
from turret.recipe.loss import Loss, Softmax

__all__ = ["ColumnSet", "Columns"]

_ROUNDS = 8
"""How often a sampled negative that is a positive is drawn again."""


class ColumnSet(NamedTuple):
    """The columns of one batch; see `Batch` for what the arrays mean.

    Attributes:
        rows: Rows of the columns in the candidate table, `[C]`.
        pair_candidate: For each pair its column, `[P]`.
        entries: How often each column stands in the batch, `[C]`.
        probability: Probability of each column, `[C]`, if the loss asks for it.
        negatives: Columns of sampled negatives, `[P, N]`, if the loss samples them.
        negative_weight: 1 for a negative, 0 where none could be drawn, `[P, N]`.
    """

    rows: Int32[np.ndarray, " c"]
    pair_candidate: Int32[np.ndarray, " p"]
    entries: Float32[np.ndarray, " c"]
    probability: Float32[np.ndarray, " c"] | None = None
    negatives: Int32[np.ndarray, "p n"] | None = None
    negative_weight: Float32[np.ndarray, "p n"] | None = None


@dataclass(frozen=True, eq=False)
class Columns:
    """Chooses the columns that a loss asks for.

    Attributes:
        dataset: The training part; its interactions say how popular a candidate is.
        loss: Says which candidates compete, and how many are drawn.
        batch_size: What a share of the batch is a share of.
        seed: Source of the draws.
        catalogue: Rows from which "all" and uniform draws take; None takes the candidates that have
            an interaction, so that one without is not trained to rank last.
    """

    dataset: Dataset
    loss: Loss
    batch_size: int
    seed: int
    catalogue: Int32[np.ndarray, " n"] | None = None

    def choose(
        self,
        query_row: Int32[np.ndarray, " p"],
        candidate_row: Int32[np.ndarray, " p"],
        *,
        step: int,
    ) -> ColumnSet:
        """The columns of a batch.

        Args:
            query_row: For each pair its query.
            candidate_row: For each pair its candidate.
            step: The step, which decides the draws.

        Returns:
            The columns.
        """
        if self.loss.candidates == "all":
            count = np.ones(len(self.all_rows), np.float32)
            return ColumnSet(self.all_rows, self._place_of_row[candidate_row], count)
        generator = np.random.default_rng([self.seed, 1, step])
        if not isinstance(self.loss, Softmax):
            return self._with_negatives(query_row, candidate_row, generator)
        uniform = self.all_rows[generator.integers(0, len(self.all_rows), self._draws("uniform"))]
        popular = self._popular(self._draws("popular"), generator)
        together = np.concatenate([candidate_row, uniform, popular])
        rows, position = self._distinct(together)
        count = np.bincount(position, minlength=len(rows)).astype(np.float32)
        probability = None
        if self.loss.logq in ("estimated", "given"):
            probability = self._mixture(rows, len(candidate_row), len(uniform), len(popular))
        return ColumnSet(rows, position[: len(candidate_row)], count, probability)

    def column_of(
        self, rows: Int32[np.ndarray, " c"], wanted: Int32[np.ndarray, " n"]
    ) -> tuple[Int32[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
        """Where rows of the candidate table stand among columns.

        Args:
            rows: The rows of the columns.
            wanted: Rows to look up.

        Returns:
            For each the column, and whether there is one.
        """
        place = self._scratch
        place[rows] = np.arange(len(rows), dtype=np.int32)
        column = np.minimum(place[wanted], len(rows) - 1)
        return column, rows[column] == wanted

    @cached_property
    def all_rows(self) -> Int32[np.ndarray, " n"]:
        """The rows that "all" means, and from which uniform draws take."""
        if self.catalogue is not None:
            return self.catalogue
        return np.flatnonzero(self._counts).astype(np.int32)

    def _with_negatives(
        self,
        query_row: Int32[np.ndarray, " p"],
        candidate_row: Int32[np.ndarray, " p"],
        generator: np.random.Generator,
    ) -> ColumnSet:
        assert not isinstance(self.loss, Softmax)
        shape = (len(query_row), self.loss.negatives)
        asked = np.broadcast_to(query_row[:, None], shape)
        drawn = np.zeros(shape, np.int32)
        wrong = np.ones(shape, bool)
        for _ in range(_ROUNDS):
            number = int(wrong.sum())
            if number == 0:
                break
            drawn[wrong] = self._sample(number, generator)
            wrong[wrong] = self._is_positive(asked[wrong], drawn[wrong])
        rows, position = self._distinct(np.concatenate([candidate_row, drawn.ravel()]))
        count = np.bincount(position, minlength=len(rows)).astype(np.float32)
        pairs = len(candidate_row)
        return ColumnSet(
            rows,
            position[:pairs],
            count,
            negatives=position[pairs:].reshape(shape),
            negative_weight=(~wrong).astype(np.float32),
        )

    def _sample(self, number: int, generator: np.random.Generator) -> Int32[np.ndarray, " n"]:
        assert not isinstance(self.loss, Softmax)
        if self.loss.sampling == "popular":
            return self._popular(number, generator)
        return self.all_rows[generator.integers(0, len(self.all_rows), number)]

    def _popular(self, number: int, generator: np.random.Generator) -> Int32[np.ndarray, " n"]:
        if number == 0:
            return np.zeros(0, np.int32)
        cumulative = self._cumulative_counts
        events = generator.integers(0, cumulative[-1], number)
        return np.searchsorted(cumulative, events, side="right").astype(np.int32)

    def _draws(self, kind: Literal["uniform", "popular"]) -> int:
        value = getattr(self.loss, kind)
        return value if isinstance(value, int) else round(value * self.batch_size)

    def _mixture(
        self, rows: Int32[np.ndarray, " c"], pairs: int, uniform: int, popular: int
    ) -> Float32[np.ndarray, " c"]:
        """Probability of each row under the mixture that the columns are drawn from."""
        inside = np.zeros(self.dataset.num_candidates)
        inside[self.all_rows] = 1 / len(self.all_rows)
        share = self._probabilities
        mixed = ((pairs + popular) * share[rows] + uniform * inside[rows]) / (
            pairs + uniform + popular
        )
        # A candidate that training never met has no probability; as rare as the rarest it is.
        lowest = mixed[mixed > 0].min(initial=1.0)
        return np.maximum(mixed, lowest).astype(np.float32)

    def _is_positive(
        self, query_row: Int32[np.ndarray, " n"], candidate_row: Int32[np.ndarray, " n"]
    ) -> Bool[np.ndarray, " n"]:
        keys = query_row.astype(np.int64) * self.dataset.num_candidates + candidate_row
        place = np.minimum(np.searchsorted(self._pair_keys, keys), len(self._pair_keys) - 1)
        return self._pair_keys[place] == keys

    @cached_property
    def _pair_keys(self) -> Int64[np.ndarray, " n"]:
        indptr, candidates = self.dataset.pairs_by_query()
        queries = np.repeat(np.arange(self.dataset.num_queries), np.diff(indptr))
        return queries * self.dataset.num_candidates + candidates

    @cached_property
    def _counts(self) -> Int64[np.ndarray, " n"]:
        rows = self.dataset.interactions.candidate_row
        return np.bincount(rows, minlength=self.dataset.num_candidates)

    @cached_property
    def _cumulative_counts(self) -> Int64[np.ndarray, " n"]:
        return np.cumsum(self._counts)

    @cached_property
    def _probabilities(self) -> Float64[np.ndarray, " n"]:
        column = self.loss.logq_column if isinstance(self.loss, Softmax) else None
        if column is None:
            return self._counts / max(1, self._counts.sum())
        if column not in self.dataset.candidates.columns:
            raise DataError(
                "loss.logq_column is no column of the candidate table",
                got=column,
                expected=f"one of {', '.join(self.dataset.candidates.columns)}",
            )
        given = self.dataset.candidates[column].cast(float, strict=False).to_numpy()
        if not ((given > 0) & (given <= 1)).all():
            raise DataError(
                f"column {column!r} does not hold probabilities",
                got=float(given[~((given > 0) & (given <= 1))][0]),
                expected="numbers above 0 and at most 1",
            )
        return given

    @cached_property
    def _place_of_row(self) -> Int32[np.ndarray, " n"]:
        place = np.zeros(self.dataset.num_candidates, np.int32)
        place[self.all_rows] = np.arange(len(self.all_rows), dtype=np.int32)
        return place

    @cached_property
    def _distinct(self) -> Distinct:
        return Distinct(self.dataset.num_candidates)

    @cached_property
    def _scratch(self) -> Int32[np.ndarray, " n"]:
        return np.zeros(self.dataset.num_candidates, np.int32)
