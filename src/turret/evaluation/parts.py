"""The parts of a report: figures of a model, of its baselines, of slices, of lists, and more."""

from typing import Literal

import msgspec

from turret.evaluation.paired import Difference

__all__ = [
    "BaselineFigures",
    "Differences",
    "EpochFigures",
    "Figures",
    "Intervals",
    "ListFigures",
    "Neighbour",
    "Neighbourhood",
    "SampledFigures",
    "ScoreFigures",
    "SliceFigures",
    "TrainFigures",
]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Figures by name, such as `"ndcg@20"`, in both views; NaN where undefined.

    Args:
        seen_included: every candidate is ranked.
        seen_excluded: the query's training candidates are taken off the ranking and the truth.
    """

    seen_included: dict[str, float]
    seen_excluded: dict[str, float]


class BaselineFigures(Figures, frozen=True, kw_only=True):
    """The figures of a baseline.

    Args:
        seconds: how long its fit took.
    """

    seconds: float


class TrainFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures on the pairs that were trained on: far above the others means over-fitting.

    Args:
        seen_included: figures by name. (Without the seen candidates nothing would be left.)
        queries: how many queries were taken, all or a sample.
        pairs: how many pairs these have.
    """

    seen_included: dict[str, float]
    queries: int
    pairs: int


class Intervals(msgspec.Struct, frozen=True, kw_only=True):
    """The lower and the upper end of the interval of each figure.

    Args:
        seen_included: intervals by the name of the figure.
        seen_excluded: likewise.
    """

    seen_included: dict[str, tuple[float, float]]
    seen_excluded: dict[str, tuple[float, float]]


class Differences(msgspec.Struct, frozen=True, kw_only=True):
    """By how much each figure of the model is above that of another, on the same queries.

    Args:
        seen_included: differences by the name of the figure.
        seen_excluded: likewise.
    """

    seen_included: dict[str, Difference]
    seen_excluded: dict[str, Difference]


class SliceFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures on the test pairs whose candidates, or queries, have something in common.

    Args:
        of: what was looked at, "candidates" or "queries".
        least: how many training pairs these have at least, each pair once; 0 means new ones.
        most: at most; None has no limit.
        queries: how many queries have such a test pair.
        pairs: how many test pairs these are.
        model: the model's figures at one list length, ranked among all candidates; the truth of a
            query is its pairs of the slice.
        baselines: likewise the figures of each baseline by its name.
        column: the column of their table in which these have the same value; None: they are those
            that training met about as often.
        value: that value, or from where to where it goes.
    """

    of: Literal["candidates", "queries"]
    least: int
    most: int | None
    queries: int
    pairs: int
    model: Figures
    baselines: dict[str, Figures] = {}
    column: str | None = None
    value: str | None = None


class ListFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of the lists that queries are shown, whatever is true.

    Args:
        k: the length of the lists.
        queries: how many test queries were taken, all or a sample.
        model: by name, such as `"coverage@20"`, those of the model's lists.
        baselines: those of each baseline by its name; diversity is by the model's vectors, too.
    """

    k: int
    queries: int
    model: Figures
    baselines: dict[str, Figures] = {}


class SampledFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of test candidates among a few sampled ones, as some papers have them.

    Args:
        pairs: how many test pairs, each against negatives of its own.
        fewest: the least number of negatives of a pair.
        most: the greatest.
        model: by name, such as `"sampled_hit_rate@10"`, those of the model.
        baselines: those of each baseline by its name, against the same negatives.
        caution: what these figures are not.
    """

    pairs: int
    fewest: int
    most: int
    model: dict[str, float]
    baselines: dict[str, dict[str, float]] = {}
    caution: str = "sampled: not comparable with full ranking"

    @property
    def title(self) -> str:
        """What figures these are, with the caution."""
        among = f"{self.most:,}"
        if self.fewest < self.most:
            among = f"{self.fewest:,} to {among}"
        return f"1 against {among}, {self.caution}"


class EpochFigures(msgspec.Struct, frozen=True, kw_only=True):
    """An epoch of the training.

    Args:
        epoch: counted from 1.
        loss: the mean loss of its steps.
        validation: the metrics measured after it; None where none were.
    """

    epoch: int
    loss: float
    validation: dict[str, float] | None = None


class ScoreFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How a model scores test pairs, and pairs of chance.

    Args:
        edges: the bounds of the bins, one more than there are bins.
        true: the share of the test pairs in each bin.
        chance: the share of pairs of the same queries with candidates drawn at random.
    """

    edges: tuple[float, ...]
    true: tuple[float, ...]
    chance: tuple[float, ...]


class Neighbour(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate beside another.

    Args:
        candidate: its id, with its title where it has one.
        cosine: of both vectors.
    """

    candidate: str
    cosine: float


class Neighbourhood(msgspec.Struct, frozen=True, kw_only=True):
    """A well-known candidate and those whose vectors point most nearly the same way.

    Args:
        candidate: its id, with its title where it has one.
        met_by: how many training queries met it.
        nearest: the nearest others, the nearest first.
    """

    candidate: str
    met_by: int
    nearest: tuple[Neighbour, ...]
