"""What chance decides in a step follows from the seed and the number of the step alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from trainings import MODEL, dataset, train

from turret.model.objective import batch_loss
from turret.recipe.bodies.mlp import MLP
from turret.recipe.features.categorical import Categorical
from turret.recipe.loss import Softmax
from turret.recipe.towers import Tower, TwoTower
from turret.train.snapshot import Snapshot
from turret.train.state import train_step
from turret.train.trainer import fit, prepare


def towers(**options) -> TwoTower:
    body = [MLP([16], **options)]
    return TwoTower(
        query=Tower([Categorical("user")], body=body),
        candidate=Tower([Categorical("item")], body=body),
        embedding_dim=8,
    )


DROPPING = towers(dropout=0.5)


def first_losses(seed: int, *, steps_before: int = 0) -> float:
    """The loss that a step reports on one batch, with the initial parameters of one seed."""
    settings = train(seed=seed)
    batches, state = prepare(dataset(), DROPPING, loss=Softmax(), train=settings)
    _, like = prepare(dataset(), DROPPING, loss=Softmax(), train=train(seed=1))
    # Everything but the seed's key and the step is the same.
    snapshot = dict(Snapshot.of(like).arrays) | {
        "key": Snapshot.of(state).arrays["key"],
        "step": np.array(steps_before, np.int32),
    }
    batches, _ = prepare(dataset(), DROPPING, loss=Softmax(), train=train(seed=1))
    return float(train_step(Snapshot(snapshot).restore(like), batches(0))[1].loss)


def test_another_seed_and_another_step_leave_other_numbers_out():
    one = first_losses(1)
    assert first_losses(1) == one
    assert len({one, first_losses(2), first_losses(1, steps_before=1)}) == 3


def test_a_step_reports_the_loss_with_numbers_left_out_and_a_measurement_without():
    batches, state = prepare(dataset(), DROPPING, loss=Softmax(), train=train())
    assert state.key is not None
    batch = batches(0)
    tables = {
        name: table[jnp.clip(batch.table_rows[name], max=len(table) - 1)]
        for name, table in state.parameters.tables.items()
    }
    parameters = state.parameters._replace(tables=tables)
    plain = [
        float(batch_loss(parameters, batch, config=config, loss=Softmax(), key=key))
        for config, key in (
            (DROPPING, None),
            (DROPPING, jax.random.fold_in(state.key, 0)),
        )
    ]
    assert plain[0] != plain[1]
    _, losses = train_step(state, batch)
    np.testing.assert_allclose(losses.loss, plain[1], rtol=1e-6)


def test_queries_and_candidates_are_left_out_by_coins_of_their_own():
    batches, state = prepare(dataset(), DROPPING, loss=Softmax(), train=train())
    assert state.key is not None
    one, other = jax.random.split(jax.random.fold_in(state.key, 0))
    assert not (jax.random.key_data(one) == jax.random.key_data(other)).all()
    draws = [jax.random.uniform(key, (100,)) for key in (one, other, state.key)]
    assert abs(np.corrcoef(draws)[0, 1]) < 0.3


def test_the_same_training_twice_is_the_same_to_the_bit():
    one, other = (fit(dataset(), DROPPING, train=train(epochs=1)) for _ in range(2))
    for name, array in one.trained.arrays().items():
        assert array.tobytes() == other.trained.arrays()[name].tobytes(), name
    queries = dataset().queries
    vectors = one.trained.query_vectors(queries)
    assert vectors.tobytes() == one.trained.query_vectors(queries).tobytes()


@pytest.mark.parametrize("config", [MODEL, towers(), towers(norm="layer")])
def test_without_dropout_a_step_has_no_key(config: TwoTower):
    _, state = prepare(dataset(), config, loss=Softmax(), train=train())
    assert state.key is None and "key" not in Snapshot.of(state).arrays
