"""The feature `linear`: what a linear model says, beside the towers."""

from turret.recipe.checks import require
from turret.recipe.features.categorical import Categorical

__all__ = ["Linear"]


class Linear(Categorical, frozen=True, kw_only=True, tag="linear"):
    """A part of the tower's vector that a linear model gives, and that training leaves as it is.

    Both towers have one, on the ids of queries and of candidates. Its numbers stand behind the
    tower's own, after these were scaled to length 1, so that a score is that of the towers and
    that of the linear model added up: EASE, the least-squares weights of candidates on one
    another, truncated to `embedding_dim` numbers. An id without a row of its own has zeros: there
    the towers alone speak. `[train.linear]` says how it is fitted and what it counts.

    Args:
        column: the column of the query ids, or of the candidate ids.
        name: what the feature is called in its tower; "linear" unless it says otherwise.
        embedding_dim: numbers it adds to the vector, the same in both towers; None takes the
            model's.
        min_count: as for `Categorical`.
        max_size: as for `Categorical`.

    Example:
        >>> Linear("user_id", embedding_dim=128).key
        'linear'
    """

    name: str | None = "linear"
    learning_rate: float = 0.0

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        super().__post_init__()
        fixed = {"table": None, "learning_rate": 0.0, "dropout": 0.0, "oov_buckets": 1}
        for key, value in {**fixed, "hash_buckets": None}.items():
            own = getattr(self, key)
            require(own == value, f"feature {self.key!r}: {key}", own, "none for kind linear")
