"""Id drop-out: a training step takes some ids for unseen ones."""

import numpy as np
from jaxtyping import Shaped

from turret.data.encoders.tower import Encoded, TowerEncoder
from turret.recipe.features.categorical import Categorical

__all__ = ["with_dropped_ids"]


def with_dropped_ids(
    encoded: Encoded, encoder: TowerEncoder, generator: np.random.Generator
) -> dict[str, Shaped[np.ndarray, "n ..."]]:
    """Send some rows of each categorical feature that asks for it to an out-of-vocabulary row.

    Args:
        encoded: Encoded rows of a tower.
        encoder: The tower's; its features say which share is dropped.
        generator: Decides which.

    Returns:
        The same, but for the rows dropped.

    Example:
        >>> import polars as pl
        >>> features = (Categorical("user", dropout=0.5),)
        >>> states = (pl.DataFrame({"id": ["a", "b"]}),)
        >>> encoder = TowerEncoder.restored("query", features, states=states)
        >>> encoded = encoder.encode(pl.DataFrame({"user": ["a", "b", "a", "b"]}))
        >>> with_dropped_ids(encoded, encoder, np.random.default_rng(4))["user/rows"].tolist()
        [1, 2, 1, 0]
    """
    kept = dict(encoded)
    for feature in encoder.features:
        if isinstance(feature, Categorical) and feature.dropout > 0:
            rows = kept[f"{feature.key}/rows"]
            dropped = generator.random(len(rows)) < feature.dropout
            unseen = np.zeros(len(rows), np.int32)
            if feature.oov_buckets > 1:
                # Row 0, or one of those behind the vocabulary's, as the unseen have.
                bucket = generator.integers(0, feature.oov_buckets, len(rows), np.int32)
                behind = encoder.encoders[feature.key].num_rows - feature.oov_buckets
                unseen = np.where(bucket == 0, bucket, bucket + np.int32(behind))
            shape = (-1, *[1] * (rows.ndim - 1))
            kept[f"{feature.key}/rows"] = np.where(
                dropped.reshape(shape), unseen.reshape(shape), rows
            )
    return kept
