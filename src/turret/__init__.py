"""Turret trains two-tower retrieval models and answers with their top-k.

Names are imported when first used, so that importing this package costs nothing.

Example:
    >>> import turret
    >>> turret.builtin("tutorial").model.embedding_dim
    32
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from turret.bundle.bundle import (
        Bundle,
    )
    from turret.data.dataset import (
        Dataset,
        Interactions,
    )
    from turret.data.movielens import (
        MovieLens,
        movielens,
    )
    from turret.data.parts import Split
    from turret.data.splits import (
        fold_in_split,
        given_split,
        leave_last_out_split,
        random_split,
        split,
        temporal_split,
    )
    from turret.data.synthetic import (
        SyntheticWorld,
        synthetic,
    )
    from turret.errors import (
        BenchmarkError,
        BundleError,
        CandidateIndexError,
        CheckpointError,
        DataError,
        EvaluationError,
        ExportError,
        MissingPartError,
        ModelError,
        QueryError,
        RecipeError,
        ServingError,
        SplitError,
        StoreError,
        TrainingError,
        TrainingInterrupted,
        TurretError,
    )
    from turret.evaluation.evaluate import (
        evaluate,
    )
    from turret.evaluation.report import Report
    from turret.index.hits import (
        Hits,
    )
    from turret.model.bodies.row import TowerRow
    from turret.model.trained import (
        TrainedModel,
    )
    from turret.recipe.bodies.cross import CrossNetwork
    from turret.recipe.bodies.custom import Custom
    from turret.recipe.bodies.dot import DotInteraction
    from turret.recipe.bodies.mlp import MLP
    from turret.recipe.decomposition import Decomposition
    from turret.recipe.features.bag import Bag
    from turret.recipe.features.categorical import Categorical
    from turret.recipe.features.cross import Cross
    from turret.recipe.features.history import History
    from turret.recipe.features.linear import Linear
    from turret.recipe.features.number import Number
    from turret.recipe.features.text import Text
    from turret.recipe.features.timestamp import Timestamp
    from turret.recipe.features.vector import Vector
    from turret.recipe.loss import BPR, WARP, Softmax
    from turret.recipe.recipe import Recipe
    from turret.recipe.schedule import Schedule
    from turret.recipe.stopping import Checkpointing, EarlyStopping, WarmStart
    from turret.recipe.towers import Tower, TwoTower
    from turret.recipe.training import Train
    from turret.recommender.recommender import (
        Recommender,
    )
    from turret.serving.client import AsyncClient, Client
    from turret.toml import (
        builtin,
    )
    from turret.train.checkpoint import (
        Checkpoints,
    )
    from turret.train.state import (
        train_step,
    )
    from turret.train.trainer import (
        FitResult,
        fit,
        prepare,
    )
    from turret.train.warm import Earlier

    __version__: str

__all__ = [
    "AsyncClient",
    "BPR",
    "Bag",
    "BenchmarkError",
    "Bundle",
    "BundleError",
    "CandidateIndexError",
    "Categorical",
    "CheckpointError",
    "Checkpointing",
    "Checkpoints",
    "Client",
    "Cross",
    "CrossNetwork",
    "Custom",
    "DataError",
    "Dataset",
    "Decomposition",
    "DotInteraction",
    "Earlier",
    "EarlyStopping",
    "EvaluationError",
    "ExportError",
    "FitResult",
    "History",
    "Hits",
    "Interactions",
    "Linear",
    "MLP",
    "MissingPartError",
    "ModelError",
    "MovieLens",
    "Number",
    "QueryError",
    "Recipe",
    "RecipeError",
    "Recommender",
    "Report",
    "Schedule",
    "ServingError",
    "Softmax",
    "Split",
    "SplitError",
    "StoreError",
    "SyntheticWorld",
    "Text",
    "Timestamp",
    "Tower",
    "TowerRow",
    "Train",
    "TrainedModel",
    "TrainingError",
    "TrainingInterrupted",
    "TurretError",
    "TwoTower",
    "Vector",
    "WARP",
    "WarmStart",
    "__version__",
    "builtin",
    "evaluate",
    "fit",
    "fold_in_split",
    "given_split",
    "leave_last_out_split",
    "movielens",
    "prepare",
    "random_split",
    "split",
    "synthetic",
    "temporal_split",
    "train_step",
]

_HOME = {
    "turret.bundle.bundle": ("Bundle",),
    "turret.data.dataset": (
        "Dataset",
        "Interactions",
    ),
    "turret.data.movielens": (
        "MovieLens",
        "movielens",
    ),
    "turret.data.parts": ("Split",),
    "turret.data.splits": (
        "fold_in_split",
        "given_split",
        "leave_last_out_split",
        "random_split",
        "split",
        "temporal_split",
    ),
    "turret.data.synthetic": (
        "SyntheticWorld",
        "synthetic",
    ),
    "turret.errors": (
        "BenchmarkError",
        "BundleError",
        "CandidateIndexError",
        "CheckpointError",
        "DataError",
        "EvaluationError",
        "ExportError",
        "MissingPartError",
        "ModelError",
        "QueryError",
        "RecipeError",
        "ServingError",
        "SplitError",
        "StoreError",
        "TrainingError",
        "TrainingInterrupted",
        "TurretError",
    ),
    "turret.evaluation.evaluate": ("evaluate",),
    "turret.evaluation.report": ("Report",),
    "turret.index.hits": ("Hits",),
    "turret.model.bodies.row": ("TowerRow",),
    "turret.model.trained": ("TrainedModel",),
    "turret.recipe.bodies.cross": ("CrossNetwork",),
    "turret.recipe.bodies.custom": ("Custom",),
    "turret.recipe.bodies.dot": ("DotInteraction",),
    "turret.recipe.bodies.mlp": ("MLP",),
    "turret.recipe.decomposition": ("Decomposition",),
    "turret.recipe.features.bag": ("Bag",),
    "turret.recipe.features.categorical": ("Categorical",),
    "turret.recipe.features.cross": ("Cross",),
    "turret.recipe.features.history": ("History",),
    "turret.recipe.features.linear": ("Linear",),
    "turret.recipe.features.number": ("Number",),
    "turret.recipe.features.text": ("Text",),
    "turret.recipe.features.timestamp": ("Timestamp",),
    "turret.recipe.features.vector": ("Vector",),
    "turret.recipe.loss": ("BPR", "WARP", "Softmax"),
    "turret.recipe.recipe": ("Recipe",),
    "turret.recipe.schedule": ("Schedule",),
    "turret.recipe.stopping": ("Checkpointing", "EarlyStopping", "WarmStart"),
    "turret.recipe.towers": ("Tower", "TwoTower"),
    "turret.recipe.training": ("Train",),
    "turret.recommender.recommender": ("Recommender",),
    "turret.serving.client": ("AsyncClient", "Client"),
    "turret.toml": ("builtin",),
    "turret.train.checkpoint": ("Checkpoints",),
    "turret.train.state": ("train_step",),
    "turret.train.trainer": (
        "FitResult",
        "fit",
        "prepare",
    ),
    "turret.train.warm": ("Earlier",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> object:
    """Import the module that defines a public name, at its first use."""
    if name == "__version__":
        from importlib.metadata import version

        value: object = version("turret")
    elif name in _MODULE_OF:
        value = getattr(importlib.import_module(_MODULE_OF[name]), name)
    else:
        raise AttributeError(f"module 'turret' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names, imported or not."""
    return sorted({*globals(), *__all__})
