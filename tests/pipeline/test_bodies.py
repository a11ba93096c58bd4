"""Every body from TOML to a bundle that another process answers from, to the bit."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest
from msgspec.structs import replace

from turret import toml
from turret.bundle.bundle import Bundle
from turret.cli.app import main
from turret.data.dataset import Dataset
from turret.data.synthetic import synthetic
from turret.errors import BundleError, ModelError
from turret.model.trained import TrainedModel
from turret.pipeline.revision import evaluate_bundle
from turret.pipeline.training import Outcome, train
from turret.recipe.bodies.custom import Custom
from turret.recipe.towers import TwoTower
from turret.recommender.live import LiveRecommender
from turret.recommender.recommender import Recommender

FOLDER = Path(__file__).parents[1]
ALLOWED = ["custom_modules:Gated", "custom_modules:Weighted"]
RECIPE = """
[data]
source = "synthetic"
query_id = "user_id"
candidate_id = "item_id"

[model]
embedding_dim = 8

[[model.query.features]]
kind = "categorical"
column = "user_id"

[[model.query.features]]
kind = "categorical"
column = "country"

[[model.query.body]]
kind = "dot"

[[model.query.body]]
kind = "cross"
rank = 4

[[model.query.body]]
kind = "mlp"
hidden = [12, 12]
activation = "silu"
norm = "rms"
dropout = 0.2
residual = true

[[model.query.body]]
kind = "custom"
class = "custom_modules:Gated"
options = {dropout = 0.1}

[[model.candidate.features]]
kind = "categorical"
column = "item_id"

[[model.candidate.features]]
kind = "categorical"
column = "genre"

[[model.candidate.body]]
kind = "custom"
class = "custom_modules:Weighted"
options = {of = "genre"}
input = "row"

[train]
epochs = 2
batch_size = 256
weight_decay = 0.01
averaging = 0.9

