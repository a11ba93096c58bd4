"""Studies on a small world: resumed, killed, with what fails in them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from pipeline.tuning.worlds import recipe, timeless, write_world

from turret import toml
from turret.bundle.bundle import Bundle
from turret.data import sources
from turret.data.splits import split
from turret.errors import BundleError, CheckpointError, RecipeError, TrainingError
from turret.pipeline.training import train
from turret.pipeline.tuning.space import space_of
from turret.pipeline.tuning.trials import Study, Trial, TrialLog
from turret.pipeline.tuning.tune import Tuned, tune
from turret.recipe.data import Split

TRIALS = 6


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    write_world(folder)
    return folder


@pytest.fixture(scope="module")
def study(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    return tune(recipe(world), trials=TRIALS, output=tmp_path_factory.mktemp("runs") / "whole")


def held(folder: Path) -> list[Trial]:
    found = json.loads((folder / "trials.json").read_text())["trials"]
    return msgspec.convert(found, list[Trial], strict=False)


def test_the_files_say_what_was_found(study: Tuned) -> None:
    assert [trial.number for trial in study.trials] == list(range(1, TRIALS + 1))
    assert held(study.folder) == list(study.trials)
    complete = [trial for trial in study.trials if trial.state == "complete"]
    assert len(complete) >= 5  # before five are complete, none is given up
    for trial in study.trials:
        assert trial.metric == max(trial.measured.values())
        assert trial.metric == trial.measured[trial.epoch or 0]
        assert trial.seconds > 0 and trial.error is None
    assert study.best.metric == max(trial.metric or 0 for trial in complete)
    assert len({tuple(trial.values.items()) for trial in study.trials}) == TRIALS
    found = toml.load(study.folder / "best.toml")
    assert found == study.recipe
    assert found.tune is None
    assert found.train.learning_rate == study.best.values["train.learning_rate"]
    assert found.train.b1 == study.best.values["train.b1"]
    head = (study.folder / "best.toml").read_text().splitlines()[0]
    assert head == (
        f"# Found by `turret tune` in trial {study.best.number}: ndcg@5 {study.best.metric:.6g}"
    )


def test_the_recipe_that_was_found_gives_the_figure_that_was_told(
    study: Tuned, tmp_path: Path
) -> None:
    outcome = train(toml.load(study.folder / "best.toml"), output=tmp_path / "bundle")
    measured = {
        report.epoch: report.validation["ndcg@5"]
        for report in outcome.result.history
        if report.validation is not None
    }
    assert measured == study.best.measured
    assert outcome.result.best_epoch == study.best.epoch
    # Its files would damage a bundle.
    for folder in (outcome.bundle, outcome.bundle / "study"):
        with pytest.raises(BundleError, match="nothing is written there"):
            tune(study.recipe, trials=1, output=folder)
    Bundle.open(outcome.bundle)


def test_a_study_that_is_gone_on_with_is_the_one_that_never_stopped(
    world: Path, study: Tuned, tmp_path: Path
) -> None:
    told: list[int] = []

    def tell(trial: Trial, best: Trial | None) -> None:
        told.append(trial.number)
        if trial.number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(recipe(world), trials=TRIALS, output=tmp_path, told=tell)
    assert timeless(tuple(held(tmp_path))) == timeless(study.trials[:2])
    again = tune(recipe(world), trials=TRIALS, output=tmp_path, told=tell)
    assert told == list(range(1, TRIALS + 1))
    assert timeless(again.trials) == timeless(study.trials)
    assert (tmp_path / "best.toml").read_bytes() == (study.folder / "best.toml").read_bytes()
    tune(recipe(world), trials=TRIALS, output=tmp_path, told=tell)
    assert len(told) == TRIALS


def test_a_study_that_was_killed_goes_on(world: Path, study: Tuned, tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(toml.dumps(recipe(world)))
    command = [sys.executable, "-m", "turret", "tune", "r.toml", "--trials", "1000"]
    with subprocess.Popen(
        [*command, "--output", "study"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache"), "JAX_PLATFORMS": "cpu"},
    ) as process:
        place, deadline = tmp_path / "study" / "trials.json", time.monotonic() + 300
        while not (place.exists() and len(held(place.parent)) >= 2):
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    done = held(place.parent)
    assert timeless(tuple(done[:TRIALS])) == timeless(study.trials)[: len(done)]
    more = tune(recipe(world), trials=max(TRIALS, len(done) + 1), output=place.parent)
    assert list(more.trials[: len(done)]) == done
    assert timeless(more.trials[:TRIALS]) == timeless(study.trials)


@pytest.mark.parametrize("test", ["other", "fewer"])
def test_the_test_part_is_never_looked_at(test: str, study: Tuned, tmp_path: Path) -> None:
    write_world(tmp_path / "world", test=test)
    changed = recipe(tmp_path / "world")
    before, after = (split(sources.load(r.data), r.split) for r in (study.recipe, changed))
    assert before.test.fingerprint() != after.test.fingerprint()
    again = tune(changed, trials=TRIALS, output=tmp_path / "study")
    assert timeless(again.trials) == timeless(study.trials)
    assert again.study.data == study.study.data


def test_what_is_trained_on_does_matter(world: Path, study: Tuned, tmp_path: Path) -> None:
    """So that the test above can fail."""
    lines = (world / "events.csv").read_text().splitlines(keepends=True)
    write_world(tmp_path)
    (tmp_path / "events.csv").write_text("".join(lines[:-200]))
    again = tune(recipe(tmp_path), trials=1, output=tmp_path / "study")
    assert timeless(again.trials) != timeless(study.trials[:1])
    (tmp_path / "study" / "trials.json").rename(tmp_path / "trials.json")
    with pytest.raises(CheckpointError, match=r"differs in data\.train"):
        tune(recipe(world), trials=1, output=tmp_path)


def choices(*rates: float) -> str:
    return f'[tune.space]\n"train.learning_rate" = {{choices = {list(rates)}}}\n'


def test_a_trial_that_fails_is_noted_and_the_others_go_on(world: Path, tmp_path: Path) -> None:
    found = tune(recipe(world, choices(1e30, 0.05, 0.02)), trials=10, output=tmp_path)
    assert found.exhausted and len(found.trials) == 3
    states = {trial.values["train.learning_rate"]: trial for trial in found.trials}
    assert [states[rate].state for rate in (1e30, 0.05, 0.02)] == ["failed", "complete", "complete"]
    assert "not finite" in (states[1e30].error or "")
    assert found.recipe.train.learning_rate in (0.05, 0.02)
    with pytest.raises(TrainingError, match="None of 1 trials got to its end. The last one: .*not"):
        tune(recipe(world, choices(1e30)), trials=2, output=tmp_path / "bad")
    assert not (tmp_path / "bad" / "best.toml").exists()


@pytest.mark.parametrize("prune", [True, False])
def test_what_is_hopeless_is_given_up(prune: bool, world: Path, tmp_path: Path) -> None:
    """Five trials stand in the file; what is left of the space learns nothing."""
    rates = (0.05, 0.04, 0.03, 0.02, 0.01)
    chosen = recipe(world, choices(*rates, 1e-9))
    assert chosen.tune is not None
    chosen = msgspec.structs.replace(chosen, tune=msgspec.structs.replace(chosen.tune, prune=prune))
    parts = split(sources.load(chosen.data), chosen.split)
    log = TrialLog(tmp_path / "trials.json", Study.of(chosen, space_of(chosen), parts))
    for number, rate in enumerate(rates, start=1):
        log.add(
            Trial(
                number=number,
                state="complete",
                values={"train.learning_rate": rate},
                metric=0.9,
                epoch=2,
                measured={1: 0.8, 2: 0.9, 3: 0.9},
                seconds=1.0,
            )
        )
    last = tune(chosen, trials=6, output=tmp_path).trials[-1]
    assert last.values == {"train.learning_rate": 1e-9}
    assert last.metric is not None and last.metric < 0.5
    assert (last.state, len(last.measured)) == (("pruned", 1) if prune else ("complete", 3))


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        ("train.epochs", "4", "recipe.train.epochs"),
        ("train.early_stopping.metric", "ndcg@4", "metric"),
        ("tune.prune", "false", "prune"),
        ('tune.space', '{"train.b1" = {low = 0.1, high = 0.2}}', "space.train.b1.low"),
    ],
)  # fmt: skip
def test_another_study_is_not_gone_on_with(
    key: str, value: str, place: str, world: Path, study: Tuned, tmp_path: Path
) -> None:
    (tmp_path / "trials.json").write_bytes((study.folder / "trials.json").read_bytes())
    changed = toml.override(recipe(world), {key: value})
    with pytest.raises(CheckpointError, match=f"differs in {place}. Name another --output"):
        tune(changed, trials=TRIALS, output=tmp_path)


def test_a_damaged_file_is_named(world: Path, tmp_path: Path) -> None:
    (tmp_path / "trials.json").write_text('{"study": {')
    with pytest.raises(CheckpointError, match=r"trials\.json cannot be read"):
        tune(recipe(world), trials=1, output=tmp_path)


def test_two_processes_do_not_write_over_each_other(world: Path, tmp_path: Path) -> None:
    def elsewhere(trial: Trial, best: Trial | None) -> None:
        if trial.number == 1:
            tune(recipe(world), trials=2, output=tmp_path)

    with pytest.raises(CheckpointError, match="changed by another process. Let one"):
        tune(recipe(world), trials=3, output=tmp_path, told=elsewhere)
    assert len(held(tmp_path)) == 2


def test_without_validation_nothing_can_be_chosen(world: Path, tmp_path: Path) -> None:
    plain = recipe(world)
    without = msgspec.structs.replace(
        plain, split=Split(), train=msgspec.structs.replace(plain.train, early_stopping=None)
    )
    with pytest.raises(RecipeError, match=r"holds none back. Set split\.validation_fraction"):
        tune(without, trials=1, output=tmp_path)


def test_a_recipe_without_a_metric_takes_the_default(world: Path, tmp_path: Path) -> None:
    plain = recipe(world)
    train = msgspec.structs.replace(plain.train, early_stopping=None)
    found = tune(msgspec.structs.replace(plain, train=train), trials=1, output=tmp_path)
    assert found.study.metric == "ndcg@20"
    stopping = found.recipe.train.early_stopping
    assert stopping is not None and stopping.metric == "ndcg@20"
