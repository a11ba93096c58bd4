"""The feature `categorical`: one value a row."""

from turret.errors import RecipeError
from turret.recipe.checks import require
from turret.recipe.features.base import Vocabularied, require_vocabularied

__all__ = ["Categorical"]


class Categorical(Vocabularied, frozen=True, kw_only=True, tag_field="kind", tag="categorical"):
    """A feature with one embedding row for each distinct value of a column.

    Args:
        column: the column of the query table or the candidate table that is encoded.
        name: what the feature is called in its tower, once there; None takes the column's name.
        embedding_dim: numbers in one embedding row; None takes the model's.
        table: the name of an embedding table that several features share; None makes one of its
            own.
        learning_rate: the table's rate is the training's times this; at 0 it stays as it starts.
        min_count: values seen less often in the training data have no row of their own.
        max_size: keep only that many of the most frequent values; None keeps all.
        oov_buckets: so many out-of-vocabulary rows share the values without a row of their own,
            each by its hash.
        hash_buckets: keep no vocabulary: each value is the sum of two of so many rows, by two
            hashes; None keeps a vocabulary.
        dropout: the share of a batch's rows of which a training step takes the value for an unseen
            one, so that the out-of-vocabulary row is trained, and the tower's other features alone.

    Example:
        >>> Categorical("user_id").column
        'user_id'
    """

    oov_buckets: int = 1
    hash_buckets: int | None = None
    dropout: float = 0.0

    @property
    def rule(self) -> tuple[str, ...]:
        """Keys that say how the table is made: features that share it agree in them."""
        if self.hash_buckets is not None:
            return ("hash_buckets",)
        keys = ("min_count", "max_size")
        return keys if self.oov_buckets == 1 else (*keys, "oov_buckets")

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        require_vocabularied(self)
        place = f"feature {self.key!r}"
        share, size = self.dropout, self.hash_buckets
        require(0 <= share < 1, f"{place}: dropout", share, "at least 0 and below 1")
        require(self.oov_buckets >= 1, f"{place}: oov_buckets", self.oov_buckets, "at least 1")
        require(size is None or size >= 1, f"{place}: hash_buckets", size, "at least 1, or none")
        if size is not None and (self.min_count, self.max_size, self.oov_buckets) != (1, None, 1):
            raise RecipeError(
                f"{place}: hash_buckets beside min_count, max_size or oov_buckets",
                expected="hash_buckets alone: it keeps no vocabulary",
                fix="Leave the others out.",
            )
