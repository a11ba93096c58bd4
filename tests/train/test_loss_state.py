"""What a loss keeps from step to step, and training with every member of the family."""

import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

from turret.data.dataset import Dataset
from turret.recipe.features.categorical import Categorical
from turret.recipe.loss import BPR, WARP, Softmax
from turret.recipe.towers import Tower, TwoTower
from turret.recipe.training import Train
from turret.train.loss_state import initial_loss_state, streaming_probability
from turret.train.state import train_step
from turret.train.trainer import fit, prepare

MODEL = TwoTower(
    query=Tower([Categorical("user")]), candidate=Tower([Categorical("item")]), embedding_dim=8
)


def colours(events: int = 4000) -> Dataset:
    """Each user takes items of the user's own colour."""
    rng = np.random.default_rng(0)
    user, item = rng.integers(0, 60, events), rng.integers(0, 40, events)
    same = user % 2 == item % 2
    frame = pl.DataFrame({"user": user[same], "item": item[same]})
    return Dataset.from_frames(frame, query_id="user", candidate_id="item")


LOSSES = {
    "logq": Softmax(logq="estimated"),
    "streaming": Softmax(logq="streaming"),
    "accidental": Softmax(remove_accidental_hits=True),
    "known": Softmax(mask_known_positives="batch"),
    "all known": Softmax(mask_known_positives="all"),
    "hard": Softmax(hard_negatives=10),
    "mixed": Softmax(uniform=0.5, popular=20, logq="estimated", remove_accidental_hits=True),
    "smooth": Softmax(label_smoothing=0.1),
    "learned": Softmax(learn_temperature=True),
    "bfloat16": Softmax(precision="bfloat16"),
    "bpr": BPR(),
    "warp": WARP(),
}


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_learns_the_colours(name):
    data = colours()
    settings = Train(batch_size=256, learning_rate=0.05, seed=1)
    batches, state = prepare(data, MODEL, loss=LOSSES[name], train=settings)
    for step in range(60):
        state, losses = train_step(state, batches(step))
        assert np.isfinite(losses.loss)
    tables = state.parameters.tables
    scores = np.asarray(tables["query/user"][1:] @ tables["candidate/item"][1:].T)
    users, items = (
        ids.cast(pl.Int64).to_numpy() % 2 for ids in (data.query_ids, data.candidate_ids)
    )
    same = users[:, None] == items[None, :]
    # Nearly every item of a user's colour stands above nearly every other.
    above = scores[same].reshape(60, -1, 1) > scores[~same].reshape(60, 1, -1)
    assert above.mean() > 0.95


def test_a_learned_temperature_moves_and_starts_at_the_recipe():
    loss = Softmax(learn_temperature=True, temperature=0.5)
    batches, state = prepare(colours(), MODEL, loss=loss, train=Train(batch_size=256))
    np.testing.assert_allclose(np.exp(state.loss["log_temperature"]), 0.5, rtol=1e-6)
    for step in range(5):
        state, _ = train_step(state, batches(step))
    assert abs(float(np.exp(state.loss["log_temperature"])) - 0.5) > 1e-4


def test_streaming_estimates_follow_the_frequencies():
    rng = np.random.default_rng(0)
    often = np.array([1.0, 0.5, 0.1])
    state = initial_loss_state(Softmax(logq="streaming"), 3)
    for step in range(1, 1500):
        rows = np.flatnonzero(rng.random(3) < often)
        padded = np.full(4, 3, np.int32)
        padded[: len(rows)] = rows
        state, probability = streaming_probability(
            state, jnp.asarray(padded), step=jnp.int32(step), rate=0.02
        )
        assert (np.asarray(probability)[len(rows) :] == 1).all()
    np.testing.assert_allclose(1 / np.asarray(state["gap"]), often, rtol=0.25)
    np.testing.assert_allclose(1 / np.asarray(state["gap"])[0], 1.0, rtol=1e-6)


def test_streaming_by_hand():
    state = initial_loss_state(Softmax(logq="streaming"), 2)
    rows = jnp.array([1], jnp.int32)
    state, probability = streaming_probability(state, rows, step=jnp.int32(4), rate=0.25)
    np.testing.assert_allclose(probability, [1 / 4])
    state, probability = streaming_probability(state, rows, step=jnp.int32(12), rate=0.25)
    np.testing.assert_allclose(probability, [1 / (0.75 * 4 + 0.25 * 8)])
    np.testing.assert_allclose(state["last_step"], [0, 12])


def test_cosines_need_a_temperature_and_learn_one():
    config = TwoTower(query=MODEL.query, candidate=MODEL.candidate, embedding_dim=8, normalize=True)
    settings = Train(epochs=30, batch_size=60, learning_rate=0.1, seed=1)
    reached = {}
    for learn in (False, True):
        loss = Softmax(candidates="all", learn_temperature=learn)
        result = fit(colours(), config, loss=loss, train=settings)
        reached[learn] = result.history[-1].losses["loss"]
        vectors = result.trained.query_vectors(colours().queries)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-6)
    # A cosine of 1 with the 20 items of one's colour and -1 with the others: at temperature 1 that
    # is as good as it gets, ln(20 + 20 exp(-2)). At lower ones ln 20 is near, and a user's own
    # choices among the 20 are below it.
    np.testing.assert_allclose(reached[False], np.log(20 + 20 * np.exp(-2)), atol=5e-3)
    assert reached[True] < np.log(20)
    assert float(jnp.exp(result.state.loss["log_temperature"])) < 0.5
