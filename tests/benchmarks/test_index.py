import msgspec
import numpy as np
import pytest

from turret.benchmarks.index import IndexSettings, clustered, run
from turret.benchmarks.registry import settings_of
from turret.errors import RecipeError

SMALL = {"candidates": 3000, "dim": 8, "queries": 20, "clusters": 5, "k": 20, "timed": 3}


def test_every_figure_of_a_small_world() -> None:
    told: list[str] = []
    result = run(msgspec.convert({**SMALL, "shares": [0.5, 0.01]}, IndexSettings), say=told.append)
    figures = result["figures"]
    assert figures["recall_at_99"] == figures["recall_at_95"] == 1.0
    assert figures["exact_int8_same"] and figures["exact_float16_same"]
    assert figures["filtered_recall_0.5"] == figures["filtered_recall_0.01"] == 1.0
    assert figures["filtered_full_0.5"] and figures["filtered_full_0.01"]
    slowest = max(figures["filtered_p50_ms_0.5"], figures["filtered_p50_ms_0.01"])
    assert figures["filtered_p50_ms"] == slowest
    ratio = figures["brute_force_p50_ms"] / figures["p50_ms_at_recall_99"]
    assert figures["speedup"] == pytest.approx(ratio)
    assert result["settings"]["candidates"] == 3000
    assert told[0] == "Drawing the vectors"
    assert msgspec.json.decode(msgspec.json.encode(result))["figures"] == figures


def test_the_world_is_the_same_for_the_same_seed() -> None:
    one, two = (
        clustered(50, 4, clusters=3, rng=np.random.default_rng(7), queries=5) for _ in range(2)
    )
    assert np.array_equal(one[0], two[0]) and np.array_equal(one[1], two[1])
    assert (one[0].shape, one[1].shape) == ((50, 4), (5, 4))


@pytest.mark.parametrize("text", ["candidates=0", "queries=1", "shares=[0.0]", "shares=[2.0]"])
def test_impossible_sizes_are_refused(text: str) -> None:
    with pytest.raises(RecipeError):
        settings_of("index", [text])
