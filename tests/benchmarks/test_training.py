import json
import math

import msgspec
import pytest
from sources import ROOT

from turret.benchmarks import training
from turret.benchmarks.registry import names, run, settings_of
from turret.benchmarks.step_speed import Stepping
from turret.benchmarks.training import TrainingSettings
from turret.errors import RecipeError

TINY = [
    "rounds=1",
    "steps=2",
    "product=64",
    "loss_queries=32",
    "loss_candidates=16",
    "batch_size=32",
    "dim=4",
    "hidden=4",
    "query_rows=100",
    "candidate_rows=50",
    "table_rows=[100, 300]",
    "batch_sizes=[16]",
    "dims=[4]",
    "catalogues=[20]",
    "chunk_sizes=[8]",
    "score_sides=[16]",
]


def quiet(message: str) -> None:
    assert message.endswith(".")


def numbers(value: object) -> list[float]:
    if isinstance(value, dict):
        return [number for inner in value.values() for number in numbers(inner)]
    if isinstance(value, list):
        return [number for inner in value for number in numbers(inner)]
    assert isinstance(value, int | float)
    return [value]


def test_every_figure_is_there_at_a_tiny_size(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, dict[str, int]]] = []

    def peak_mb(kind: str, **sizes: int) -> float:
        asked.append((kind, sizes))
        return 1.5

    monkeypatch.setattr(training, "peak_mb", peak_mb)
    result = run("training", TINY, say=quiet)
    figures = result["figures"]
    wanted = {"loss_share", "examples_per_second", "table_growth", "peak_mb", "curves"}
    assert wanted <= figures.keys()
    curves = {"table_rows", "chunk_size", "score_side", "batch_size", "dim", "catalogue"}
    assert figures["curves"].keys() == curves
    found = numbers(figures)
    assert all(math.isfinite(number) and number >= 0 for number in found)
    assert figures["examples_per_second"] > 0 and figures["loss_share"] > 0
    assert figures["peak_mb"] == figures["step_peak_mb"] == 1.5
    loss = {"queries": 32, "candidates": 16, "dim": 4}
    assert asked[:2] == [
        ("loss", loss | {"chunk_size": 8}),
        ("loss", {"queries": 16, "candidates": 16, "dim": 4}),
    ]
    assert ("loss", loss) in asked and {kind for kind, _ in asked} == {"loss", "step"}
    assert result["settings"]["batch_size"] == 32
    assert {"turret", "jax", "numpy"} <= result["settings"].keys()
    assert result["machine"].keys() >= {"cpu", "cores", "load"}


def test_peers_are_compared_step_for_step() -> None:
    settings = settings_of("training", [*TINY, 'parts=["step"]'])
    assert isinstance(settings, TrainingSettings)

    def peers(stepping: Stepping) -> dict[str, training.Measure]:
        assert stepping.batches.batch_size == 32
        return {"other": lambda: 6.0}

    figures = training.run(settings, say=quiet, peers=peers)["figures"]
    assert figures["other_step_seconds"] == 3.0
    ours = 32 / figures["examples_per_second"]
    assert figures["other_ratio"] == pytest.approx(3.0 / ours)


def test_what_the_machine_cannot_give_is_not_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "available_bytes", lambda: 1000)
    monkeypatch.setattr(training, "can_measure", lambda: False)
    said: list[str] = []
    result = run("training", [*TINY, 'parts=["growth", "memory"]'], say=said.append)
    assert math.isnan(result["figures"]["table_growth"])
    assert math.isnan(result["figures"]["peak_mb"])
    assert sum("left out" in line for line in said) == 2


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["rounds=0"], "rounds: got 0, expected numbers of at least 1"),
        (["dims=[]"], "dims"),
        (["popularity=-1"], "popularity: got -1.0, expected at least 0"),
        (["parts=[]"], "parts: got"),
        (["round=3"], "Did you mean 'rounds'"),
        (["rounds"], "--set is not TOML"),
    ],
)
def test_impossible_settings_are_refused(texts: list[str], message: str) -> None:
    with pytest.raises(RecipeError, match=message.replace("[", r"\[")):
        settings_of("training", texts)


def test_an_unknown_benchmark_is_refused() -> None:
    assert "training" in names()
    with pytest.raises(RecipeError, match="Did you mean 'training'"):
        settings_of("trainings", [])


def test_every_setting_stands_on_its_page_with_its_default() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    for field in msgspec.structs.fields(TrainingSettings):
        lines = [row for row in rows if f"`{field.name}`" in row.split("|")[1]]
        assert lines, field.name
        if isinstance(field.default, int | float):
            assert str(field.default) in lines[-1], field.name
        elif field.name in ("parts", "table_rows"):
            assert f"`{json.dumps(field.default)}`" in lines[-1], field.name
