"""Where settings are looked for, and what is refused."""

from pathlib import Path

import msgspec
import pytest
from pipeline.tuning.worlds import recipe

from turret import toml
from turret.errors import RecipeError
from turret.pipeline.tuning.space import default_space, space_of, with_values
from turret.recipe.tuning import Range


def test_a_space_stands_in_the_recipe_and_comes_back_from_toml() -> None:
    found = recipe(Path("x"))
    assert found.tune is not None and found.tune.prune
    assert space_of(found) == {
        "train.learning_rate": Range(low=0.001, high=0.3, log=True),
        "train.b1": Range(low=0.8, high=0.95, step=0.05),
    }
    assert toml.loads(toml.dumps(found)) == found


@pytest.mark.parametrize(
    ("text", "count", "whole"),
    [
        ("{low = 1, high = 4}", 4, True),
        ("{low = 16, high = 64, step = 16}", 4, True),
        ("{low = 1, high = 64, log = true}", 64, True),
        ("{low = 1, high = 4, step = 0.5}", 7, False),
        ("{low = 0.1, high = 0.4, step = 0.1}", 4, False),
        ("{low = 1, high = 4.0}", None, False),
    ],
)
def test_whole_numbers_are_those_written_so(text: str, count: int | None, whole: bool) -> None:
    made = recipe(Path("x"), f'[tune.space]\n"loss.temperature" = {text}')
    assert made.tune is not None
    one = made.tune.space["loss.temperature"]
    assert (one.count, one.whole) == (count, whole)


REFUSED = [
    ('"train.lerning_rate" = {low = 0.1, high = 1.0}', "unknown key train.lerning_rate. Did you"),
    ('"train.epochs" = {low = 1.0, high = 3.0}', "train.epochs: got 1.0, expected int"),
    ('"train.epochs" = {low = 0, high = 3}', "train.epochs: got 0, expected at least 1"),
    ('"loss.candidates" = {choices = ["batch", "al"]}', "loss.candidates: got 'al'"),
    ('"train.b1" = {low = "a", high = 1}', 'tune.space'),
    ('"train.b1" = {lo = 0.1, high = 1.0}', "unknown key tune.space.\"train.b1\".lo. Did you"),
    ('"train.b1" = {low = 0.5, high = 0.1}', "expected low below high"),
    ('"train.b1" = {low = 0.5}', "expected low and high, or choices"),
    ('"train.b1" = {low = 0.0, high = 0.5, log = true}', "expected above 0, since log is true"),
    ('"train.b1" = {low = 0.1, high = 0.5, log = true, step = 0.1}', "none, since log is true"),
    ('"train.b1" = {low = 0.1, high = 0.5, step = 0.3}', "a number that 0.1 goes up to 0.5 by"),
    ('"train.b1" = {low = 0.1, choices = [0.5]}', "expected choices alone, or low and high"),
    ('"train.b1" = {choices = []}', "expected at least one, each once"),
    ('"train.b1" = {choices = [0.5, 0.5]}', "expected at least one, each once"),
    ('"split.seed" = {low = 1, high = 3}', "a key of the model, the loss or the training"),
    ('"train.early_stopping.metric" = {choices = ["ndcg@5"]}', "how trials are measured"),
    ('"train.seed" = {low = 1, high = 3}', "how trials are measured"),
    ('"loss" = {choices = [{kind = "bpr"}]}\n"loss.negatives" = {low = 1, high = 2}', "part of"),
    ('"model.query.features.1.dropout" = {low = 0.0, high = 0.5}', "a position from 0 to 0"),
]  # fmt: skip


@pytest.mark.parametrize(("space", "said"), REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_is_refused(space: str, said: str) -> None:
    with pytest.raises(RecipeError) as refused:
        space_of(recipe(Path("x"), f"[tune.space]\n{space}"))
    assert said in str(refused.value)


def test_without_a_space_one_is_made_around_the_recipe() -> None:
    assert default_space(toml.builtin("movielens")) == {
        "train.learning_rate": Range(low=0.002, high=0.2, log=True),
        "train.batch_size": Range(choices=[512, 1024, 2048]),
        "model.embedding_dim": Range(choices=[32, 64, 128]),
        "loss.temperature": Range(low=0.1, high=0.9, log=True),
        "train.regularization": Range(low=1e-8, high=1e-4, log=True),
    }
    changes = {
        "loss": '{kind = "warp", negatives = 1}',
        "train.optimizer": "adamw",
        "model.query.features.0.dropout": "0.2",
    }
    pairwise = default_space(toml.override(toml.builtin("movielens"), changes))
    assert pairwise["loss.negatives"] == Range(choices=[1, 2])
    assert pairwise["loss.margin"] == Range(low=0.333333, high=3.0, log=True)
    assert pairwise["train.weight_decay"] == Range(low=0.001, high=0.1, log=True)
    assert pairwise["model.query.features.0.dropout"] == Range(low=0.0, high=0.8)
    assert "train.regularization" not in pairwise and "loss.temperature" not in pairwise


def test_what_the_recipe_refuses_is_not_in_the_default() -> None:
    """A feature's own width has to be the model's where nothing follows."""
    fixed = {"model.query.features.0.embedding_dim": "64"}
    assert "model.embedding_dim" not in default_space(
        toml.override(toml.builtin("movielens"), fixed)
    )


def test_values_are_put_in_their_places() -> None:
    chosen = with_values(recipe(Path("x")), {"train.b1": 0.8, "loss": {"kind": "bpr"}})
    assert chosen.train.b1 == 0.8
    assert type(chosen.loss).__name__ == "BPR"
    assert chosen.tune is None
    assert chosen.model == recipe(Path("x")).model


def test_a_range_says_every_key_in_json() -> None:
    assert msgspec.json.decode(msgspec.json.encode(Range(choices=[1])), type=Range).count == 1
