import json
from functools import partial
from pathlib import Path

import pytest
from cli.conftest import Turret, World

from turret.bundle.bundle import Bundle
from turret.data import sources
from turret.data.movielens_archive import NoCopyError
from turret.data.synthetic import synthetic
from turret.errors import DataError


def test_training_writes_a_bundle_and_prints_the_report(world: World) -> None:
    bundle = Bundle.open(world.bundle)
    assert bundle.recipe is not None
    assert bundle.recipe.model.embedding_dim == 8
    assert bundle.report is not None
    figures = bundle.report["model"]
    assert isinstance(figures, dict)
    printed = f"{figures['seen_included']['top_k_accuracy@5']:.4f}"
    row = next(line for line in world.training.out.splitlines() if "top_k_accuracy@5" in line)
    assert row.split()[:2] == ["top_k_accuracy@5", printed]
    assert "popularity" in world.training.out
    assert "\x1b" not in world.training.out + world.training.err
    said = [line.split() for line in world.training.err.splitlines()]
    assert ["query", "user", "categorical", "8", "41", "328", "1.3", "KB"] in said
    assert ["candidate", "item", "categorical", "8", "31", "248", "992", "B"] in said
    assert ["together", "600", "2.4", "KB"] in said
    assert "Bundle: " in world.training.err
    assert "Bundle: " not in world.training.out
    notes = [line for line in world.training.err.splitlines() if line.startswith("Note: ")]
    assert "Note: Split random, seed 42: 2,400 training, 600 test interactions" in notes
    assert notes[-1].endswith("occur in both the training and the test part")


def test_each_step_and_epoch_is_a_line_beside_the_bundle(world: World) -> None:
    text = (world.folder / "runs" / "small.metrics.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    steps = -(-2400 // 256)
    assert [line["kind"] for line in lines] == [*["step"] * steps, "epoch"] * 2
    assert [line["step"] for line in lines if line["kind"] == "step"] == [*range(1, 2 * steps + 1)]
    assert set(lines[0]) == {"kind", "step", "epoch", "loss", "regularization_loss", "total_loss"}


def test_settings_change_the_recipe_and_json_is_alone(process: Turret, world: World) -> None:
    settings = ("--set", "train.epochs=1", "--set", "evaluation.bootstrap=0")
    done = process("train", "small.toml", "--output", "other", *settings, "--json")
    assert done.code == 0, done.err
    value = json.loads(done.out)
    assert set(value) == {"bundle", "report"}
    assert value["bundle"] == str((world.folder / "other").resolve())
    assert set(value["report"]["model"]) == {"seen_included", "seen_excluded"}
    bundle = Bundle.open(world.folder / "other")
    assert bundle.recipe is not None and bundle.recipe.train.epochs == 1
    assert bundle.report == value["report"]


def test_data_are_summarised_and_written(turret: Turret, world: World) -> None:
    columns = ("--query-id", "user", "--candidate-id", "item", "--timestamp", "when")
    done = turret("data", "events.csv", *columns, "--output", "tables", "--json")
    assert done.code == 0, done.err
    summary = json.loads(done.out)
    assert (summary["interactions"], summary["queries"], summary["candidates"]) == (3000, 40, 30)
    assert summary["query_columns"] == ["user", "country"]
    assert summary["candidate_columns"] == ["item", "country", "title"]
    assert summary["first_time"] == "1970-01-01T00:00:00+00:00"
    written = sorted(path.name for path in (world.folder / "tables").iterdir())
    assert written == ["candidates.parquet", "interactions.parquet", "queries.parquet"]
    shown = turret("data", "events.csv", *columns)
    assert "interactions" in shown.out and "3,000" in shown.out


def test_a_suggested_recipe_trains(turret: Turret, world: World) -> None:
    done = turret("data", "events.csv", "--suggest")
    assert (done.code, done.err) == (0, "")
    assert 'query_id = "user"  # named like who asks; 40 distinct values in 3,000 rows' in done.out
    assert 'kind = "categorical"  # 2 distinct values, such as ' in done.out
    (world.folder / "suggested.toml").write_text(done.out)
    short = ("--set", "train.epochs=1", "--set", "evaluation.bootstrap=0")
    trained = turret("train", "suggested.toml", *short, "--json")
    assert trained.code == 0, trained.err
    assert json.loads(trained.out)["report"]["pairs"] == 600


def test_suggestions_as_json_and_for_known_data(
    turret: Turret, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = turret("data", "events.csv", "--suggest", "--json", "--query-id", "user")
    assert done.code == 0, done.err
    value = json.loads(done.out)
    assert set(value) == {"recipe", "columns"}
    wanted = {
        "table": "interactions",
        "column": "user",
        "use": "query_id",
        "why": "as you say",
        "keys": {},
    }
    assert wanted in value["columns"]
    small = partial(synthetic, num_queries=100, num_candidates=50, num_interactions=3000)
    monkeypatch.setattr(sources, "synthetic", small)
    known = turret("data", "synthetic", "--suggest")
    assert known.code == 0, known.err
    assert 'source = "synthetic"' in known.out and 'column = "genre"' in known.out


def test_the_demonstration_without_a_copy_of_movielens(
    turret: Turret, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(*_: object, **__: object) -> None:
        raise NoCopyError("No copy of MovieLens 100k is within reach")

    monkeypatch.setattr(sources, "movielens", nowhere)
    small = partial(synthetic, num_queries=100, num_candidates=50, num_interactions=3000)
    monkeypatch.setattr(sources, "synthetic", small)
    done = turret("demo", "--recipe", "tutorial", "--output", "demo")
    assert done.code == 0, done.err
    said = done.err.splitlines()
    assert said[0] == "No copy of MovieLens 100k is within reach."
    assert "runs on a synthetic world" in said[1]
    assert "tutorial" in done.out and "popularity" in done.out
    answers = done.out[done.out.index("Three for user 42") :].splitlines()
    assert [line.split()[0] for line in answers[1:]] == ["1.", "2.", "3."]
    assert len({line.split(". ")[1] for line in answers[1:]}) == 3
    bundle = Bundle.open(world.folder / "demo" / "tutorial")
    assert bundle.recipe is not None and bundle.recipe.data.source == "synthetic"
    assert "The bundle: demo/tutorial" in said
    assert f"evaluate {Path('demo/tutorial')}" in said[-2]


def test_the_demonstration_with_a_damaged_copy_fails(
    turret: Turret, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: object, **__: object) -> None:
        raise DataError("MovieLens 100k differs from the published release")

    monkeypatch.setattr(sources, "movielens", damaged)
    done = turret("demo")
    assert (done.code, done.out) == (1, "")
    assert done.err == "Error: MovieLens 100k differs from the published release.\n"


def test_a_copy_that_is_named_must_be_there(turret: Turret) -> None:
    done = turret("demo", "--data", "elsewhere")
    assert (done.code, done.out) == (1, "")
    assert "elsewhere is no copy of MovieLens 100k" in done.err
