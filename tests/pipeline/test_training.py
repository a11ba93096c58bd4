from pathlib import Path

import msgspec
import pytest

from turret.bundle.bundle import Bundle
from turret.data.dataset import Dataset
from turret.data.splits import split
from turret.data.synthetic import synthetic
from turret.errors import BundleError, CandidateIndexError, SplitError
from turret.evaluation.evaluate import evaluate
from turret.pipeline.training import Outcome, train
from turret.pipeline.validation import validation_of
from turret.recipe.data import Data, Split
from turret.recipe.features.categorical import Categorical
from turret.recipe.loss import Softmax
from turret.recipe.recipe import Evaluation, Index, Recipe
from turret.recipe.stopping import EarlyStopping
from turret.recipe.towers import Tower, TwoTower
from turret.recipe.training import Train

RECIPE = Recipe(
    data=Data(source="synthetic", query_id="user_id", candidate_id="item_id"),
    split=Split(validation_fraction=0.1),
    model=TwoTower(
        query=Tower([Categorical("user_id")]),
        candidate=Tower([Categorical("item_id")]),
        embedding_dim=8,
    ),
    loss=Softmax(candidates="all"),
    train=Train(
        epochs=30,
        batch_size=64,
        learning_rate=0.5,
        early_stopping=EarlyStopping(metric="recall@5", patience=2),
    ),
    evaluation=Evaluation(ks=(1, 5), bootstrap=20),
)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return synthetic(num_queries=60, num_candidates=40, num_interactions=2000).dataset


@pytest.fixture(scope="module")
def outcome(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return train(RECIPE, output=tmp_path_factory.mktemp("runs") / "one", dataset=dataset)


def test_the_bundle_holds_what_was_trained(outcome: Outcome, dataset: Dataset) -> None:
    bundle = Bundle.open(outcome.bundle)
    assert bundle.recipe == RECIPE
    assert bundle.report == outcome.report.to_dict()
    arrays = outcome.result.trained.arrays()
    assert bundle.arrays.keys() == arrays.keys()
    for name, array in arrays.items():
        assert bundle.arrays[name].tobytes() == array.tobytes()
    parts = split(dataset, RECIPE.split)
    assert bundle.provenance["data_fingerprint"] == parts.train.fingerprint()
    assert len(parts.train.interactions) == 1400
    assert set(outcome.seconds) == {"load", "fit", "index", "evaluate", "write"}


def test_the_report_is_of_the_test_part(outcome: Outcome) -> None:
    assert outcome.report.pairs == len(outcome.split.test.interactions) == 400
    again = evaluate(
        outcome.result.trained, outcome.split, ks=(1, 5), loss=RECIPE.loss, bootstrap=20
    )
    assert again.model == outcome.report.model
    assert again.intervals == outcome.report.intervals
    assert again.loss == outcome.report.loss


def test_early_stopping_keeps_the_best_epoch_of_the_validation_part(outcome: Outcome) -> None:
    result = outcome.result
    assert result.stopped_early
    values = [report.validation["recall@5"] for report in result.history if report.validation]
    assert len(values) == len(result.history)
    assert values.index(max(values)) + 1 == result.best_epoch == len(values) - 2
    measure = validation_of(RECIPE, outcome.split)
    assert measure is not None
    assert measure(result.trained)["recall@5"] == max(values)


def test_early_stopping_can_leave_the_seen_in(outcome: Outcome) -> None:
    stopping = EarlyStopping(metric="recall@5", seen="included")
    changed = msgspec.structs.replace(RECIPE.train, early_stopping=stopping)
    included = validation_of(msgspec.structs.replace(RECIPE, train=changed), outcome.split)
    excluded = validation_of(RECIPE, outcome.split)
    assert included is not None and excluded is not None
    trained = outcome.result.trained
    assert included(trained)["recall@5"] < excluded(trained)["recall@5"]


def test_without_early_stopping_nothing_is_measured(outcome: Outcome) -> None:
    plain = msgspec.structs.replace(RECIPE, train=Train())
    assert validation_of(plain, outcome.split) is None


def test_the_same_recipe_gives_the_same_bits(
    outcome: Outcome, dataset: Dataset, tmp_path: Path
) -> None:
    again = train(RECIPE, output=tmp_path / "two", dataset=dataset)
    for name in ("parameters.safetensors", "vectors.safetensors", "seen.safetensors"):
        assert (again.bundle / name).read_bytes() == (outcome.bundle / name).read_bytes()


def test_another_directory_is_refused_before_the_work_begins(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(BundleError, match="is not a bundle"):
        train(
            msgspec.structs.replace(
                RECIPE, data=Data(files="none", query_id="a", candidate_id="b")
            ),
            output=tmp_path,
        )
    assert (tmp_path / "mine.txt").read_text() == "keep"


def test_parameters_of_the_index_are_used(dataset: Dataset, tmp_path: Path) -> None:
    chosen = Index(kind="exact", parameters={"storage": "int8"})
    short = msgspec.structs.replace(RECIPE, index=chosen, train=Train(epochs=1), split=Split())
    made = train(short, output=tmp_path / "int8", dataset=dataset)
    bundle = Bundle.open(made.bundle)
    assert bundle.index.settings == {"storage": "int8"}
    assert bundle.recipe == short


def test_parameters_that_no_index_has_are_refused_before_the_data(tmp_path: Path) -> None:
    files = Data(files="none", query_id="a", candidate_id="b")
    for kind, parameters, message in (
        ("scann", {"leafs": 9}, "no such index parameter: got 'leafs'"),
        ("exact", {"storage": "int4"}, "an index parameter cannot be used"),
        ("faiss", {"lists": "many"}, "an index parameter cannot be used"),
    ):
        chosen = msgspec.convert({"kind": kind, "parameters": parameters}, Index)
        with pytest.raises(CandidateIndexError, match=message):
            train(msgspec.structs.replace(RECIPE, data=files, index=chosen), output=tmp_path / "x")


def test_nothing_is_written_when_a_part_is_empty(dataset: Dataset, tmp_path: Path) -> None:
    empty = msgspec.structs.replace(
        RECIPE, split=Split(test_fraction=1e-9, validation_fraction=0.1)
    )
    with pytest.raises(SplitError):
        train(empty, output=tmp_path / "out", dataset=dataset)
    assert list(tmp_path.iterdir()) == []
