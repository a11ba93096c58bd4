"""When a training stops early, when it is saved, and what a later one can start from: sections."""

import math
from typing import Literal

import msgspec

from turret.recipe.checks import require, require_metric

__all__ = ["Checkpointing", "EarlyStopping", "WarmStart"]


class EarlyStopping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When to stop before the last epoch: the section `[train.early_stopping]`.

    Args:
        metric: a ranking metric of the validation part, such as `ndcg@20`; higher is better.
        patience: stop after that many measurements without a new best.
        every: epochs between two measurements.
        seen: whether the candidates a query was trained on are taken off its ranking.
    """

    metric: str = "ndcg@20"
    patience: int = 3
    every: int = 1
    seen: Literal["excluded", "included"] = "excluded"

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        place = "train.early_stopping"
        require_metric(f"{place}.metric", self.metric)
        require(self.patience >= 1, f"{place}.patience", self.patience, "at least 1")
        require(self.every >= 1, f"{place}.every", self.every, "at least 1")


class Checkpointing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a training is saved, to be resumed after a crash: the section `[train.checkpoint]`.

    Args:
        minutes: save when so many minutes have passed since the last time; 0 never does.
        steps: save after each so many steps; 0 never does.
        keep: so many checkpoints remain, the newest; each carries the best state so far too.
    """

    minutes: float = 10.0
    steps: int = 0
    keep: int = 2

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        place, minutes = "train.checkpoint", self.minutes
        require(0 <= minutes < math.inf, f"{place}.minutes", minutes, "at least 0 and finite")
        require(self.steps >= 0, f"{place}.steps", self.steps, "at least 0")
        require(self.keep >= 1, f"{place}.keep", self.keep, "at least 1")


class WarmStart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What passes from one training to the next: the section `[train.warm_start]`.

    Args:
        vanished: what becomes of ids of the earlier bundle that today's data lack: their rows are
            kept, for the day they come back, or dropped.
        save_optimizer: write the optimizer's state into the bundle, so that a later training goes
            on with it.
    """

    vanished: Literal["keep", "drop"] = "keep"
    save_optimizer: bool = True
