"""An optax transformation that the caller made, and what a checkpoint knows of it."""

from typing import Any

import numpy as np
import optax
import pytest
from trainings import KillAt, Killed, dataset, train

from turret.errors import CheckpointError
from turret.recipe.bodies.mlp import MLP
from turret.recipe.features.categorical import Categorical
from turret.recipe.stopping import Checkpointing
from turret.recipe.towers import Tower, TwoTower
from turret.train.checkpoint import Checkpoints
from turret.train.trainer import FitResult, fit

SETTINGS: dict[str, Any] = {
    "config": TwoTower(
        query=Tower([Categorical("user")], body=[MLP([8])]),
        candidate=Tower([Categorical("item")]),
        embedding_dim=8,
    ),
    "train": train(epochs=1, checkpoint=Checkpointing(minutes=0, steps=2)),
}


def run(optimizer: optax.GradientTransformation | None, folder=None, **more) -> FitResult:
    checkpoints = None if folder is None else Checkpoints(folder)
    return fit(dataset(), dense_optimizer=optimizer, checkpoints=checkpoints, **SETTINGS, **more)


def test_an_equal_one_goes_on_to_the_same_bits(tmp_path):
    whole = run(optax.adam(0.01))
    with pytest.raises(Killed):
        run(optax.adam(0.01), tmp_path, hooks=[KillAt(6)])
    resumed = run(optax.adam(0.01), tmp_path, resume=True)
    assert resumed.resumed_at == 4
    for name, array in whole.trained.arrays().items():
        np.testing.assert_array_equal(resumed.trained.arrays()[name], array)


def test_one_of_another_state_is_refused_and_so_is_none(tmp_path):
    with pytest.raises(Killed):
        run(optax.adam(0.01), tmp_path, hooks=[KillAt(3)])
    adam_only = r"another training: dense_optimizer\.0/count was 'int32\[\]' and is None now"
    with pytest.raises(CheckpointError, match=adam_only):
        run(optax.sgd(0.01), tmp_path, resume=True)
    with pytest.raises(CheckpointError, match="dense_optimizer.given was True and is None now"):
        run(None, tmp_path, resume=True)


def test_a_named_one_is_not_a_given_one(tmp_path):
    with pytest.raises(Killed):
        run(None, tmp_path, hooks=[KillAt(3)])
    with pytest.raises(CheckpointError, match="dense_optimizer.given was None and is True now"):
        run(optax.sgd(0.01), tmp_path, resume=True)
