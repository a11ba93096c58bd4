"""Sub-tables: which rows of each embedding table a batch touches, and its features re-indexed."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int32, Shaped

from turret.data.batch import pad
from turret.data.distinct import Distinct
from turret.data.encoders.tower import TowerEncoder

__all__ = ["SubTables"]


@dataclass(frozen=True, eq=False)
class SubTables:
    """Re-indexes the encoded features of a batch.

    Attributes:
        query_encoder: Says which tables the query features look up.
        candidate_encoder: Likewise for candidate features.
        whole: Tables of which every batch touches every row: a sub-table would be a copy.
    """

    query_encoder: TowerEncoder
    candidate_encoder: TowerEncoder
    whole: frozenset[str]

    def reindex(
        self,
        query: Mapping[str, Shaped[np.ndarray, "q ..."]],
        candidate: Mapping[str, Shaped[np.ndarray, "c ..."]],
    ) -> tuple[
        dict[str, Shaped[np.ndarray, "q ..."]],
        dict[str, Shaped[np.ndarray, "c ..."]],
        dict[str, Int32[np.ndarray, " m"] | None],
    ]:
        """Replace rows of whole tables by rows of sub-tables.

        Args:
            query: Encoded query features, with rows of whole tables.
            candidate: Encoded candidate features, likewise.

        Returns:
            The same with rows of sub-tables (-1, no entry, stays), and for each table the rows that
            its sub-table holds, padded with one past the end; None stands for the whole table.
        """
        sides = ((dict(query), self.query_encoder), (dict(candidate), self.candidate_encoder))
        users: dict[str, list[tuple[dict[str, Shaped[np.ndarray, "n ..."]], str]]] = {}
        for encoded, encoder in sides:
            for name, table in encoder.lookups.items():
                users.setdefault(table, []).append((encoded, name))
        table_rows: dict[str, np.ndarray | None] = {}
        for table, places in users.items():
            if table in self.whole:
                table_rows[table] = None
                continue
            used = np.concatenate([encoded[name].ravel() for encoded, name in places])
            there = used >= 0
            rows, position = self._distinct[table](used[there])
            used[there] = position
            start = 0
            for encoded, name in places:
                shape, stop = encoded[name].shape, start + encoded[name].size
                encoded[name] = used[start:stop].reshape(shape)
                start = stop
            table_rows[table] = pad(rows, fill=self._num_rows[table])
        return sides[0][0], sides[1][0], table_rows

    @cached_property
    def _num_rows(self) -> dict[str, int]:
        return {**self.query_encoder.num_rows, **self.candidate_encoder.num_rows}

    @cached_property
    def _distinct(self) -> dict[str, Distinct]:
        return {table: Distinct(number) for table, number in self._num_rows.items()}
