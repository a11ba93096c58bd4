"""The sections `[data]` and `[split]` of a recipe."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from turret.errors import RecipeError
from turret.recipe.checks import (
    require,
    require_seed,
)

__all__ = ["Data", "Split"]


class Data(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where interactions come from and what their columns mean: the section `[data]`.

    Args:
        source: a data set known by name, such as `movielens-100k` or `synthetic`.
        files: a file, a folder, a glob, or several, of CSV, Parquet or JSON lines; instead of
            `source`. Paths are relative to the current folder.
        query_id: the column that says who asked.
        candidate_id: the column that says what was chosen.
        timestamp: the column that says when.
        timestamp_unit: the unit of that column when it holds numbers, counted from 1970 UTC.
        weight: the column that says how much an interaction counts.
        positive: a condition, such as `user_rating >= 4`; other interactions are left out.
        queries: a file with one row for each query, by `query_id`.
        candidates: a file with one row for each candidate, by `candidate_id`.
        query_arrays: further columns of that table of queries, of vectors: by their names .npy
            files, of which row `i` belongs to row `i` of the table.
        candidate_arrays: likewise of candidates.
    """

    query_id: str
    candidate_id: str
    source: str | None = None
    files: str | tuple[str, ...] | None = None
    timestamp: str | None = None
    timestamp_unit: Literal["s", "ms", "us", "ns"] = "s"
    weight: str | None = None
    positive: str | None = None
    queries: str | None = None
    candidates: str | None = None
    query_arrays: Mapping[str, str] | None = None
    candidate_arrays: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        if (self.source is None) == (self.files is None):
            got = "neither" if self.source is None else "both"
            raise RecipeError(
                "data.source, data.files",
                got=got,
                expected="exactly one of the two",
                fix='Write source = "movielens-100k" or files = "events/*.parquet".',
            )
        require(self.files not in ("", ()), "data.files", self.files, "at least one path")
        for key, table in (("query_arrays", "queries"), ("candidate_arrays", "candidates")):
            apart = getattr(self, key) is None or getattr(self, table) is not None
            require(apart, f"data.{key}", getattr(self, key), f"none without data.{table}")
        same = self.query_id == self.candidate_id
        require(not same, "data.candidate_id", self.candidate_id, "another column than query_id")


class Split(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which interactions are trained on and which are held back: the section `[split]`.

    Args:
        kind: by chance, by time, or each query's last interaction.
        test_fraction: the share of interactions held back for the test.
        validation_fraction: the share of all interactions held back beside the test part, to
            choose settings by.
        seed: decides what chance decides.
        cut: for `temporal`, the moment the test begins, instead of the fraction: an ISO date, or
            seconds since 1970 UTC.
        validation_cut: likewise for the validation part.
    """

    kind: Literal["random", "temporal", "leave_last_out"] = "random"
    test_fraction: float = 0.2
    validation_fraction: float = 0.0
    seed: int = 42
    cut: str | float | None = None
    validation_cut: str | float | None = None

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        test, validation = self.test_fraction, self.validation_fraction
        require(0 <= test < 1, "split.test_fraction", test, "at least 0 and below 1")
        held = test > 0 or self.kind == "leave_last_out" or self.cut is not None
        require(held, "split.test_fraction", test, "above 0: a model is judged on held-back data")
        require(
            0 <= validation < 1, "split.validation_fraction", validation, "at least 0 and below 1"
        )
        total = test + validation
        require(total < 1, "split.test_fraction + split.validation_fraction", total, "below 1")
        require_seed("split.seed", self.seed)
        for key in ("cut", "validation_cut"):
            cut = getattr(self, key)
            temporal = cut is None or self.kind == "temporal"
            require(temporal, f"split.{key}", cut, 'no cut unless split.kind is "temporal"')
