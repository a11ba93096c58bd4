"""The candidates that histories hold, beside the columns of a batch, for the candidate tower."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int32

from turret.data.dataset import Dataset
from turret.data.distinct import Distinct
from turret.data.encoders.history import HistoryEncoder
from turret.data.encoders.tower import TowerEncoder
from turret.data.vocabulary import Vocabulary
from turret.padding import padded_size

__all__ = ["MetCandidates"]


@dataclass(frozen=True, eq=False)
class MetCandidates:
    """Finds where in a batch the vectors of a history's candidates stand.

    First come those of the columns and of their padding, then those of candidates that are met but
    stand in no column. One object serves one thread at a time.

    Attributes:
        dataset: Its candidate table is what columns are rows of.
        encoder: The history's.
    """

    dataset: Dataset
    encoder: HistoryEncoder

    @classmethod
    def of(cls, dataset: Dataset, encoder: TowerEncoder) -> "MetCandidates | None":
        """Those of a query tower's encoder; None where no history asks the candidate tower."""
        for one in encoder.encoders.values():
            if isinstance(one, HistoryEncoder) and not one.feature.has_table:
                return cls(dataset, one)
        return None

    def place(
        self, rows: Int32[np.ndarray, "q l"], columns: Int32[np.ndarray, " c"]
    ) -> tuple[Int32[np.ndarray, "q l"], Int32[np.ndarray, " e"]]:
        """Say for each entry of the histories where its vector stands.

        Args:
            rows: The history's part `rows`; -1 is no entry.
            columns: For each column of the batch its row in the candidate table.

        Returns:
            The places, -1 where there is no entry; and rows of the candidate table, those of the
            candidates that come after the columns.
        """
        met = np.where(rows > 0, self._candidate_row[rows], -1)
        there = met >= 0
        distinct, position = self._distinct(met[there])
        order = np.argsort(columns, kind="stable")
        found = order[np.minimum(np.searchsorted(columns, distinct, sorter=order), len(order) - 1)]
        missing = columns[found] != distinct
        extra = distinct[missing]
        place = found.astype(np.int32)
        place[missing] = padded_size(len(columns)) + np.arange(len(extra), dtype=np.int32)
        met[there] = place[position]
        return met, extra

    @cached_property
    def _candidate_row(self) -> Int32[np.ndarray, " v"]:
        """For each row of the history's vocabulary the candidate's; -1 for one not in the table."""
        rows = Vocabulary(self.dataset.candidate_ids).rows(self.encoder.vocabulary.ids)
        return np.concatenate([np.full(1, -1, np.int32), rows - np.int32(1)])

    @cached_property
    def _distinct(self) -> Distinct:
        return Distinct(self.dataset.num_candidates)
