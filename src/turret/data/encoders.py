"""Encoders: from columns of raw values to the arrays that a tower reads.

An encoder is fitted on training data alone, works on whole columns on the host (Polars and NumPy),
and keeps everything it needs to encode a value that it meets for the first time when serving.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Bool, Int32

from turret.data.dataset import Dataset
from turret.data.vocabulary import Vocabulary, as_ids
from turret.errors import DataError
from turret.recipe.features import Categorical
from turret.recipe.towers import Tower, TwoTower

__all__ = ["CategoricalEncoder", "TowerEncoder", "fit_encoders", "table_name"]


def table_name(tower: str, feature: Categorical) -> str:
    """The embedding table that a feature looks up: its own unless the recipe names a shared one.

    Example:
        >>> from turret.recipe.features import Categorical
        >>> table_name("query", Categorical("user_id"))
        'query/user_id'
    """
    return feature.table or f"{tower}/{feature.column}"


@dataclass(frozen=True, eq=False)
class CategoricalEncoder:
    """One value a row, looked up in a vocabulary; unseen and missing values share row 0."""

    vocabulary: Vocabulary

    @property
    def num_rows(self) -> int:
        """Rows of an embedding table for this encoder, the out-of-vocabulary row included."""
        return self.vocabulary.num_rows

    def encode(self, values: pl.Series) -> Int32[np.ndarray, " n"]:
        """Vocabulary rows of `values`, shape `[n]`; 0 for a null or an unseen value."""
        return self.vocabulary.rows(as_ids(values, what=f"column {values.name!r}"))

    def known(self, encoded: Int32[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """Whether each encoded value stood in the training data."""
        return encoded > 0


@dataclass(frozen=True, eq=False)
class TowerEncoder:
    """The encoders of one tower's features.

    Attributes:
        name: "query" or "candidate".
        features: The features, in the recipe's order.
        encoders: For each feature's column its fitted encoder.
    """

    name: str
    features: tuple[Categorical, ...]
    encoders: Mapping[str, CategoricalEncoder]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that `encode` reads."""
        return tuple(feature.column for feature in self.features)

    @property
    def tables(self) -> dict[str, str]:
        """For each feature's column the embedding table it looks up."""
        return {f.column: table_name(self.name, f) for f in self.features}

    @property
    def num_rows(self) -> dict[str, int]:
        """Rows of each embedding table of this tower."""
        return {table_name(self.name, f): self.encoders[f.column].num_rows for f in self.features}

    def encode(self, frame: pl.DataFrame) -> dict[str, Int32[np.ndarray, " n"]]:
        """Encode every feature of a table.

        Args:
            frame: Holds at least `columns`; other columns are ignored.

        Returns:
            For each feature's column an array with one entry a row.

        Raises:
            DataError: When a column is absent.
        """
        missing = [column for column in self.columns if column not in frame.columns]
        if missing:
            raise DataError(
                f"the {self.name} table lacks feature columns",
                got=frame.columns,
                expected=f"columns {', '.join(map(repr, missing))} too",
            )
        return {column: self.encoders[column].encode(frame[column]) for column in self.columns}

    def known(self, encoded: Mapping[str, Int32[np.ndarray, " n"]]) -> Bool[np.ndarray, " n"]:
        """Whether at least one feature of each encoded row was met in training."""
        return np.logical_or.reduce([self.encoders[c].known(encoded[c]) for c in self.columns])

    def state(self) -> dict[str, pl.Series]:
        """What a bundle keeps: for each feature's column its vocabulary's ids, from row 1."""
        return {column: self.encoders[column].vocabulary.ids for column in self.columns}

    @classmethod
    def from_state(
        cls, name: str, features: tuple[Categorical, ...], *, state: Mapping[str, pl.Series]
    ) -> "TowerEncoder":
        """The encoder whose `state()` is given."""
        encoders = {f.column: CategoricalEncoder(Vocabulary(state[f.column])) for f in features}
        return cls(name, features, encoders)


def fit_encoders(config: TwoTower, train: Dataset) -> tuple[TowerEncoder, TowerEncoder]:
    """Fit both towers' encoders on the queries and candidates that training interactions name.

    Features that share a table share its vocabulary: it is fitted on the values of all their
    columns.

    Args:
        config: The two towers.
        train: The training part; rows of its tables that no interaction names are not looked at.

    Returns:
        The query tower's encoder and the candidate tower's.

    Raises:
        DataError: When a feature's column is absent from its table.
    """
    sides = {
        "query": (config.query, train.queries, train.interactions.query_row),
        "candidate": (config.candidate, train.candidates, train.interactions.candidate_row),
    }
    values: dict[str, list[pl.Series]] = {}
    rules: dict[str, Categorical] = {}
    for name, (tower, frame, rows) in sides.items():
        _require_columns(name, tower, frame)
        for feature in tower.features:
            counted = feature.min_count > 1 or feature.max_size is not None
            used = frame[feature.column].gather(rows if counted else np.unique(rows))
            table = table_name(name, feature)
            values.setdefault(table, []).append(as_ids(used, what=f"column {used.name!r}"))
            rules.setdefault(table, feature)
    vocabularies = {
        table: Vocabulary.fit(
            pl.concat(columns), min_count=rules[table].min_count, max_size=rules[table].max_size
        )
        for table, columns in values.items()
    }

    def encoder(name: str, tower: Tower) -> TowerEncoder:
        lookups = {
            f.column: CategoricalEncoder(vocabularies[table_name(name, f)]) for f in tower.features
        }
        return TowerEncoder(name, tuple(tower.features), lookups)

    return encoder("query", config.query), encoder("candidate", config.candidate)


def _require_columns(name: str, tower: Tower, frame: pl.DataFrame) -> None:
    for feature in tower.features:
        if feature.column not in frame.columns:
            raise DataError(
                f"the {name} tower has a feature on a column that the {name} table does not have",
                got=feature.column,
                expected=f"one of {', '.join(frame.columns)}",
                fix=f"Name another column, or give a table with it as `{name}` table.",
            )
