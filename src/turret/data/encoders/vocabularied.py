"""What the encoders have in common that look ids up in a vocabulary."""

from dataclasses import dataclass

import polars as pl

from turret.data.vocabulary import Vocabulary
from turret.recipe.features.base import Vocabularied

__all__ = ["VocabularyEncoder"]


@dataclass(frozen=True, eq=False)
class VocabularyEncoder:
    """Half of an encoder: its table and what a bundle keeps; a subclass encodes.

    Attributes:
        feature: What is encoded.
        vocabulary: The ids that have a row.
    """

    feature: Vocabularied
    vocabulary: Vocabulary

    @property
    def num_rows(self) -> int:
        """Rows of its embedding table, the out-of-vocabulary row included."""
        return self.vocabulary.num_rows

    @property
    def num_values(self) -> int:
        """It has no numbers."""
        return 0

    def state(self) -> pl.DataFrame:
        """The column `id`: the vocabulary, from row 1."""
        return self.vocabulary.ids.rename("id").to_frame()
