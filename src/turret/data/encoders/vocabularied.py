"""What the encoders have in common that look ids up in a vocabulary."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import polars as pl

from turret.data.encoders.base import AnyEncoder, Encoder
from turret.data.encoders.states import kept
from turret.data.vocabulary import Vocabulary
from turret.recipe.features.base import Vocabularied

__all__ = ["VocabularyEncoder"]

F = TypeVar("F", bound=Vocabularied)


@dataclass(frozen=True, eq=False)
class VocabularyEncoder(Encoder[F, pl.Series, Vocabulary]):
    """Half of an encoder: its vocabulary and what a bundle keeps; a subclass encodes."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The ids that have a row."""
        return self.fitted

    @classmethod
    def fit(cls, feature: F, gathered: Sequence[pl.Series]) -> Vocabulary:
        """The vocabulary of all columns' values."""
        values, size = pl.concat(gathered), feature.max_size
        return Vocabulary.fit(values, min_count=feature.min_count, max_size=size)

    @classmethod
    def restored(cls, feature: F, state: pl.DataFrame) -> "VocabularyEncoder[F]":
        """The encoder whose `state()` is given."""
        return cls(feature, Vocabulary(kept(state, "id", dtype=pl.String)))

    def state(self) -> pl.DataFrame:
        """The column `id`: the vocabulary, from row 1."""
        return self.vocabulary.ids.rename("id").to_frame()

    @property
    def num_rows(self) -> int:
        """Rows of its embedding table, the out-of-vocabulary row included."""
        return self.vocabulary.num_rows

    def means_as(self, earlier: AnyEncoder) -> bool:
        """Whether the earlier table's rows stand for ids, too, whatever kind of feature said so."""
        return isinstance(earlier, VocabularyEncoder)

    def after(self, earlier: AnyEncoder, *, vanished: Literal["keep", "drop"]) -> Vocabulary:
        """Today's ids, and of the earlier ones the first as text, as `max_size` has room."""
        if vanished == "drop":
            return self.vocabulary
        known: pl.Series = earlier.fitted.ids
        gone = known.filter(pl.Series(self.vocabulary.rows(known) == 0))
        if self.feature.max_size is not None:
            gone = gone.head(max(0, self.feature.max_size - len(self.vocabulary.ids)))
        return Vocabulary(
            pl.concat([self.vocabulary.ids, gone.rename(self.vocabulary.ids.name)]).sort()
        )
