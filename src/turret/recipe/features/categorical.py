"""The feature `categorical`: one value a row."""

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
        min_count: values seen less often in the training data share the out-of-vocabulary row.
        max_size: keep only that many of the most frequent values; None keeps all.
        dropout: the share of a batch's rows of which a training step takes the value for an unseen
            one, so that the out-of-vocabulary row is trained, and the tower's other features alone.

    Example:
        >>> Categorical("user_id").column
        'user_id'
    """

    dropout: float = 0.0

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        require_vocabularied(self)
        place = f"feature {self.key!r}"
        share = self.dropout
        require(0 <= share < 1, f"{place}: dropout", share, "at least 0 and below 1")
