import pytest

from turret.benchmarks import recommending
from turret.benchmarks.recommending import RecommendingSettings, run
from turret.errors import RecipeError


def test_the_figures_belong_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recommending, "_CUBE", 16)
    settings = RecommendingSettings(queries=300, candidates=200, dim=4, k=7, seen=3, clusters=5)
    told: list[str] = []
    result = run(settings, say=told.append)
    figures = result["figures"]
    rate = 2 * 300 * 200 * 4 / figures["seconds"]
    assert figures["share_of_cube"] * figures["cube_gflops"] * 1e9 == pytest.approx(rate)
    assert figures["share_of_shape"] * figures["shape_gflops"] * 1e9 == pytest.approx(rate)
    assert figures["queries_per_second"] == pytest.approx(300 / figures["seconds"])
    assert figures["file_mb"] > 0
    assert result["settings"]["seen"] == 3
    assert told == ["Drawing the vectors", "Answering 300 queries"]


def test_sizes_that_cannot_be() -> None:
    with pytest.raises((RecipeError, ValueError), match="queries"):
        RecommendingSettings(queries=0)
