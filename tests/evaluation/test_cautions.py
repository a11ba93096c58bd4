"""What a reader is told in words, and when."""

from dataclasses import replace

import numpy as np
import pytest
from evaluation.planted import TEST, TRAIN

from turret.data.dataset import Dataset
from turret.evaluation.cautions import about_data, about_figures, about_learning
from turret.evaluation.paired import Difference
from turret.evaluation.parts import BaselineFigures, Differences, EpochFigures, Figures


def timed(dataset: Dataset, times: list[float]) -> Dataset:
    return dataset.with_interactions(
        replace(dataset.interactions, timestamp=np.array(times, np.float64))
    )


def futures(train: list[float], test: list[float]) -> list[str]:
    found = about_data(timed(TRAIN, train), timed(TEST, test), shared=0)
    return [sentence for sentence in found if "future" in sentence]


def test_a_test_before_what_was_learnt_of_its_query_leaks() -> None:
    # Training has the queries 0, 0, 0, 1, 1, 2, 2, the test 0, 0, 1, 1, 3.
    train = [1.0, 2, 3, 1, 9, 50, 60]
    assert futures(train, [2.0, 4, 8, 10, 0]) == [
        "2 of 5 test pairs are earlier than a training interaction of their query: the model has "
        "seen its future, which flatters it."
    ]
    # Later, at the same moment, or of unknown time: nothing is said.
    assert futures(train, [3.0, 4, 9, 10, 0]) == []
    assert futures([float("nan")] * 7, [2.0, 4, 8, 10, 0]) == []
    assert futures(train, [float("nan")] * 5) == []
    assert not any("future" in one for one in about_data(TRAIN, TEST, shared=0))


def epochs(*values: float | None) -> list[EpochFigures]:
    return [
        EpochFigures(epoch=n, loss=1.0, validation=None if v is None else {"ndcg@20": v})
        for n, v in enumerate(values, start=1)
    ]


@pytest.mark.parametrize(
    ("values", "asked", "expected"),
    [
        ((0.1, 0.3, 0.2), 3, []),
        ((0.1, 0.2, 0.3), 9, []),
        ((0.1, 0.2, 0.3), 3, ["The validation's ndcg@20 was best in epoch 3, the last: more may "]),
        (
            (0.1, 0.97, 0.3),
            3,
            ["The validation is saturated: ndcg@20 reached 0.970, too near to 1"],
        ),
        ((None, None), 2, []),
        ((), 2, []),
    ],
)
def test_a_validation_that_cannot_choose(
    values: tuple[float | None, ...], asked: int, expected: list[str]
) -> None:
    found = about_learning(epochs(*values), metric="ndcg@20", asked=asked)
    assert len(found) == len(expected)
    for sentence, begins in zip(found, expected, strict=True):
        assert sentence.startswith(begins)
    assert about_learning(epochs(*values), metric=None, asked=asked) == []


def test_a_baseline_that_is_ahead_by_more_than_chance() -> None:
    figures = {"top_k_accuracy@20": 0.5, "ndcg@20": 0.3}
    model = Figures(seen_included=figures, seen_excluded=figures)
    better = {"top_k_accuracy@20": 0.4, "ndcg@20": 0.35}
    baselines = {"ease": BaselineFigures(seen_included=better, seen_excluded=better, seconds=0.0)}

    def said(low: float, high: float) -> list[str]:
        test = {"ndcg@20": Difference(difference=-0.05, low=low, high=high, p=0.004)}
        found = {"ease": Differences(seen_included={}, seen_excluded=test)}
        return about_figures(model, baselines, found, k=20)

    assert said(-0.08, -0.02) == [
        "With seen candidates excluded the model is below ease in ndcg@20 by 0.0500 (95% interval "
        "0.0200 to 0.0800, p = 0.004)."
    ]
    assert said(-0.11, 0.01) == []
