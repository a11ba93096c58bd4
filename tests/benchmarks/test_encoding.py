import pytest

from turret.benchmarks.registry import run
from turret.errors import RecipeError


def test_a_small_run_has_every_figure() -> None:
    told: list[str] = []
    sizes = ["rows=2500", "block=1000", "users=300", "text_rows=50"]
    done = run("encoding", sizes, say=told.append)
    figures = done["figures"]
    names = ("rows_per_second", "words_per_second", "characters_per_second")
    assert figures.keys() == {*names, "peak_mb"}
    assert all(figures[name] > 0 for name in names)
    assert done["settings"] == {"rows": 2500, "block": 1000, "users": 300, "text_rows": 50}
    assert told[0] == "Drawing 2,500 rows of six columns"


def test_sizes_that_cannot_be_are_refused() -> None:
    with pytest.raises(RecipeError, match="block: got 0"):
        run("encoding", ["block=0"], say=print)
