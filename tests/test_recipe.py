from collections.abc import Callable

import msgspec
import pytest

from turret.errors import RecipeError
from turret.evaluation.metrics import figures
from turret.recipe.bodies.mlp import MLP
from turret.recipe.checks import METRICS
from turret.recipe.data import Data, Split
from turret.recipe.decomposition import Decomposition
from turret.recipe.features.categorical import Categorical
from turret.recipe.features.history import History
from turret.recipe.loss import Softmax
from turret.recipe.recipe import Evaluation, Recipe
from turret.recipe.schedule import Schedule
from turret.recipe.stopping import EarlyStopping
from turret.recipe.towers import Tower, TwoTower
from turret.recipe.training import Train


def data(
    *,
    source: str | None = None,
    files: str | tuple[str, ...] | None = None,
    candidate_id: str = "movie_id",
) -> Data:
    return Data(source=source, files=files, query_id="user_id", candidate_id=candidate_id)


TOWER = Tower([Categorical("user_id")])


def test_lists_become_tuples_so_that_a_recipe_is_a_value() -> None:
    tower = Tower([Categorical("user_id")], body=[MLP([64, 32])])
    assert tower.features == (Categorical("user_id"),)
    assert tower.body == (MLP((64, 32)),)
    assert tower == Tower((Categorical("user_id"),), body=(MLP((64, 32)),))
    assert hash(tower) == hash(Tower((Categorical("user_id"),), body=(MLP((64, 32)),)))
    assert Evaluation(ks=[1, 2]).ks == (1, 2)


def shared(feature: Categorical, *, body: tuple[MLP, ...] = ()) -> TwoTower:
    film = Tower([Categorical("film", table="film")], body=body)
    return TwoTower(query=Tower([feature], body=body), candidate=film)


def test_a_training_is_a_value_with_its_optimizers_options_too() -> None:
    def train(**options: float) -> Train:
        return Train(dense_optimizer="adam", dense_optimizer_options=dict(options))

    assert train(b1=0.8, b2=0.9) == train(b2=0.9, b1=0.8) != train(b1=0.8)
    assert hash(train(b1=0.8, b2=0.9)) == hash(train(b2=0.9, b1=0.8))
    assert hash(Train()) == hash(Train(schedule=Schedule(warmup=0)))


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
        (lambda: Tower([Categorical("a"), Categorical("a")]), "expected each name once"),
        (lambda: MLP([0]), "body 'mlp': hidden: got [0]"),
        (
            lambda: TwoTower(query=TOWER, candidate=TOWER, embedding_dim=0),
            "model.embedding_dim: got 0, expected at least 1.",
        ),
        (
            lambda: TwoTower(
                query=Tower([Categorical("user", embedding_dim=3), Categorical("country")]),
                candidate=TOWER,
                embedding_dim=4,
            ),
            "feature 'user': embedding_dim in a tower without a body: got 3, expected 4, "
            "as the model's",
        ),
        (
            lambda: shared(Categorical("last", table="film", min_count=2)),
            "the features 'last' and 'film' share the table 'film', but differ in min_count: "
            "got '2 and 1'. Give both the same min_count, or each a table of its own.",
        ),
        (
            lambda: shared(Categorical("last", table="film", max_size=5)),
            "differ in max_size: got '5 and None'",
        ),
        (
            lambda: shared(Categorical("last", table="film", embedding_dim=3), body=(MLP([8]),)),
            "differ in embedding_dim: got '3 and 32'",
        ),
        (
            lambda: TwoTower(
                query=Tower([Categorical("user")]),
                candidate=Tower([Categorical("film", table="query/user", min_count=2)]),
            ),
            "share the table 'query/user', but differ in min_count: got '1 and 2'",
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
        (
            lambda: Split(test_fraction=0.0),
            "split.test_fraction: got 0.0, expected above 0: a model is judged on held-back data.",
        ),
        (lambda: Split(kind="temporal", test_fraction=0.0), "split.test_fraction: got 0.0"),
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
        (
            lambda: Train(seed=2**63),
            "train.seed: got 9223372036854775808, expected at least 0 and below 2**63.",
        ),
        (lambda: Split(seed=2**63), "split.seed: got 9223372036854775808"),
        (lambda: Train(learning_rate=0.0), "train.learning_rate: got 0.0"),
        (lambda: Train(learning_rate=float("inf")), "train.learning_rate: got inf"),
        (lambda: Train(regularization=-1.0), "train.regularization: got -1.0"),
        (lambda: Train(epsilon=float("nan")), "train.epsilon: got nan"),
        (lambda: Train(b2=1.0), "train.b2: got 1.0, expected at least 0 and below 1."),
        (lambda: Train(weight_decay=-0.1), "train.weight_decay: got -0.1"),
        (lambda: Train(clip_norm=0.0), "train.clip_norm: got 0.0"),
        (lambda: Train(averaging=1.0), "train.averaging: got 1.0, expected between 0 and 1."),
        (lambda: Train(query_balance=2.0), "train.query_balance: got 2.0, expected from 0 to 1."),
        (lambda: Train(dense_learning_rate=-1.0), "train.dense_learning_rate: got -1.0"),
        (
            lambda: Train(dense_optimizer_options={"b1": 0.5}),
            "train.dense_optimizer_options: got {'b1': 0.5}, expected train.dense_optimizer with",
        ),
        (lambda: Categorical("a", learning_rate=-1.0), "feature 'a': learning_rate: got -1.0"),
        (
            lambda: Decomposition(popularity=2),
            "train.decomposition.popularity: got 2, expected from 0",
        ),
        (lambda: Schedule(warmup=-1), "train.schedule.warmup: got -1, expected a whole number of"),
        (lambda: Schedule(kind="linear", end=500.0), "train.schedule.end: got 500.0, expected a"),
        (lambda: Schedule(kind="linear", end=0), "train.schedule.end: got 0, expected above 0."),
        (lambda: Schedule(kind="linear", final=2.0), "train.schedule.final: got 2.0"),
        (lambda: Schedule(final=0.5), "train.schedule.kind: got 'constant', expected 'linear' or"),
        (lambda: EarlyStopping(metric="ndcg"), "train.early_stopping.metric: got 'ndcg'"),
        (
            lambda: EarlyStopping(metric="ndgc@20"),
            "train.early_stopping.metric: there is no such metric: got 'ndgc@20'. "
            "Did you mean 'ndcg'?",
        ),
        (lambda: EarlyStopping(patience=0), "train.early_stopping.patience: got 0"),
        (lambda: EarlyStopping(every=0), "train.early_stopping.every: got 0"),
        (lambda: Evaluation(ks=()), "evaluation.ks: got [], expected at least one depth."),
        (lambda: Evaluation(ks=(0, 1)), "evaluation.ks: got [0, 1]"),
        (lambda: Evaluation(ks=(1, 1)), "evaluation.ks: got [1, 1], expected each depth once."),
        (lambda: Evaluation(bootstrap=-1), "evaluation.bootstrap: got -1"),
        (lambda: Evaluation(batch_size=0), "evaluation.batch_size: got 0"),
        (
            lambda: Evaluation(slice_by=("genre",)),
            "evaluation.slice_by: got ['genre'], expected columns such as candidates.genre.",
        ),
        (
            lambda: Evaluation(slice_by=("queries.a", "queries.a")),
            "evaluation.slice_by: got ['queries.a', 'queries.a'], expected each column once.",
        ),
    ],
)
def test_impossible_values_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        make()
    assert message in str(caught.value)


