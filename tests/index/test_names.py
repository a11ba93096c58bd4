import numpy as np
import polars as pl
import pytest

from turret.errors import CandidateIndexError
from turret.index import names
from turret.index.names import Names

IDS = ["", "naïve", "日本", "🎬", "a\nb", "\x00", "42", *(f"item {n}" for n in range(2000))]


@pytest.fixture(params=["few", "many"])
def known(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Names:
    """The same ids, kept in both ways."""
    if request.param == "many":
        monkeypatch.setattr(names, "_FEW", 10)
    return Names(IDS)


def test_each_id_has_its_row(known: Names) -> None:
    assert [known.row(name) for name in IDS] == list(range(len(IDS)))
    assert known.row("no such id") is None
    assert known.ids.to_list() == IDS


@pytest.mark.parametrize("number", [0, 3, 200, 2007])
def test_rows_of_many_and_of_few(known: Names, number: int) -> None:
    order = np.random.default_rng(0).permutation(len(IDS))[:number]
    wanted = [IDS[row] for row in order] + ["no such id"]
    expected = [*order.tolist(), -1]
    assert known.find(wanted).tolist() == expected
    assert known.find(iter(wanted)).tolist() == expected
    assert known.find(pl.Series(wanted)).tolist() == expected
    assert known.find(wanted).dtype == np.int64


@pytest.mark.parametrize("shape", [(0, 3), (2, 3), (40, 50)])
def test_names_of_rows_in_any_shape(known: Names, shape: tuple[int, int]) -> None:
    rows = np.random.default_rng(1).integers(0, len(IDS) + 1, shape)
    named = known.at(rows)
    assert named.shape == shape
    assert named.tolist() == [[[*IDS, None][row] for row in line] for line in rows.tolist()]


def test_refuses_what_is_no_distinct_text() -> None:
    with pytest.raises(CandidateIndexError, match="row 1 is not a string: got 7"):
        Names(pl.Series(["a", 7], dtype=pl.Object))
    with pytest.raises(CandidateIndexError, match="row 1 is not a string"):
        Names(pl.Series(["a", None]))
    with pytest.raises(CandidateIndexError, match="occurs twice: got 'b'"):
        Names(pl.Series(["a", "b", "c", "b"]))
    with pytest.raises(CandidateIndexError, match="not Unicode text"):
        Names(["a", "\ud800"])