[evaluation]
ks = [5]
bootstrap = 20
baselines = ["popularity"]
"""
CODE = """
import sys
from turret.recommender.recommender import Recommender
recommender = Recommender.load(sys.argv[1], allow_custom=sys.argv[2:])
queries = {"user_id": ["new", "user 1", "user 2"], "country": ["NL", "NL", "PL"]}
queries["country"] = recommender.queries["country"].head(3).to_list()
hits = recommender.recommend(queries, k=5)
print([[name, score.hex()] for name, score in zip(hits.ids.ravel(), hits.scores.ravel().tolist())])
"""


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return synthetic(num_queries=60, num_candidates=40, num_interactions=2000).dataset


@pytest.fixture(scope="module")
def outcome(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    output = tmp_path_factory.mktemp("runs") / "one"
    return train(toml.loads(RECIPE), output=output, dataset=dataset)


def elsewhere(*arguments: str | Path, path: Path | None = FOLDER) -> subprocess.CompletedProcess:
    places = [os.environ.get("PYTHONPATH", ""), *([] if path is None else [str(path)])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, places))}
    return subprocess.run(
        [sys.executable, *map(str, arguments)], env=environment, capture_output=True, text=True
    )


def test_the_recipe_reads_back_equal(outcome: Outcome) -> None:
    assert toml.loads(toml.dumps(outcome.recipe)) == outcome.recipe
    head = json.loads((outcome.bundle / "model.json").read_text())
    assert head["model"]["query"]["body"][3] == {
        "kind": "custom",
        "class": "custom_modules:Gated",
        "options": {"dropout": 0.1},
        "input": "vector",
    }
    assert msgspec.convert(head["model"], TwoTower) == outcome.recipe.model


def test_it_learned_and_the_dense_parameters_are_where_the_format_says(outcome: Outcome) -> None:
    first, last = outcome.result.history[0], outcome.result.history[-1]
    assert last.losses["loss"] < first.losses["loss"]
    names = {name for name in outcome.result.trained.arrays() if name.startswith("dense/")}
    mlp = "dense/query/body/layers/2"
    assert names == {
        *(f"dense/query/body/layers/1/layers/{i}/bias" for i in range(2)),
        *(f"dense/query/body/layers/1/layers/{i}/weights/{j}" for i in range(2) for j in range(2)),
        *(f"{mlp}/layers/{i}/{one}" for i in range(2) for one in ("weight", "bias")),
        *(f"{mlp}/norms/{i}/scale" for i in range(2)),
        *(
            f"dense/query/body/layers/3/module/{a}/{b}"
            for a in ("value", "gate")
            for b in ("weight", "bias")
        ),
        *(
            f"dense/candidate/body/layers/0/module/{one}"
            for one in ("out/weight", "weights/item_id", "weights/genre")
        ),
    }


def test_a_class_that_is_missing_is_told_before_the_data_are_read(tmp_path: Path) -> None:
    recipe = toml.loads(RECIPE.replace("custom_modules:Gated", "custom_modules:Gatted"))
    with pytest.raises(ModelError, match="'custom_modules' has no 'Gatted'"):
        train(recipe, output=tmp_path / "none")  # the synthetic world would take a while


def test_another_process_computes_the_same_vectors(outcome: Outcome, dataset: Dataset) -> None:
    bundle = Bundle.open(outcome.bundle, allow_custom=ALLOWED)
    trained = bundle.trained
    assert isinstance(trained, TrainedModel)
    users = dataset.queries
    ours = outcome.result.trained.query_vectors(users)
    assert trained.query_vectors(users).tobytes() == ours.tobytes()
    assert bundle.query_vectors.tobytes() == ours.tobytes()
    items = outcome.result.trained.candidate_vectors(dataset.candidates)
    assert bundle.index.vectors.tobytes() == items.tobytes()
    done = elsewhere("-c", CODE, outcome.bundle, *ALLOWED)
    assert done.returncode == 0, done.stderr
    here: dict[str, object] = {}
    code = CODE.replace("sys.argv[1]", repr(str(outcome.bundle)))
    code = code.replace("sys.argv[2:]", repr(ALLOWED)).replace("print(", "found = (")
    exec(code, here)
    assert done.stdout.strip() == str(here["found"])


def test_without_permission_nothing_is_imported(outcome: Outcome, tmp_path: Path) -> None:
    # A module of the name that the bundle says, which leaves a mark when it is imported.
    mark = tmp_path / "imported"
    (tmp_path / "custom_modules.py").write_text(f"open({str(mark)!r}, 'w').close()\n")
    done = elsewhere("-c", CODE, outcome.bundle, ALLOWED[0], path=tmp_path)
    assert done.returncode == 1 and not mark.exists()
    assert (
        "turret.errors.BundleError: the bundle's towers need code that is not in it: got "
        "['custom_modules:Weighted'], expected classes that you allow to be imported and run. If "
        "you trust the bundle and that code: allow_custom=['custom_modules:Weighted'], or "
        "--allow-custom custom_modules:Weighted."
    ) in done.stderr
    assert elsewhere("-c", CODE, outcome.bundle, *ALLOWED, path=tmp_path).returncode == 1
    assert mark.exists()


def test_permission_is_asked_wherever_a_tower_is_needed(outcome: Outcome) -> None:
    bundle = Bundle.open(outcome.bundle)
    assert len(bundle.index) == 40 and bundle.query_vectors.shape == (60, 8)
    with pytest.raises(BundleError, match="need code that is not in it"):
        _ = bundle.trained
    for load in (Recommender.load, LiveRecommender, evaluate_bundle):
        with pytest.raises(BundleError, match="need code that is not in it"):
            load(outcome.bundle)
    live = LiveRecommender(outcome.bundle, allow_custom=ALLOWED)
    live.close()


def test_a_bundle_that_names_what_is_no_tower_runs_none_of_it(outcome: Outcome) -> None:
    bundle = Bundle.open(outcome.bundle)
    tower = bundle.config.candidate
    body = [Custom("subprocess:Popen", options={"args": ["true"]})]
    hostile = replace(bundle.config, candidate=replace(tower, body=body))
    with pytest.raises(BundleError, match=r"got \['custom_modules:Gated', 'subprocess:Popen'\]"):
        _ = dataclasses.replace(bundle, config=hostile).trained
    # Named by mistake, it is still no Equinox module, and is not called.
    named = [*ALLOWED, "subprocess:Popen"]
    with pytest.raises(ModelError, match="subprocess:Popen: got .*expected a class derived from"):
        _ = dataclasses.replace(bundle, config=hostile, allow_custom=named).trained


def test_the_command_asks_too(outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["recommend", str(outcome.bundle), "--query", "user_id=new,country=NL", "--json"]
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert ended.value.code == 1
    assert "--allow-custom custom_modules:Gated" in capsys.readouterr().err
    permission = [word for name in ALLOWED for word in ("--allow-custom", name)]
    with pytest.raises(SystemExit) as ended:
        main([*command, *permission])
    assert ended.value.code == 0
    assert len(json.loads(capsys.readouterr().out)[0]["ids"]) == 10


def test_a_training_goes_on_from_it(outcome: Outcome, dataset: Dataset, tmp_path: Path) -> None:
    again = train(outcome.recipe, output=tmp_path / "two", dataset=dataset, start=outcome.bundle)
    assert again.result.history[0].losses["loss"] < outcome.result.history[0].losses["loss"]


def test_new_candidates_are_encoded_by_the_tower_of_ones_own(outcome: Outcome) -> None:
    with LiveRecommender(outcome.bundle, allow_custom=ALLOWED) as live:
        genre = live.now.candidates["genre"].head(1)
        live.add(pl.DataFrame({"item_id": ["brand new"], "genre": genre}))
        vector = live.now.bundle.trained.candidate_vectors(
            pl.DataFrame({"item_id": ["brand new"], "genre": genre})
        )
        assert np.isfinite(vector).all()
        hits = live.now.recommend({"user_id": ["user 1"]}, k=41)
        assert "brand new" in hits.ids[0].tolist()
