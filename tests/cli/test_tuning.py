import json

import pytest
from cli.conftest import Turret, World

from turret import toml
from turret.pipeline.tuning import tune

SPACE = 'tune.space={"train.learning_rate" = {choices = [0.01, 0.02, 0.03]}}'
SETTINGS = (
    *("--set", "split.validation_fraction=0.2", "--set", SPACE),
    *("--set", "train.early_stopping.metric=ndcg@5"),
)


def test_tuning_writes_a_recipe_and_a_log_and_goes_on(turret: Turret, world: World) -> None:
    first = turret("tune", "small.toml", "--trials", "2", *SETTINGS)
    assert first.code == 0, first.err
    lines = [line for line in first.err.splitlines() if line.startswith("Trial")]
    assert [line.split(":")[0] for line in lines[:2]] == ["Trial 1 of 2", "Trial 2 of 2"]
    assert "with train.learning_rate = 0.0" in lines[0] and "best 0." in lines[0]
    assert "The best of 2 trials, by ndcg@5 on the validation part" in first.out
    folder = world.folder / "runs" / "small.tune"
    more = turret("tune", "small.toml", "--trials", "9", "--json", *SETTINGS)
    found = json.loads(more.out)
    assert len([line for line in more.err.splitlines() if line.startswith("Trial ")]) == 1
    assert found["trials"] == json.loads((folder / "trials.json").read_text())["trials"]
    assert len(found["trials"]) == 3
    assert found["best"] == max(found["trials"], key=lambda trial: trial["metric"])
    assert found["metric"] == "ndcg@5" and found["seen"] == "excluded"
    best = toml.load(folder / "best.toml")
    assert best.train.learning_rate == found["best"]["values"]["train.learning_rate"]
    last = turret("tune", "small.toml", "--trials", "9", *SETTINGS)
    assert "Every setting of the space was tried." in last.err
    rows = [line.split() for line in last.out.splitlines()]
    shown = [f"{trial['metric']:.4f}" for trial in found["trials"]]
    assert ["ndcg@5", *sorted(shown, reverse=True)] in rows


def test_what_cannot_be_tuned_is_said(turret: Turret) -> None:
    done = turret("tune", "small.toml")
    assert done.code == 2
    assert done.err == (
        "Error: tuning chooses by the validation part, and the recipe holds none back. "
        "Set split.validation_fraction above 0.\n"
    )


def test_ctrl_c_says_what_is_kept(turret: Turret, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tune, "tune", interrupted)
    done = turret("tune", "small.toml", "--output", "kept", *SETTINGS)
    assert done.code == 130
    assert done.err == "Stopped. kept keeps what is done; the same command goes on.\n"
