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
        part: the column that says to which part of a given split an interaction belongs.
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
    part: str | None = None
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
        kind: by chance, by time, each query's last interaction, as given with the data, or queries
            as a whole, of which a part is folded in.
        test_fraction: the share of interactions held back for the test; for `fold_in` of queries.
        validation_fraction: the share of all interactions held back beside the test part, to
            choose settings by.
        seed: decides what chance decides.
        cut: for `temporal`, the moment the test begins, instead of the fraction: an ISO date, or
            seconds since 1970 UTC.
        validation_cut: likewise for the validation part.
        test: for `given`, what `data.part` calls the interactions of the test.
        validation: likewise those of the validation part; all others are trained on.
        fold_in: for `fold_in`, the share of a held-out query's interactions that is shown.
    """

    kind: Literal["random", "temporal", "leave_last_out", "given", "fold_in"] = "random"
    test_fraction: float = 0.2
    validation_fraction: float = 0.0
    seed: int = 42
    cut: str | float | None = None
    validation_cut: str | float | None = None
    test: str = "test"
    validation: str | None = None
    fold_in: float = 0.8

    @property
    def has_validation(self) -> bool:
        """Whether a validation part is held back."""
        named = self.validation_cut is not None or self.validation is not None
        return self.validation_fraction > 0 or named

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        test, validation = self.test_fraction, self.validation_fraction
        require(0 <= test < 1, "split.test_fraction", test, "at least 0 and below 1")
        held = test > 0 or self.kind in ("leave_last_out", "given") or self.cut is not None
        require(held, "split.test_fraction", test, "above 0: a model is judged on held-back data")
        require(
            0 <= validation < 1, "split.validation_fraction", validation, "at least 0 and below 1"
        )
        total = test + validation
        require(total < 1, "split.test_fraction + split.validation_fraction", total, "below 1")
        require_seed("split.seed", self.seed)
        require(0 < self.fold_in < 1, "split.fold_in", self.fold_in, "above 0 and below 1")
        given = self.validation is None or self.kind == "given"
        require(given, "split.validation", self.validation, 'none unless split.kind is "given"')
        by_name = self.kind == "given" and validation > 0
        require(
            not by_name, "split.validation_fraction", validation, "0: a given split names its parts"
        )
        for key in ("cut", "validation_cut"):
            cut = getattr(self, key)
            temporal = cut is None or self.kind == "temporal"
            require(temporal, f"split.{key}", cut, 'no cut unless split.kind is "temporal"')
