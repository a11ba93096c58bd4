"""The encoder of a tower: those of all its features."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Bool, Shaped

from turret.cores import cores
from turret.data.encoders.base import AnyEncoder, Parts
from turret.data.encoders.kinds import restored
from turret.data.encoders.vocabularied import VocabularyEncoder
from turret.data.vocabulary import Vocabulary
from turret.errors import DataError
from turret.recipe.features.base import looks_up, table_name
from turret.recipe.features.feature import Feature

__all__ = ["Encoded", "Group", "TowerEncoder", "group_of"]

Encoded = Mapping[str, Shaped[np.ndarray, "n ..."]]
"""A tower's encoded rows: arrays by `FEATURE/PART`, each with an entry a row."""


_MANY = 50_000

Group = tuple[str, ...]
"""What is fitted together: the name of a table, or the tower and the key of a feature."""


def group_of(tower: str, feature: Feature) -> Group:
    """With which others a feature is fitted.

    Example:
        >>> from turret.recipe.features.number import Number
        >>> group_of("query", Number("age"))
        ('query', 'age')
    """
    if looks_up(feature):
        return (table_name(tower, feature),)
    return (tower, feature.key)


@dataclass(frozen=True, eq=False)
class TowerEncoder:
    """The encoders of one tower's features.

    Attributes:
        name: "query" or "candidate".
        features: The features, in the recipe's order.
        encoders: For each feature's key its fitted encoder.
    """

    name: str
    features: tuple[Feature, ...]
    encoders: Mapping[str, AnyEncoder]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that `encode` reads, each once."""
        return tuple(dict.fromkeys(name for feature in self.features for name in feature.reads))

    @property
    def tables(self) -> dict[str, str]:
        """For the key of each feature that has an embedding table the table's name."""
        groups = self.groups
        return {f.key: groups[f.key][0] for f in self.features if looks_up(f)}

    @property
    def lookups(self) -> dict[str, str]:
        """For each array of `encode` that holds rows of an embedding table the table's name."""
        return {f"{key}/rows": table for key, table in self.tables.items()}

    @property
    def num_rows(self) -> dict[str, int]:
        """Rows of each embedding table of this tower."""
        return {table: self.encoders[key].num_rows for key, table in self.tables.items()}

    @property
    def vocabularies(self) -> dict[str, Vocabulary]:
        """The vocabulary of each embedding table whose rows stand for ids."""
        return {
            table: encoder.vocabulary
            for key, table in self.tables.items()
            if isinstance(encoder := self.encoders[key], VocabularyEncoder)
        }

    @property
    def groups(self) -> dict[str, Group]:
        """For each feature's key with which others it is fitted: those of its table, or none."""
        return {f.key: group_of(self.name, f) for f in self.features}

    def encode(self, frame: pl.DataFrame) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """Encode every feature of a table.

        Args:
            frame: Holds at least `columns`; other columns are ignored.

        Returns:
            For each part of each feature, as `FEATURE/PART`, an array with one entry a row.

        Raises:
            DataError: When a column is absent, or cannot be what its feature reads.
        """
        missing = [column for column in self.columns if column not in frame.columns]
        if missing:
            raise DataError(
                f"the {self.name} table lacks feature columns",
                got=frame.columns,
                expected=f"columns {', '.join(map(repr, missing))} too",
            )

        def encode(key: str) -> Parts:
            return self.encoders[key].encode(frame)

        if frame.height < _MANY:
            encoded = map(encode, self.encoders)
        else:
            # Polars and NumPy leave the interpreter to others while they work.
            with ThreadPoolExecutor(cores()) as pool:
                encoded = list(pool.map(encode, self.encoders))
        return {
            f"{key}/{part}": array
            for key, parts in zip(self.encoders, encoded, strict=True)
            for part, array in parts.items()
        }

    def known(self, encoded: Encoded) -> Bool[np.ndarray, " n"]:
        """Whether training says something about at least one feature of each encoded row."""
        return np.logical_or.reduce(
            [
                encoder.known(
                    {
                        name.removeprefix(f"{key}/"): array
                        for name, array in encoded.items()
                        if name.rpartition("/")[0] == key
                    }
                )
                for key, encoder in self.encoders.items()
            ]
        )

    def states(self) -> tuple[pl.DataFrame, ...]:
        """What a bundle keeps: what each feature's encoder was fitted to, in their order."""
        return tuple(self.encoders[feature.key].state() for feature in self.features)

    @classmethod
    def restored(
        cls, name: str, features: tuple[Feature, ...], *, states: tuple[pl.DataFrame, ...]
    ) -> "TowerEncoder":
        """The encoder whose `states()` are given."""
        encoders = {f.key: restored(f, state) for f, state in zip(features, states, strict=True)}
        return cls(name, features, encoders)
