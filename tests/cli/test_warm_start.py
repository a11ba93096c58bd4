"""`turret train --from`: what it says and where it ends."""

import json
from pathlib import Path

import polars as pl
import pytest
from cli.conftest import Turret, World, events

from turret.bundle.bundle import Bundle
from turret.errors import TrainingInterrupted
from turret.pipeline import training


@pytest.fixture
def later(world: World) -> Path:
    """Events of a day on which some users are new and others do not come."""
    user = pl.col("user").str.strip_prefix("u").cast(pl.Int64) + 10
    path = world.folder / "later.csv"
    events().with_columns(pl.format("u{}", user).alias("user")).head(800).write_csv(path)
    return path


def arguments(*more: str | Path) -> tuple[str | Path, ...]:
    settings = ("data.files=later.csv", "train.epochs=1", "evaluation.bootstrap=0")
    given = [word for one in settings for word in ("--set", one)]
    return ("train", "small.toml", *given, *more)


def users(bundle: Path) -> set[str]:
    return set(Bundle.open(bundle).query_encoder.vocabularies["query/user"].ids.to_list())


def numbered(first: int, last: int) -> set[str]:
    return {f"u{number}" for number in range(first, last)}


def test_it_says_what_it_takes_over(turret: Turret, world: World, later: Path) -> None:
    assert later.exists()
    done = turret(*arguments("--from", world.bundle, "--output", "warm", "--json"))
    assert done.code == 0, done.err
    assert set(json.loads(done.out)) == {"bundle", "report"}
    notes = [line for line in done.err.splitlines() if line.startswith("Note: ")]
    assert notes[:3] == [
        "Note: query/user: 40 of the earlier model's 40 ids keep their rows; 10 are new.",
        "Note: query/country: 2 of the earlier model's 2 ids keep their rows; 0 are new.",
        "Note: candidate/item: 30 of the earlier model's 30 ids keep their rows; 0 are new.",
    ]
    assert users(world.folder / "warm") == numbered(0, 50)


def test_a_bundle_goes_on_in_its_own_place_day_after_day(turret: Turret, later: Path) -> None:
    assert later.exists()
    assert turret(*arguments("--output", "daily")).code == 0
    settings = ("--set", "train.warm_start.vanished=drop", "--set", "data.files=events.csv")
    done = turret(*arguments("--from", "daily", "--output", "daily", *settings))
    assert done.code == 0, done.err
    assert "30 of the earlier model's 40 ids keep their rows; 10 are new." in done.err
    assert users(Path("daily")) == numbered(0, 40)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--from", "nowhere"), ["There is no bundle at nowhere", "Check the path."]),
        (("--from", "."), ["is not a bundle", "Name the directory that a training wrote."]),
        (
            ("--from", "runs/small", "--set", "model.embedding_dim=16"),
            ["tables/", "got 'float32[8]', expected float32[16]", "or train from nothing."],
        ),
        (
            ("--from", "runs/small", "--set", 'model.query.body=[{kind = "mlp", hidden = [8]}]'),
            ["dense/query", "got 'none', expected float32[16, 8]", "or train from nothing."],
        ),
    ],
    ids=["nothing", "another directory", "width", "layers"],
)
def test_what_cannot_be_a_start_is_told_in_a_sentence(
    turret: Turret, later: Path, more: tuple[str, ...], words: list[str]
) -> None:
    assert later.exists()
    done = turret(*arguments(*more, "--output", "refused"))
    assert (done.code, done.out) == (1, "")
    last = done.err.splitlines()[-1]
    assert last.startswith("Error: ")
    for word in words:
        assert word in last
    assert not Path("refused").exists()


def test_how_to_go_on_after_a_stop_names_the_start(
    turret: Turret, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise TrainingInterrupted(step=3, epoch=1, checkpoint="c", code=130)

    monkeypatch.setattr(training, "train", stopped)
    done = turret("train", "small.toml", "--from", "runs/small")
    assert done.code == 130
    assert "train small.toml --output runs/small --from runs/small --resume" in done.err
