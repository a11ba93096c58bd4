"""What an export is made from: a bundle with its changes, seen as two sides.

A side is the queries or the candidates: a tower, its fitted encoder, its parameters, and what the
bundle holds of each id, which stands in for columns that are not given.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl
from jaxtyping import Float32

from turret.bundle.bundle import Bundle
from turret.data.encoders.tower import TowerEncoder
from turret.data.vocabulary import as_ids
from turret.errors import ExportError
from turret.export.columns import Column, columns_of
from turret.recipe.bodies.custom import Custom
from turret.recipe.towers import Tower
from turret.recommender.changes import compacted, opened, view_of
from turret.recommender.memory import Memory

__all__ = ["Content", "Side"]


@dataclass(frozen=True, eq=False)
class Side:
    """The queries, or the candidates.

    Attributes:
        name: "query" or "candidate".
        id_column: the name of the column of ids.
        tower: features and bodies.
        encoder: the fitted features.
        table: what the bundle holds of each id.
        arrays: every parameter of both towers by its path, as the bundle has them.
        met: the vectors that a history looks up which takes those of the candidate tower; row 0 is
            zero. None where no history does.
    """

    name: str
    id_column: str
    tower: Tower
    encoder: TowerEncoder
    table: pl.DataFrame = field(repr=False)
    arrays: Mapping[str, np.ndarray] = field(repr=False)
    met: Float32[np.ndarray, "rows d"] | None = field(repr=False, default=None)

    @cached_property
    def ids(self) -> pl.Series:
        """The ids of which something is stored."""
        return as_ids(self.table[self.id_column], what=f"column {self.id_column!r}")

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The inputs of the tower, that of the ids first."""
        return columns_of(self.id_column, self.encoder, self.table)

    @cached_property
    def encoded(self) -> Mapping[str, np.ndarray]:
        """The stored rows, encoded, by `FEATURE/PART`; behind a first row of zeros, no entry."""
        return {name: _behind_zeros(part) for name, part in self.encoder.encode(self.table).items()}


@dataclass(frozen=True, eq=False)
class Content:
    """A bundle to be exported.

    Attributes:
        bundle: the bundle, changes that were logged beside it included.

    Raises:
        ExportError: if a tower has a body of one's own.
    """

    bundle: Bundle

    def __post_init__(self) -> None:
        """Refuse what cannot be exported."""
        config = self.bundle.config
        for name, tower in (("query", config.query), ("candidate", config.candidate)):
            for body in tower.body:
                if isinstance(body, Custom):
                    raise ExportError(
                        f"the {name} tower has a body of one's own, which cannot be exported",
                        got=body.path,
                        expected="bodies of the kinds 'mlp', 'cross' and 'dot'",
                        fix="Write the body in turret.export.towers, with the operations of "
                        "turret.export.graph.Graph; or export with --format vectors.",
                    )

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> "Content":
        """Open a bundle as it answers now.

        Args:
            path: the directory of the bundle.

        Returns:
            Its content. Candidates that were added are there, those that were removed and queries
            that were forgotten are not; what queries saw since the training is not known to it.

        Raises:
            BundleError: if there is no bundle, or it is damaged.
            ExportError: if it cannot be exported.
        """
        bundle, changes = opened(path)
        if changes:
            view, number = view_of(bundle, changes), len(changes)
            bundle = compacted(bundle, view, Memory(changes), number=number)
        return cls(bundle)

    @cached_property
    def query(self) -> Side:
        """The queries."""
        own, history = self.bundle, self.bundle.config.history
        asks = history is not None and not history.has_table
        met = own.trained.met_vectors() if asks else None
        encoder, table = own.query_encoder, own.queries
        return Side("query", own.query_id, own.config.query, encoder, table, own.arrays, met)

    @cached_property
    def candidate(self) -> Side:
        """The candidates."""
        own = self.bundle
        encoder, table = own.candidate_encoder, own.candidates
        return Side("candidate", own.candidate_id, own.config.candidate, encoder, table, own.arrays)


def _behind_zeros(part: np.ndarray) -> np.ndarray:
    """A part of encoded rows behind a row of zeros; what is no entry is 0 too, as in a graph."""
    entries = np.maximum(part, 0) if part.dtype == np.int32 else part
    return np.concatenate([np.zeros((1, *part.shape[1:]), part.dtype), entries])
