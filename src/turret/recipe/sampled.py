"""The section `[evaluation.sampled]` of a recipe: the protocol of some papers."""

from collections.abc import Sequence

import msgspec

from turret.recipe.checks import require, require_seed

__all__ = ["Sampled"]


class Sampled(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Test candidates ranked among a few sampled ones: the section `[evaluation.sampled]`.

    Such figures order models in another way than those of the whole ranking. They serve to
    reproduce papers that give nothing else.

    Args:
        negatives: how many candidates that its query never met compete with a test candidate.
        seed: decides which.
        ks: the list lengths; kept as a tuple.
        file: the negatives as they come with the data, instead of a draw: a table with the columns
            of the query's and the candidate's id and the list `negatives` of ids.

    Reference:
        He et al., Neural Collaborative Filtering, WWW 2017. https://arxiv.org/abs/1708.05031
        Krichene and Rendle, On Sampled Metrics for Item Recommendation, KDD 2020.
        https://doi.org/10.1145/3394486.3403226
    """

    negatives: int = 99
    seed: int = 42
    ks: Sequence[int] = (10,)
    file: str | None = None

    def __post_init__(self) -> None:
        """Keep a tuple and refuse impossible values."""
        place, ks = "evaluation.sampled", list(self.ks)
        msgspec.structs.force_setattr(self, "ks", tuple(ks))
        require(self.negatives >= 1, f"{place}.negatives", self.negatives, "at least 1")
        require_seed(f"{place}.seed", self.seed)
        fine = len(set(ks)) == len(ks) > 0 and min(ks) >= 1
        require(fine, f"{place}.ks", ks, "depths of at least 1, each once")
