"""A recipe that begins where an earlier bundle ended."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from trainings import KillAt, Killed

from turret.bundle.bundle import Bundle
from turret.data.dataset import Dataset
from turret.data.splits import split
from turret.data.synthetic import synthetic
from turret.errors import BundleError, CheckpointError, ModelError
from turret.index import registry
from turret.pipeline.training import Outcome, checkpoints_of, train
from turret.recipe.data import Data
from turret.recipe.features.categorical import Categorical
from turret.recipe.loss import Softmax
from turret.recipe.recipe import Evaluation, Recipe
from turret.recipe.stopping import Checkpointing, WarmStart
from turret.recipe.towers import Tower, TwoTower
from turret.recipe.training import Train
from turret.train.trainer import fit

RECIPE = Recipe(
    data=Data(source="synthetic", query_id="user_id", candidate_id="item_id"),
    model=TwoTower(
        query=Tower([Categorical("user_id")]),
        candidate=Tower([Categorical("item_id")]),
        embedding_dim=8,
    ),
    loss=Softmax(candidates="all"),
    train=Train(
        epochs=2, batch_size=32, learning_rate=0.1, checkpoint=Checkpointing(minutes=0, steps=1)
    ),
    evaluation=Evaluation(ks=(1, 5), bootstrap=0),
)
FILES = ("parameters.safetensors", "optimizer.safetensors", "vectors.safetensors")


def changed(**sections: object) -> Recipe:
    return msgspec.structs.replace(RECIPE, **sections)


@pytest.fixture(scope="module")
def log() -> Dataset:
    return synthetic(num_queries=60, num_candidates=40, num_interactions=2000).dataset


@pytest.fixture(scope="module")
def days(log: Dataset) -> tuple[Dataset, Dataset]:
    """Yesterday, which lacks some users, and today, in which others are gone."""
    events, half = log.interactions, len(log.interactions) // 2
    rows = np.arange(len(events))
    before = (rows < half) & (events.query_row >= 5)
    after = (rows >= half) & (events.query_row < 50)
    first, second = (
        log.with_interactions(events.take(np.flatnonzero(part))) for part in (before, after)
    )
    return first, second


@pytest.fixture(scope="module")
def yesterday(days: tuple[Dataset, Dataset], tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return train(RECIPE, output=tmp_path_factory.mktemp("runs") / "yesterday", dataset=days[0])


@pytest.fixture(scope="module")
def today(
    days: tuple[Dataset, Dataset], yesterday: Outcome, tmp_path_factory: pytest.TempPathFactory
) -> Outcome:
    output = tmp_path_factory.mktemp("runs") / "today"
    return train(RECIPE, output=output, dataset=days[1], start=yesterday.bundle)


def contents(bundle: Path) -> list[bytes]:
    return [(bundle / name).read_bytes() for name in FILES]


def test_a_bundle_starts_a_training_like_the_result_itself(
    days: tuple[Dataset, Dataset], yesterday: Outcome, today: Outcome
) -> None:
    part = split(days[1], RECIPE.split).train
    start = yesterday.result.earlier()
    wanted = fit(part, RECIPE.model, loss=RECIPE.loss, train=RECIPE.train, start=start)
    cold = fit(part, RECIPE.model, loss=RECIPE.loss, train=RECIPE.train)
    bundle = Bundle.open(today.bundle)
    for name, array in wanted.trained.arrays().items():
        assert bundle.arrays[name].tobytes() == array.tobytes()
        assert bundle.arrays[name].tobytes() != cold.trained.arrays()[name].tobytes()
    optimizer = wanted.earlier().optimizer
    assert optimizer is not None and bundle.optimizer is not None
    for name, array in optimizer.items():
        assert bundle.optimizer[name].tobytes() == array.tobytes()
    assert today.result.notes == wanted.notes
    assert [note.partition(": ")[0] for note in wanted.notes] == [
        "query/user_id",
        "candidate/item_id",
    ]


def test_a_bundle_may_be_replaced_by_what_starts_from_it(
    days: tuple[Dataset, Dataset], yesterday: Outcome, today: Outcome, tmp_path: Path
) -> None:
    place = Bundle.open(yesterday.bundle).save(tmp_path / "model")
    assert train(RECIPE, output=place, dataset=days[1], start=place).bundle == place
    assert contents(place) == contents(today.bundle)


def test_it_is_resumed_to_the_same_bytes_from_the_same_bundle_alone(
    days: tuple[Dataset, Dataset], yesterday: Outcome, today: Outcome, tmp_path: Path
) -> None:
    place = Bundle.open(yesterday.bundle).save(tmp_path / "model")
    with pytest.raises(Killed):
        train(RECIPE, output=place, dataset=days[1], start=place, hooks=[KillAt(3)])
    with pytest.raises(CheckpointError, match=r"another training: from was '\w+' and is None now"):
        train(RECIPE, output=place, dataset=days[1], resume=True)
    with pytest.raises(CheckpointError, match=r"another training: from was '\w+' and is '\w+' now"):
        train(RECIPE, output=place, dataset=days[1], resume=True, start=today.bundle)
    # Another index makes no other start.
    bundle = Bundle.open(place)
    index = registry.of("exact", bundle.index.candidates, storage="int8")
    bundle.with_index(index).save(place)
    outcome = train(RECIPE, output=place, dataset=days[1], resume=True, start=place)
    assert outcome.result.resumed_at == 2
    assert outcome.result.notes[-1] == "Resumed after step 2, in epoch 2."
    assert contents(place) == contents(today.bundle)
    assert not checkpoints_of(place).exists()


def test_ids_that_vanished_are_dropped_when_that_is_asked_for(
    days: tuple[Dataset, Dataset], yesterday: Outcome, today: Outcome, tmp_path: Path
) -> None:
    settings = msgspec.structs.replace(RECIPE.train, warm_start=WarmStart(vanished="drop"))
    recipe = changed(train=settings)
    outcome = train(recipe, output=tmp_path / "b", dataset=days[1], start=yesterday.bundle)
    known = [
        set(Bundle.open(one.bundle).query_encoder.vocabularies["query/user_id"].ids.to_list())
        for one in (outcome, today)
    ]
    # Rows 0 to 49 of the table of users come today, rows 5 to 59 came yesterday; not all of them.
    assert known[0] <= set(days[1].query_ids[:50])
    before = set(yesterday.result.trained.query_encoder.vocabularies["query/user_id"].ids)
    assert known[1] == known[0] | before and before - known[0]
    kept, new = len(before & known[0]), len(known[0] - before)
    note = f"{kept} of the earlier model's {len(before)} ids keep their rows; {new} are new."
    assert outcome.result.notes[0] == f"query/user_id: {note}"


def test_without_the_optimizers_state_that_starts_anew(
    days: tuple[Dataset, Dataset], yesterday: Outcome, tmp_path: Path
) -> None:
    settings = msgspec.structs.replace(RECIPE.train, warm_start=WarmStart(save_optimizer=False))
    outcome = train(changed(train=settings), output=tmp_path / "a", dataset=days[0])
    assert not (outcome.bundle / "optimizer.safetensors").exists()
    assert contents(yesterday.bundle)[0] == (outcome.bundle / FILES[0]).read_bytes()
    again = train(RECIPE, output=tmp_path / "b", dataset=days[1], start=outcome.bundle)
    assert again.result.notes[-1].endswith("has no optimizer's state, so that starts anew.")
    assert (again.bundle / "optimizer.safetensors").exists()


def test_what_is_no_bundle_is_refused_before_the_data_are_read(tmp_path: Path) -> None:
    recipe = changed(data=Data(files="none", query_id="a", candidate_id="b"))
    with pytest.raises(BundleError, match="There is no bundle at"):
        train(recipe, output=tmp_path / "out", start=tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BundleError, match="is not a bundle"):
        train(recipe, output=tmp_path / "out", start=tmp_path / "empty")


def test_another_model_leaves_the_bundle_that_is_there(
    days: tuple[Dataset, Dataset], yesterday: Outcome
) -> None:
    before = contents(yesterday.bundle)
    wider = changed(model=msgspec.structs.replace(RECIPE.model, embedding_dim=16))
    with pytest.raises(ModelError, match=r"does not fit .* got 'float32\[8\]', expected float32"):
        train(wider, output=yesterday.bundle, dataset=days[1], start=yesterday.bundle)
    assert contents(yesterday.bundle) == before
    assert not checkpoints_of(yesterday.bundle).exists()
