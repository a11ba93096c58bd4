"""Every failure is one sentence on standard error, and ends with the right exit code."""

import os
import subprocess
from pathlib import Path

import pytest
from cli.conftest import EXECUTABLE, RECIPE, Turret, World

READ = ("--query-id", "user", "--candidate-id", "item")
USAGE = 2
FAILED = 1


@pytest.fixture(scope="module")
def broken(world: World) -> Path:
    """Files and recipes that cannot be used, in the folder of the world."""
    folder = world.folder
    (folder / "empty.csv").write_text("")
    (folder / "cut.parquet").write_bytes(b"PAR1" + b"\0" * 100)
    (folder / "ragged.csv").write_text("user,item\na,b\na,b,c,d\n")
    (folder / "notes.txt").write_text("hello")
    recipes = {
        "unknown-key": RECIPE + "[index]\nkin = 'exact'\n",
        "impossible": RECIPE.replace("epochs = 2", "epochs = 0"),
        "column": RECIPE.replace('query_id = "user"', 'query_id = "usr"'),
        "feature": RECIPE.replace('column = "country"', 'column = "county"'),
        "no-test": RECIPE + "[split]\ntest_fraction = 1e-9\n",
        "text": "hello",
        "missing": RECIPE.replace("events.csv", "missing.csv"),
    }
    for name, text in recipes.items():
        (folder / f"{name}.toml").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("data", "missing.csv", *READ), FAILED, ["missing.csv does not exist"]),
        (("data", "empty.csv", *READ), FAILED, ["empty.csv"]),
        (("data", "cut.parquet", *READ), FAILED, ["cut.parquet"]),
        (("data", "ragged.csv", *READ), FAILED, ["ragged.csv"]),
        (("data", "notes.txt", *READ), FAILED, ["notes.txt is of an unknown kind", "'.txt'"]),
        (("data", "events.csv"), USAGE, ["--query-id", "user, item, when, country, title"]),
        (("data", "events.csv", *READ[:3], "itm"), FAILED, ["itm", "Did you mean 'item'?"]),
        (("data", "movielens-100"), USAGE, ["no file 'movielens-100'", "mean 'movielens-100k'?"]),
        (("train", "none.toml"), USAGE, ["'none.toml' cannot be read: No such file"]),
        (("train", "text.toml"), USAGE, ["text.toml is not TOML"]),
        (("train", "unknown-key.toml"), USAGE, ["unknown key index.kin.", "mean 'kind'?"]),
        (("train", "impossible.toml"), USAGE, ["train.epochs: got 0, expected at least 1."]),
        (("train", "small.toml", "--set", "a"), USAGE, ["--set: got 'a'", "key.path=value"]),
        (("train", "small.toml", "--set", "trian.epochs=1"), USAGE, ["trian", "mean 'train'?"]),
        (("train", "column.toml"), FAILED, ["usr", "Did you mean 'user'?"]),
        (("train", "feature.toml"), FAILED, ["county", "country"]),
        (("train", "no-test.toml"), FAILED, ["The test part of the split is empty"]),
        (
            ("train", "small.toml", "--set", "train.early_stopping.metric=ndgc@5"),
            USAGE,
            ["no such metric: got 'ndgc@5'", "mean 'ndcg'?"],
        ),
        (("train", "small.toml", "--set", f"train.seed={2**63}"), USAGE, ["train.seed: got"]),
        (
            ("train", "small.toml", "--set", "split.test_fraction=0.0"),
            USAGE,
            ["split.test_fraction: got 0.0, expected above 0"],
        ),
        (
            ("train", "missing.toml", "--set", "train.dense_optimizer=adamww"),
            USAGE,
            ["train.dense_optimizer: got 'adamww'", "Did you mean 'adamw'?"],
        ),
        (("train", "small.toml", "--output", "."), FAILED, ["is not a bundle", "not overwritten"]),
        (("train", "small.toml", "--bogus"), USAGE, ["--bogus", "See 'turret train --help'."]),
        (("train",), USAGE, ["RECIPE", "See 'turret train --help'."]),
        (("trian",), USAGE, ["trian", "Did you mean 'train'?"]),
        (("evaluate", "nowhere"), FAILED, ["There is no bundle at nowhere"]),
        (("recommend", "BUNDLE"), USAGE, ["Give --query user_id=42"]),
        (("recommend", "BUNDLE", "--all"), USAGE, ["--all and --output go together"]),
        (("recommend", "BUNDLE", "--query", "u1"), USAGE, ["got 'u1', expected column=value"]),
        (("recommend", "BUNDLE", "--query", "usr=u1"), USAGE, ["'usr'", "Did you mean 'user'?"]),
        (
            ("recommend", "BUNDLE", "--query", "user=u1", "-k", "0"),
            USAGE,
            ["'-k'", "greater than or equal to 1", "See 'turret recommend --help'."],
        ),
        (("recommend", "BUNDLE", "--all", "--output", "a.xls"), FAILED, [".xls", ".parquet"]),
        (("similar", "BUNDLE", "--candidate", "i99"), USAGE, ["no candidate", "'i99'"]),
        (("index", "BUNDLE", "--kind", "best"), USAGE, ["best", "exact"]),
        (("demo", "--recipe", "tutorials"), USAGE, ["'tutorials'", "mean 'tutorial'?"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_failure_is_one_sentence(
    turret: Turret,
    world: World,
    broken: Path,
    arguments: tuple[str, ...],
    code: int,
    words: list[str],
) -> None:
    assert broken == world.folder
    given = [world.bundle if word == "BUNDLE" else word for word in arguments]
    done = turret(*given)
    assert done.code == code, done.err
    assert done.out == ""
    complaint = [line for line in done.err.splitlines() if line.startswith("Error: ")]
    assert done.err.splitlines()[-1:] == complaint, done.err
    for word in words:
        assert word in complaint[0]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("data", "cut.parquet", *READ), FAILED), (("train", "unknown-key.toml"), USAGE)],
)
def test_the_exit_codes_of_the_process(
    process: Turret, broken: Path, arguments: tuple[str, ...], code: int
) -> None:
    assert (broken / arguments[1]).exists()
    done = process(*arguments)
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith("Error: ") and done.err.count("\n") == 1


def test_the_traceback_only_when_it_is_asked_for(process: Turret) -> None:
    plain = process("train", "none.toml")
    asked = process("train", "none.toml", "--debug")
    assert "Traceback" not in plain.err
    assert "Traceback" in asked.err and "RecipeError" in asked.err


def test_help_imports_nothing_heavy(world: World) -> None:
    command = [str(EXECUTABLE), "--help"]
    environment = os.environ | {"PYTHONPROFILEIMPORTTIME": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0
    for name in ("demo", "data", "train", "evaluate", "recommend", "similar", "index", "doctor"):
        assert f"\n  {name} " in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "turret.cli.app" in imported
    heavy = {"jax", "numpy", "polars", "rich", "msgspec", "scann"}
    assert not heavy & {name.partition(".")[0] for name in imported}


def test_no_arguments_show_the_help_as_wrong_usage(turret: Turret) -> None:
    done = turret()
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Usage: turret")
    assert turret("--version").out.startswith("turret ")


def test_a_closed_pipe_ends_quietly(world: World) -> None:
    command = f"{EXECUTABLE} doctor | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.stderr == ""
