"""The section `[loss]` of a recipe: what is made small."""

import math
from typing import Literal

import msgspec

from turret.recipe.checks import require, require_positive

__all__ = ["BPR", "WARP", "Loss", "Softmax"]


class Softmax(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="softmax",
):
    """The softmax cross-entropy of each pair's candidate among many.

    Args:
        candidates: which candidates compete: those of the batch, or the whole catalogue.
        temperature: scores are divided by it.
        learn_temperature: train the temperature too, from that value on.
        reduction: the mean over the weights of the pairs, or their sum.
        logq: take the logarithm of each candidate's probability of being in the batch off its
            score: not at all, with probabilities estimated from the training counts, from the
            steps between two occurrences, or given by `logq_column`.
        logq_column: the column of the candidate table that holds probabilities, for "given".
        logq_rate: how fast "streaming" forgets.
        logq_clip: probabilities are kept within these two numbers; None leaves them alone.
        remove_accidental_hits: a pair does not compete with other copies of its own candidate.
        mask_known_positives: a pair does not compete with the query's other positives, either
            those of the batch or all that it has in training.
        hard_negatives: compete with that many of the highest-scoring negatives alone; None keeps
            all.
        uniform: candidates drawn uniformly and added to each batch; a fraction is a share of
            `train.batch_size`.
        popular: candidates drawn in proportion to their training interactions, likewise.
        label_smoothing: this share of each pair's probability is spread over all columns evenly.
        precision: of the products of vectors; sums are float32 in either.
        chunk_size: query rows scored at once; memory grows with it.
    """

    candidates: Literal["batch", "all"] = "batch"
    temperature: float = 1.0
    learn_temperature: bool = False
    reduction: Literal["mean", "sum"] = "mean"
    logq: Literal["none", "estimated", "streaming", "given"] = "none"
    logq_column: str | None = None
    logq_rate: float = 0.01
    logq_clip: tuple[float, float] | None = None
    remove_accidental_hits: bool = False
    mask_known_positives: Literal["none", "batch", "all"] = "none"
    hard_negatives: int | None = None
    uniform: int | float = 0
    popular: int | float = 0
    label_smoothing: float = 0.0
    precision: Literal["float32", "bfloat16"] = "float32"
    chunk_size: int = 512

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        require_positive("loss.temperature", self.temperature)
        _require_draws("loss.uniform", self.uniform)
        _require_draws("loss.popular", self.popular)
        hard, smoothing = self.hard_negatives, self.label_smoothing
        require(hard is None or hard >= 1, "loss.hard_negatives", hard, "at least 1")
        require(0 <= smoothing < 1, "loss.label_smoothing", smoothing, "at least 0 and below 1")
        require(self.chunk_size >= 1, "loss.chunk_size", self.chunk_size, "at least 1")
        given = (self.logq == "given") == (self.logq_column is not None)
        require(given, "loss.logq_column", self.logq_column, 'a column exactly if logq is "given"')
        require(0 < self.logq_rate <= 1, "loss.logq_rate", self.logq_rate, "above 0, at most 1")
        if self.logq_clip is not None:
            low, high = self.logq_clip
            require(0 < low < high <= 1, "loss.logq_clip", self.logq_clip, "0 < low < high <= 1")
        if self.candidates == "all":
            place = 'with loss.candidates = "all"'
            extra = self.uniform or self.popular
            require(not extra, f"loss.uniform, loss.popular {place}", extra, "none: all compete")
            require(self.logq == "none", f"loss.logq {place}", self.logq, '"none": none is drawn')


class _Pairwise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    negatives: int = 16
    sampling: Literal["uniform", "popular"] = "uniform"
    reduction: Literal["mean", "sum"] = "mean"

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        require(self.negatives >= 1, "loss.negatives", self.negatives, "at least 1")

    @property
    def candidates(self) -> Literal["batch"]:
        """The columns of a batch: its own candidates and the sampled ones."""
        return "batch"


class BPR(_Pairwise, frozen=True, tag_field="kind", tag="bpr"):
    """Bayesian personalised ranking: a pair's score against sampled negatives, two at a time.

    Args:
        negatives: candidates sampled for each pair, none of them a training positive of its query.
        sampling: draw them uniformly or in proportion to their training interactions.
        reduction: the mean over the weights of the pairs, or their sum.
    """


class WARP(_Pairwise, frozen=True, tag_field="kind", tag="warp"):
    """Weighted approximate-rank pairwise loss, with the rank estimated from a fixed sample.

    Args:
        negatives: candidates sampled for each pair, none of them a training positive of its query.
        sampling: draw them uniformly or in proportion to their training interactions.
        reduction: the mean over the weights of the pairs, or their sum.
        margin: by how much a positive has to stand above a negative.
    """

    margin: float = 1.0

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        require(self.negatives >= 1, "loss.negatives", self.negatives, "at least 1")
        require_positive("loss.margin", self.margin)


Loss = Softmax | BPR | WARP


def _require_draws(key: str, value: int | float) -> None:
    possible = 0 <= value < math.inf and (isinstance(value, int) or value < 1)
    require(possible, key, value, "a whole number, or a share of the batch between 0 and 1")
