"""What is tried next, without training."""

import subprocess
import sys
from typing import Literal

import msgspec
import pytest

from turret.errors import MissingPartError
from turret.pipeline.tuning.proposing import Search
from turret.pipeline.tuning.trials import Trial, best_of
from turret.recipe.tuning import Range

SPACE = {
    "a": Range(low=0.0, high=1.0),
    "b": Range(low=1, high=9, step=4),
    "c": Range(choices=["x"]),
}


def trial(
    number: int,
    *,
    a: float,
    metric: float,
    state: Literal["complete", "pruned", "failed"] = "complete",
) -> Trial:
    measured = {1: metric / 2, 2: metric}
    return Trial(
        number=number,
        state=state,
        values={"a": a, "b": 5, "c": "x"},
        metric=metric,
        epoch=2,
        measured=measured,
        seconds=1.0,
    )


def search(space: dict[str, Range] = SPACE, *, seed: int = 3, prune: bool = True) -> Search:
    return Search(space, seed=seed, prune=prune, patience=0)


def values(trials: list[Trial], **options) -> dict[str, object]:
    proposal = search(**options).propose(trials)
    assert proposal is not None
    return proposal.values


def test_values_are_of_the_space_and_follow_from_the_seed_and_the_trials() -> None:
    first = values([])
    assert 0 <= first["a"] <= 1 and first["b"] in (1, 5, 9) and first["c"] == "x"  # type: ignore[operator]
    assert values([]) == first
    assert values([], seed=4) != first
    assert values([trial(1, a=0.5, metric=0.1)]) != first


def test_proposals_gather_where_trials_were_good() -> None:
    """Of a metric that is highest at 0.7, later proposals are twice as near as those of chance."""
    done: list[Trial] = []
    space = {"a": Range(low=0.0, high=1.0)}
    for number in range(1, 41):
        proposal = search(space).propose(done)
        assert proposal is not None
        a = proposal.values["a"]
        one = trial(number, a=a, metric=1 - abs(a - 0.7))
        done.append(msgspec.structs.replace(one, values={"a": a}))
    late = [abs(one.values["a"] - 0.7) for one in done[20:]]
    assert sum(late) / len(late) < 0.29 / 2  # evenly drawn, 0.29 is expected
    best = best_of(done)
    assert best is not None and abs(best.values["a"] - 0.7) < 0.02


def test_nothing_is_tried_twice_and_the_end_of_a_space_is_seen() -> None:
    space = {"a": Range(choices=[0.1, True, 1, [1]]), "b": Range(low=1, high=9, step=4)}
    done: list[Trial] = []
    while (proposal := search(space).propose(done)) is not None:
        one = trial(len(done) + 1, a=0, metric=0.5, state="failed")
        done.append(msgspec.structs.replace(one, values=proposal.values))
    assert len(done) == 12
    seen = {(repr(one.values["a"]), one.values["b"]) for one in done}
    assert seen == {(repr(a), b) for a in (0.1, True, 1, [1]) for b in (1, 5, 9)}


def test_what_lags_behind_the_median_is_hopeless() -> None:
    done = [trial(number, a=number / 10, metric=number / 10) for number in range(1, 6)]
    proposal = search().propose(done)
    assert proposal is not None
    assert not proposal.hopeless(1, 0.16)  # the median after the first epoch is 0.15
    assert proposal.hopeless(2, 0.29)  # and 0.3 after the second
    patient = search(prune=False).propose(done)
    assert patient is not None and not patient.hopeless(1, 0.0)
    few = search().propose(done[:4])
    assert few is not None and not few.hopeless(1, 0.0)


def test_the_key_that_decides_is_important() -> None:
    done = [trial(number, a=number / 20, metric=number / 20) for number in range(1, 20)]
    done = [
        msgspec.structs.replace(one, values=one.values | {"b": (1, 5, 9)[one.number % 3]})
        for one in done
    ]
    found = search().importance(done)
    assert list(found)[0] == "a" and found["a"] > 0.8
    assert sum(found.values()) == pytest.approx(1)
    assert search().importance(done[:9]) == {}


def test_the_best_is_complete_and_the_first_of_several() -> None:
    done = [
        trial(1, a=0.1, metric=0.9, state="pruned"),
        trial(2, a=0.2, metric=0.5),
        trial(3, a=0.3, metric=0.5),
    ]
    assert best_of(done) == done[1]
    assert best_of(done[:1]) is None


def test_optuna_is_asked_for_only_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import sys, turret.cli.app, turret.pipeline.tuning.tune; print('optuna' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "False\n", result.stderr
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingPartError, match="optuna is not installed.*turret\\[tune\\]"):
        search()