def test_the_names_of_metrics_are_those_of_the_evaluation() -> None:
    assert METRICS == (figures.TOP_K_ACCURACY, *figures.METRICS)
    assert [EarlyStopping(metric=f"{name}@5").metric for name in METRICS]


def test_a_share_of_nothing_where_something_else_says_what_is_held_back() -> None:
    assert Split(kind="leave_last_out", test_fraction=0.0).test_fraction == 0.0
    assert Split(kind="temporal", test_fraction=0.0, cut="1998-01-01").cut == "1998-01-01"


def test_widths_may_differ_under_hidden_layers_and_tables_be_shared() -> None:
    same = Categorical("last", table="film", min_count=3, max_size=9)
    film = Categorical("film", table="film", min_count=3, max_size=9)
    assert TwoTower(query=Tower([same]), candidate=Tower([film])).query.features == (same,)
    narrow = Tower([Categorical("user", embedding_dim=3), Categorical("age")], body=(MLP([8]),))
    assert TwoTower(query=narrow, candidate=TOWER).query is narrow
    # The model's width said out loud is the model's width.
    loud = Tower([Categorical("last", table="film", embedding_dim=32)])
    quiet = Tower([Categorical("film", table="film")])
    assert TwoTower(query=loud, candidate=quiet).candidate is quiet


def test_a_cut_belongs_to_a_temporal_split() -> None:
    assert Split(kind="temporal", cut="1998-01-01").cut == "1998-01-01"


def test_early_stopping_needs_a_validation_part() -> None:
    log, model = data(source="synthetic"), TwoTower(query=TOWER, candidate=TOWER)
    train = Train(early_stopping=EarlyStopping())
    with pytest.raises(RecipeError, match="no validation part"):
        Recipe(data=log, model=model, train=train)
    split = Split(validation_fraction=0.1)
    assert Recipe(data=log, model=model, train=train, split=split).train is train


@pytest.mark.parametrize(
    ("kind", "candidates", "timestamp", "sees"),
    [
        ("temporal", "batch", "time", "past"),
        ("leave_last_out", "batch", "time", "past"),
        ("temporal", "all", "time", "others"),  # its batches are of queries
        ("temporal", "batch", None, "others"),
        ("random", "batch", "time", "others"),
    ],
)
def test_what_a_history_sees_follows_the_split(kind, candidates, timestamp, sees) -> None:
    users, films = Tower([Categorical("user"), History("met")]), Tower([Categorical("film")])
    recipe = Recipe(
        data=Data(source="synthetic", query_id="user", candidate_id="film", timestamp=timestamp),
        split=Split(kind=kind),
        model=TwoTower(query=users, candidate=films),
        loss=Softmax(candidates=candidates),
    )
    settled = recipe.settled()
    assert settled.model.query.features == (Categorical("user"), History("met", sees=sees))
    assert settled.settled() == settled
    said = History("met", sees="others")
    tower = Tower([said])
    model = TwoTower(query=tower, candidate=films)
    assert msgspec.structs.replace(recipe, model=model).settled().model == model
