"""The pages say what the code does: each key, command and option; the README's code runs."""

import json
import re
from pathlib import Path

import msgspec
import pytest
import typer.main
from sources import ROOT

import turret
from turret.cli.app import app
from turret.data.synthetic import synthetic
from turret.recipe.baselines import KINDS
from turret.recipe.bodies.cross import CrossNetwork
from turret.recipe.bodies.custom import Custom
from turret.recipe.bodies.dot import DotInteraction
from turret.recipe.bodies.mlp import MLP
from turret.recipe.data import Data, Split
from turret.recipe.decomposition import Decomposition
from turret.recipe.features.bag import Bag
from turret.recipe.features.categorical import Categorical
from turret.recipe.features.cross import Cross
from turret.recipe.features.history import History
from turret.recipe.features.number import Number
from turret.recipe.features.text import Text
from turret.recipe.features.timestamp import Timestamp
from turret.recipe.features.vector import Vector
from turret.recipe.loss import BPR, WARP, Softmax
from turret.recipe.recipe import Evaluation, Index
from turret.recipe.sampled import Sampled
from turret.recipe.schedule import Schedule
from turret.recipe.stopping import Checkpointing, EarlyStopping, WarmStart
from turret.recipe.towers import Tower, TwoTower
from turret.recipe.training import Train
from turret.recipe.tuning import Range, Tune

PAGES = {
    name: (ROOT / "docs" / name).read_text(encoding="utf-8")
    for name in ("cli.md", "recipe.md", "features.md")
}
RECIPE = PAGES["recipe.md"] + PAGES["features.md"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
STRUCTS = [
    Data,
    Split,
    TwoTower,
    Tower,
    Categorical,
    Bag,
    Number,
    Timestamp,
    Text,
    Vector,
    History,
    Cross,
    MLP,
    CrossNetwork,
    DotInteraction,
    Custom,
    Softmax,
    BPR,
    WARP,
    Train,
    EarlyStopping,
    Checkpointing,
    WarmStart,
    Schedule,
    Decomposition,
    Evaluation,
    Sampled,
    Index,
    Tune,
    Range,
]


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_every_key_of_the_recipe_stands_with_its_default(struct: type[msgspec.Struct]) -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|(.*)$", RECIPE, flags=re.MULTILINE))
    for field in msgspec.structs.fields(struct):
        if field.name in ("query", "candidate", "early_stopping", "checkpoint", "warm_start"):
            assert f".{field.name}]`" in RECIPE
            continue
        name = field.encode_name
        assert name in rows, f"docs/recipe.md and features.md lack {struct.__name__}.{name}"
        row = f"| `{name}` |"
        lines = [line for line in RECIPE.splitlines() if line.startswith(row)]
        default = field.default
        if isinstance(default, tuple):
            default = list(default)
        if isinstance(default, str | int | float | list):
            shown = json.dumps(default) if isinstance(default, list) else str(default).lower()
            text = shown.replace("1e-07", "1e-7")
            assert any(f"| `{text}` |" in line.lower() for line in lines), (
                f"{struct.__name__}.{row} {text}"
            )


def test_every_setting_of_a_baseline_stands_with_its_default() -> None:
    page, rows, kind = PAGES["recipe.md"], set[tuple[str, str, str]](), ""
    for line in re.findall(r"^\|.*\|$", page, flags=re.MULTILINE):
        first, key, default = (cell.strip(" `") for cell in line.split("|")[1:4])
        kind = first or kind
        rows.add((kind, key, default))
    for kind, struct in KINDS.items():
        for field in msgspec.structs.fields(struct):
            if field.name != "name":
                default = "none" if field.default is None else str(field.default)
                assert (kind, field.name, default) in rows


def test_every_command_and_option_is_described() -> None:
    group = typer.main.get_command(app)
    commands = getattr(group, "commands")  # noqa: B009  # not among the types Typer shows
    assert {"demo", "data", "train", "evaluate", "recommend", "similar"} <= commands.keys()
    for name, command in commands.items():
        assert f"## `turret {name}" in PAGES["cli.md"], name
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("-") and option not in ("--help", "-h"):
                    assert option in PAGES["cli.md"], f"{name} {option}"


def test_the_readme_names_targets_and_pages_that_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)$", README, flags=re.MULTILINE):
        assert f"\n{target}:" in makefile
    for link in re.findall(r"\]\(([\w./-]+)\)", README):
        assert (ROOT / link).exists(), link


def test_the_code_of_the_readme_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Release:
        dataset = staticmethod(
            lambda: (
                synthetic(
                    num_queries=100,
                    num_candidates=50,
                    num_interactions=3000,
                    candidate_id="movie_title",
                ).dataset
            )
        )

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(turret, "movielens", lambda name: Release())
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(code.splitlines()) <= 18
    exec(compile(code, "README.md", "exec"), {})
    out = capsys.readouterr().out
    assert "top_k_accuracy@100" in out and "popularity" in out
    assert len(re.findall(r"item \d+", out)) == 3
