"""What a bundle is put together from: a model, a report, and a note on where both came from.

The two protocols stand in for classes of other packages, so that a bundle can be opened without
importing JAX.
"""

import importlib.metadata
import platform
from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

import numpy as np
import polars as pl
from jaxtyping import Bool, Float32

from turret.data.dataset import Dataset
from turret.data.encoders.tower import TowerEncoder
from turret.recipe.recipe import Recipe
from turret.recipe.towers import TwoTower

__all__ = ["Judged", "Trained", "provenance_of"]

_PACKAGES = ("turret", "jax", "numpy", "polars", "safetensors", "scann", "faiss-cpu")


@runtime_checkable
class Trained(Protocol):
    """What a bundle asks of a model: `turret.model.trained.TrainedModel`, without importing JAX."""

    @property
    def config(self) -> TwoTower:
        """The two towers."""
        ...

    def met_vectors(self) -> Float32[np.ndarray, "rows d"] | None:
        """What the candidate tower makes of the candidates that a history may hold."""
        ...

    @property
    def query_encoder(self) -> TowerEncoder:
        """Encodes query columns."""
        ...

    @property
    def candidate_encoder(self) -> TowerEncoder:
        """Encodes candidate columns."""
        ...

    def query_vectors(self, queries: pl.DataFrame) -> Float32[np.ndarray, "n d"]:
        """Vectors of raw queries."""
        ...

    def candidate_vectors(self, candidates: pl.DataFrame) -> Float32[np.ndarray, "n d"]:
        """Vectors of raw candidates."""
        ...

    def known_queries(self, queries: pl.DataFrame) -> Bool[np.ndarray, " n"]:
        """Whether at least one feature of each query was met in training."""
        ...

    def arrays(self) -> dict[str, np.ndarray]:
        """Every parameter by its path."""
        ...


@runtime_checkable
class Judged(Protocol):
    """What a bundle asks of a report: `turret.evaluation.report.Report`."""

    def to_dict(self) -> dict[str, object]:
        """The report as JSON values."""
        ...


def provenance_of(dataset: Dataset, recipe: Recipe | None) -> dict[str, object]:
    """Notes when, with what and from which data a bundle was made.

    Args:
        dataset: the training part.
        recipe: what the training followed, if there was a recipe.

    Returns:
        JSON values: `created` (UTC, ISO 8601), `versions` of Python and the libraries that are
        installed, `platform`, `data_fingerprint` (see `Dataset.fingerprint`), the number of
        training `interactions`, and the `seed` (None without a recipe).
    """
    versions: dict[str, str] = {"python": platform.python_version()}
    for package in _PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions,
        "platform": platform.platform(),
        "data_fingerprint": dataset.fingerprint(),
        "interactions": len(dataset.interactions),
        "seed": None if recipe is None else recipe.train.seed,
    }
