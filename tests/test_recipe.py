from collections.abc import Callable

import pytest

from turret.errors import RecipeError
from turret.recipe import (
    Categorical,
    Data,
    EarlyStopping,
    Evaluation,
    Recipe,
    Split,
    Tower,
    Train,
    TwoTower,
)
from turret.recipe_loss import Softmax


def data(
    *,
    source: str | None = None,
    files: str | tuple[str, ...] | None = None,
    candidate_id: str = "movie_id",
) -> Data:
    return Data(source=source, files=files, query_id="user_id", candidate_id=candidate_id)


TOWER = Tower([Categorical("user_id")])


def test_lists_become_tuples_so_that_a_recipe_is_a_value() -> None:
    tower = Tower([Categorical("user_id")], hidden=[64, 32])
    assert tower.features == (Categorical("user_id"),)
    assert tower.hidden == (64, 32)
    assert tower == Tower((Categorical("user_id"),), hidden=(64, 32))
    assert hash(tower) == hash(Tower((Categorical("user_id"),), hidden=(64, 32)))
    assert Evaluation(ks=[1, 2]).ks == (1, 2)


def test_frozen() -> None:
    with pytest.raises(AttributeError):
        Train().epochs = 5  # pyright: ignore[reportAttributeAccessIssue]  # the write is the test


def test_defaults_of_a_recipe() -> None:
    recipe = Recipe(data=data(source="synthetic"), model=TwoTower(query=TOWER, candidate=TOWER))
    assert recipe.split == Split(kind="random", test_fraction=0.2, validation_fraction=0.0, seed=42)
    assert recipe.loss == Softmax(candidates="batch", temperature=1.0, reduction="mean")
    assert recipe.train.epochs == 3
    assert recipe.train.batch_size == 8192
    assert recipe.evaluation.ks == (1, 5, 10, 20, 50, 100)
    assert recipe.index.kind == "exact"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Categorical(""), "feature column: got '', expected the name of a column."),
        (lambda: Categorical("a", min_count=0), "feature 'a': min_count: got 0"),
        (lambda: Categorical("a", max_size=0), "feature 'a': max_size: got 0"),
        (lambda: Categorical("a", embedding_dim=0), "feature 'a': embedding_dim: got 0"),
        (lambda: Tower([]), "tower features: got [], expected at least one feature."),
        (lambda: Tower([Categorical("a"), Categorical("a")]), "expected each column once"),
        (lambda: Tower([Categorical("a")], hidden=(0,)), "tower hidden: got [0]"),
        (
            lambda: TwoTower(query=TOWER, candidate=TOWER, embedding_dim=0),
            "model.embedding_dim: got 0, expected at least 1.",
        ),
        (lambda: Softmax(temperature=0.0), "loss.temperature: got 0.0"),
        (lambda: Softmax(temperature=float("nan")), "loss.temperature: got nan"),
        (lambda: data(), "got 'neither', expected exactly one of the two."),
        (lambda: data(source="a", files="b"), "got 'both'"),
        (lambda: data(files=()), "data.files: got (), expected at least one path."),
        (
            lambda: data(source="a", candidate_id="user_id"),
            "data.candidate_id: got 'user_id', expected another column than query_id.",
        ),
        (lambda: Split(test_fraction=1.0), "split.test_fraction: got 1.0"),
        (lambda: Split(test_fraction=-0.1), "split.test_fraction: got -0.1"),
        (lambda: Split(test_fraction=float("nan")), "split.test_fraction: got nan"),
        (lambda: Split(validation_fraction=1.0), "split.validation_fraction: got 1.0"),
        (
            lambda: Split(test_fraction=0.5, validation_fraction=0.5),
            "split.test_fraction + split.validation_fraction: got 1.0, expected below 1.",
        ),
        (lambda: Split(seed=-1), "split.seed: got -1"),
        (lambda: Split(cut="1998-01-01"), "split.cut: got '1998-01-01'"),
        (lambda: Train(epochs=0), "train.epochs: got 0, expected at least 1."),
        (lambda: Train(batch_size=0), "train.batch_size: got 0"),
        (lambda: Train(seed=-1), "train.seed: got -1"),
        (lambda: Train(learning_rate=0.0), "train.learning_rate: got 0.0"),
        (lambda: Train(learning_rate=float("inf")), "train.learning_rate: got inf"),
        (lambda: Train(regularization=-1.0), "train.regularization: got -1.0"),
        (lambda: Train(epsilon=float("nan")), "train.epsilon: got nan"),
        (lambda: EarlyStopping(metric="ndcg"), "train.early_stopping.metric: got 'ndcg'"),
        (lambda: EarlyStopping(patience=0), "train.early_stopping.patience: got 0"),
        (lambda: EarlyStopping(every=0), "train.early_stopping.every: got 0"),
        (lambda: Evaluation(ks=()), "evaluation.ks: got [], expected at least one depth."),
        (lambda: Evaluation(ks=(0, 1)), "evaluation.ks: got [0, 1]"),
        (lambda: Evaluation(ks=(1, 1)), "evaluation.ks: got [1, 1], expected each depth once."),
        (lambda: Evaluation(bootstrap=-1), "evaluation.bootstrap: got -1"),
        (lambda: Evaluation(batch_size=0), "evaluation.batch_size: got 0"),
    ],
)
def test_impossible_values_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        make()
    assert message in str(caught.value)


def test_a_cut_belongs_to_a_temporal_split() -> None:
    assert Split(kind="temporal", cut="1998-01-01").cut == "1998-01-01"


def test_early_stopping_needs_a_validation_part() -> None:
    log, model = data(source="synthetic"), TwoTower(query=TOWER, candidate=TOWER)
    train = Train(early_stopping=EarlyStopping())
    with pytest.raises(RecipeError, match="no validation part"):
        Recipe(data=log, model=model, train=train)
    split = Split(validation_fraction=0.1)
    assert Recipe(data=log, model=model, train=train, split=split).train is train
