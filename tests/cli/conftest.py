"""One small bundle, trained by the real command, for all tests of the command line.

Most tests call `main` in this process, since each start of the command costs a second or two.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from turret import compilation
from turret.cli.app import main

EXECUTABLE = Path(sys.executable).with_name("turret")

RECIPE = """
[data]
files = "events.csv"
query_id = "user"
candidate_id = "item"
timestamp = "when"

[model]
embedding_dim = 8

[[model.query.features]]
kind = "categorical"
column = "user"

[[model.query.features]]
kind = "categorical"
column = "country"

[[model.candidate.features]]
kind = "categorical"
column = "item"

[train]
epochs = 2
batch_size = 256

[evaluation]
ks = [1, 5]
bootstrap = 50
"""


@dataclass(frozen=True)
class Finished:
    code: int
    out: str
    err: str


Turret = Callable[..., Finished]


@dataclass(frozen=True)
class World:
    folder: Path
    bundle: Path
    training: Finished


def run(*arguments: str | Path, folder: Path, cache: Path) -> Finished:
    environment = os.environ | {
        "XDG_CACHE_HOME": str(cache),
        "JAX_PLATFORMS": "cpu",
        "COLUMNS": "80",
    }
    done = subprocess.run(
        [str(EXECUTABLE), *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def events() -> pl.DataFrame:
    """Forty users of two countries, each of which likes one half of thirty items."""
    rng = np.random.default_rng(7)
    user = rng.integers(0, 40, size=3000)
    item = rng.integers(0, 15, size=3000) * 2 + user % 2
    return pl.DataFrame(
        {
            "user": [f"u{number}" for number in user],
            "item": [f"i{number}" for number in item],
            "when": np.arange(3000),
            "country": ["NL" if number % 2 else "PL" for number in user],
            "title": [f"Item {number}, the" for number in item],
        }
    )


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> World:
    folder = tmp_path_factory.mktemp("world")
    events().write_csv(folder / "events.csv")
    (folder / "small.toml").write_text(RECIPE)
    training = run("train", "small.toml", folder=folder, cache=cache)
    assert training.code == 0, training.err
    return World(folder, folder / "runs" / "small", training)


@pytest.fixture
def process(world: World, cache: Path) -> Turret:
    """Runs the command in a process of its own, in the folder of the world."""

    def call(*arguments: str | Path) -> Finished:
        return run(*arguments, folder=world.folder, cache=cache)

    return call


@pytest.fixture
def turret(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Turret:
    """Runs the command in this process, in the folder of the world."""
    monkeypatch.chdir(world.folder)
    monkeypatch.setattr(compilation, "keep_compiled_programs", lambda: None)

    def call(*arguments: str | Path) -> Finished:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Finished(ended.value.code, out, err)

    return call
