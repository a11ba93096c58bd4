from pathlib import Path

import pytest

from turret.errors import RecipeError
from turret.recipe.bodies.mlp import MLP
from turret.recipe.features.categorical import Categorical
from turret.recipe.loss import Softmax
from turret.recipe.recipe import Recipe
from turret.recipe.schedule import Schedule
from turret.recipe.stopping import EarlyStopping
from turret.recipe.training import Train
from turret.toml import builtin, builtin_names, dumps, load, loads, override

SMALL = """
[data]
files = "events.csv"
query_id = "user"
candidate_id = "item"

[[model.query.features]]
kind = "categorical"
column = "user"

[[model.candidate.features]]
kind = "categorical"
column = "item"
"""


def test_the_tutorial_is_the_reference_setting_by_setting() -> None:
    recipe = builtin("tutorial")
    assert recipe.data.source == "movielens-100k"
    assert (recipe.data.query_id, recipe.data.candidate_id) == ("user_id", "movie_title")
    assert (recipe.split.kind, recipe.split.test_fraction, recipe.split.seed) == ("random", 0.2, 42)
    assert recipe.model.query.features == (Categorical("user_id"),)
    assert recipe.model.candidate.features == (Categorical("movie_title"),)
    assert (recipe.model.embedding_dim, recipe.model.normalize) == (32, False)
    assert recipe.loss == Softmax(candidates="batch", temperature=1.0, reduction="sum")
    assert recipe.train == Train(
        epochs=3,
        batch_size=8192,
        optimizer="adagrad",
        learning_rate=0.1,
        seed=42,
        reshuffle=False,
        initial_scale=0.05,
        initial_accumulator=0.1,
        epsilon=1e-7,
    )


@pytest.mark.parametrize("name", builtin_names())
def test_shipped_recipes_read_back_equal(name: str) -> None:
    assert loads(dumps(builtin(name))) == builtin(name)


def test_every_kind_of_value_reads_back_equal() -> None:
    recipe = override(
        loads(SMALL),
        {
            "data.files": '["a.csv", "b \\"c\\".csv"]',
            "data.positive": "rating >= 4",
            "split.validation_fraction": "0.1",
            "train.early_stopping.patience": "2",
            "train.schedule": '{kind = "cosine", warmup = 100, end = 0.5}',
            "train.dense_optimizer": "adamw",
            "index.parameters.storage": "int8",
            "train.dense_optimizer_options.weight_decay": "0.1",
            "train.dense_optimizer_options.nesterov": "true",
            "model.query.body": '[{kind = "mlp", hidden = [64, 32]}]',
        },
    )
    assert recipe.data.files == ("a.csv", 'b "c".csv')
    assert recipe.data.positive == "rating >= 4"
    assert recipe.train.early_stopping == EarlyStopping(patience=2)
    assert recipe.train.schedule == Schedule(kind="cosine", warmup=100, end=0.5)
    assert recipe.train.dense_optimizer_options == {"weight_decay": 0.1, "nesterov": True}
    assert recipe.model.query.body == (MLP([64, 32]),)
    assert recipe.index.parameters == {"storage": "int8"}
    assert loads(dumps(recipe)) == recipe
    assert hash(loads(dumps(recipe))) == hash(recipe)


def test_the_names_of_shipped_recipes() -> None:
    assert builtin_names() == ("default", "movielens", "tutorial")
    with pytest.raises(RecipeError, match="Did you mean 'tutorial'"):
        builtin("tutorials")


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    assert load(path) == loads(SMALL)
    assert load(str(path)).data.files == "events.csv"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        load(tmp_path / "none.toml")
    assert "none.toml' cannot be read: No such file or directory" in str(caught.value)
    assert "movielens, tutorial" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = ", "here is not TOML: Invalid value"),
        ("[data]\nqueryid = 1", "here: unknown key data.queryid. Did you mean 'query_id'?"),
        ("[dat]", "here: unknown key dat. Did you mean 'data'?"),
        ("[model]", "here: model.query and model.candidate are missing. Add them;"),
        (SMALL + "[train]\nepochs = 'five'", "here: train.epochs: got 'five', expected int."),
        (SMALL + "[train]\nepochs = 0", "here: train.epochs: got 0, expected at least 1."),
        (SMALL + "[train]\nepochs = 1.5", "here: train.epochs: got 1.5, expected int."),
        (SMALL + "train = 3", "here: unknown key model.candidate.features[0].train."),
        (SMALL.replace('column = "item"', ""), "model.candidate.features[0].column is missing."),
        (
            SMALL.replace('"categorical"\ncolumn = "item"', '"categoric"\ncolumn = "item"'),
            "here: model.candidate.features[0].kind: got 'categoric', expected 'bag' or"
            " 'categorical' or 'cross' or 'history' or 'linear' or 'number' or 'text' or"
            " 'timestamp' or 'vector'. Did you mean 'categorical'?",
        ),
        (
            SMALL + "[split]\nkind = 'randon'",
            "here: split.kind: got 'randon', expected 'fold_in' or 'given' or 'leave_last_out'"
            " or 'random' or 'temporal'. Did you mean 'random'?",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_full_path(text: str, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        loads(text, where="here")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(RecipeError, match="is not TOML"):
        loads(b"\xff\xfe")


def test_dates_are_text() -> None:
    recipe = loads(SMALL + "[split]\nkind = 'temporal'\ncut = 1998-03-01")
    assert recipe.split.cut == "1998-03-01"


def test_override() -> None:
    recipe = override(
        loads(SMALL),
        {
            "train.epochs": "5",
            "split.kind": "temporal",
            "split.cut": "1998-03-01",
            "model.query.features.0.column": "session",
            "model.normalize": "true",
        },
    )
    assert isinstance(recipe, Recipe)
    assert recipe.train.epochs == 5
    assert (recipe.split.kind, recipe.split.cut) == ("temporal", "1998-03-01")
    assert recipe.model.query.features == (Categorical("session"),)
    assert recipe.model.normalize is True


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("train.epoch", "5", "--set: unknown key train.epoch. Did you mean 'epochs'?"),
        ("train.epochs", "0", "--set: train.epochs: got 0, expected at least 1."),
        ("train.epochs.x", "0", "--set train.epochs.x: epochs holds a value, not further keys"),
        ("model.query.features.1.column", "x", "got '1', expected a position from 0 to 0."),
        ("model.query.features.x", "x", "got 'x', expected a position from 0 to 0."),
    ],
)
def test_override_refuses(key: str, value: str, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        override(loads(SMALL) if "epochs.x" not in key else builtin("tutorial"), {key: value})
    assert message in str(caught.value)
