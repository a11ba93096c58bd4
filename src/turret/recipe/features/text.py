"""The feature `text`: what is written in a row."""

from collections.abc import Sequence

import msgspec

from turret.recipe.checks import require
from turret.recipe.features.base import TabledColumn, require_tabled

__all__ = ["Text"]


class Text(TabledColumn, frozen=True, kw_only=True, tag_field="kind", tag="text"):
    """A feature of a column of text, as the weighted sum of its n-grams' embedding rows.

    Text is brought to one form (NFKC, lower case) and cut into words: runs of letters, digits and
    the marks on them; each Han character and each pictograph is a word. N-grams of words are so
    many words that follow each other; n-grams of characters stand inside a word, whose beginning
    and end count as characters. Each has a row by its hash, and weighs (1 + log(times in the text))
    times log((1 + N) / (1 + n)) + 1 if it is in n of N training rows. The heaviest `length` are
    kept, and their weights brought to a root of the sum of squares of 1. N-grams that training did
    not meet are passed over; text without any other, empty text and null give the zero vector.

    Args:
        column: a column of text.
        name: as for `Categorical`.
        embedding_dim: as for `Categorical`.
        table: as for `Categorical`, shared among features of text.
        learning_rate: as for `Categorical`.
        words: the lengths of n-grams of words; none for none.
        characters: the lengths of n-grams of characters; none for none.
        buckets: rows of the table, that for the unknown aside.
        length: so many n-grams of a text are kept at most.

    Reference:
        Salton and Buckley, "Term-weighting approaches in automatic text retrieval", 1988;
        Bojanowski, Grave, Joulin and Mikolov, "Enriching word vectors with subword information",
        2017, https://arxiv.org/abs/1607.04606.

    Example:
        >>> Text("title", characters=[]).words
        (1, 2)
    """

    words: Sequence[int] = (1, 2)
    characters: Sequence[int] = (3, 4)
    buckets: int = 32768
    length: int = 64

    @property
    def rule(self) -> tuple[str, ...]:
        """Keys that say how the table is made: features that share it agree in them."""
        return ("words", "characters", "buckets")

    def __post_init__(self) -> None:
        """Keep tuples and refuse impossible values."""
        require_tabled(self)
        place = f"feature {self.key!r}"
        for key in ("words", "characters"):
            sizes = tuple(getattr(self, key))
            msgspec.structs.force_setattr(self, key, sizes)
            sound = len(set(sizes)) == len(sizes) and all(1 <= size <= 16 for size in sizes)
            require(sound, f"{place}: {key}", sizes, "different lengths, each from 1 to 16")
        require(
            bool(self.words or self.characters), f"{place}: words, characters", [], "one of them"
        )
        require(self.buckets >= 1, f"{place}: buckets", self.buckets, "at least 1")
        require(self.length >= 1, f"{place}: length", self.length, "at least 1")
