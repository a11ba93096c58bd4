"""The recipe: the frozen configuration of one training, the same from TOML and from Python.

Only plain data and what makes it impossible live here. `turret.toml` reads and writes recipes;
`docs/recipe.md` lists every key.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from turret.errors import RecipeError
from turret.recipe.baselines import Baseline, resolve_baselines
from turret.recipe.checks import (
    require,
)
from turret.recipe.data import Data, Split
from turret.recipe.features.history import History
from turret.recipe.loss import Loss, Softmax
from turret.recipe.options import Options
from turret.recipe.sampled import Sampled
from turret.recipe.towers import TwoTower
from turret.recipe.training import Train, batch_unit
from turret.recipe.tuning import Tune

__all__ = ["Evaluation", "Index", "Recipe"]


class Evaluation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a training is judged: the section `[evaluation]`.

    Args:
        ks: depths at which each metric is given; kept as a tuple.
        batch_size: pairs in one batch of the test loss.
        bootstrap: resamples behind each interval; 0 gives no intervals.
        baselines: what stands beside the model: kinds such as "ease", or tables with a kind and
            its settings; kept as a tuple.
        slices: whether figures are given by how often training met the candidate, and the query.
        slice_by: columns by whose values figures are given too, such as `candidates.genre` or
            `queries.country`; kept as a tuple.
        lists: whether figures are given of the lists that queries are shown: coverage, Gini,
            popularity, novelty, diversity.
        sampled: how test candidates are also ranked among a few sampled ones; None does not.
    """

    ks: Sequence[int] = (1, 5, 10, 20, 50, 100)
    batch_size: int = 4096
    bootstrap: int = 1000
    baselines: Sequence[str | Baseline] = ("popularity", "item_knn", "ease")
    slices: bool = True
    slice_by: Sequence[str] = ()
    lists: bool = True
    sampled: Sampled | None = None

    def __post_init__(self) -> None:
        """Keep tuples and refuse impossible values."""
        msgspec.structs.force_setattr(self, "ks", tuple(self.ks))
        ks = list(self.ks)
        require(len(ks) > 0, "evaluation.ks", ks, "at least one depth")
        require(min(ks) >= 1, "evaluation.ks", ks, "depths of at least 1")
        require(len(set(ks)) == len(ks), "evaluation.ks", ks, "each depth once")
        require(self.batch_size >= 1, "evaluation.batch_size", self.batch_size, "at least 1")
        require(self.bootstrap >= 0, "evaluation.bootstrap", self.bootstrap, "at least 0")
        msgspec.structs.force_setattr(self, "baselines", tuple(self.baselines))
        resolve_baselines(self.baselines)
        msgspec.structs.force_setattr(self, "slice_by", tuple(self.slice_by))
        by = list(self.slice_by)
        named = all(one.startswith(("queries.", "candidates.")) for one in by)
        require(named, "evaluation.slice_by", by, "columns such as candidates.genre")
        require(len(set(by)) == len(by), "evaluation.slice_by", by, "each column once")


class Index(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the nearest candidates are found: the section `[index]`.

    Args:
        kind: exact search, or approximate search with ScaNN or FAISS.
        parameters: settings of the kind by name, in place of those that suit the candidates.
    """

    kind: Literal["exact", "scann", "faiss"] = "exact"
    parameters: dict[str, int | float | str] = {}

    def __post_init__(self) -> None:
        """Keep a value."""
        msgspec.structs.force_setattr(self, "parameters", Options(self.parameters))


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that decides one training.

    Args:
        data: where interactions come from.
        model: the two towers.
        split: what is held back.
        loss: what is made small.
        train: how the parameters are found.
        evaluation: how the result is judged.
        index: how candidates are found.
        tune: where settings are looked for; None leaves that to a default.
    """

    data: Data
    split: Split = Split()
    model: TwoTower
    loss: Loss = Softmax()
    train: Train = Train()
    evaluation: Evaluation = Evaluation()
    index: Index = Index()
    tune: Tune | None = None

    def __post_init__(self) -> None:
        """Refuse sections that do not fit together."""
        split = self.split
        if split.kind == "given" and self.data.part is None:
            raise RecipeError(
                "A given split needs the names of the parts",
                fix="Name their column as data.part, or split in another way.",
            )
        if self.train.early_stopping is not None and not split.has_validation:
            raise RecipeError(
                "train.early_stopping has no validation part to measure on",
                fix="Set split.validation_fraction above 0, or leave early stopping out.",
            )

    def settled(self) -> "Recipe":
        """The same recipe with `sees` of a history said: "past" unless batches are queries."""
        by_time = self.data.timestamp is not None and self.split.kind in (
            "temporal",
            "leave_last_out",
        )
        past = by_time and batch_unit(self.train, self.loss) != "queries"
        features = tuple(
            msgspec.structs.replace(f, sees="past" if past else "others")
            if isinstance(f, History) and f.sees is None
            else f
            for f in self.model.query.features
        )
        query = msgspec.structs.replace(self.model.query, features=features)
        return msgspec.structs.replace(self, model=msgspec.structs.replace(self.model, query=query))
