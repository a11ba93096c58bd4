"""A comparison of models on the same test, as a value, as JSON and as a table."""

from typing import cast

import msgspec

from turret.evaluation.metrics.figures import TOP_K_ACCURACY
from turret.evaluation.parts import Differences, Figures
from turret.evaluation.plain import none_for_nan
from turret.evaluation.table import Breakdown, Column, draw, rows_of

__all__ = ["Comparison"]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of several models on the same test pairs, and paired tests against the first.

    Args:
        models: the figures of each model by its name, in the order given.
        differences: by how much each other model is above the first, by its name.
        queries: how many queries the test has.
        pairs: how many test pairs.
        candidates: how many candidates are ranked.
        warnings: sentences on what to be careful about.

    Example:
        >>> both = Figures(seen_included={"ndcg@20": 0.25}, seen_excluded={})
        >>> one = Comparison(models={"a": both}, differences={}, queries=9, pairs=20, candidates=5)
        >>> print(one.to_table(plain=True))
        Seen candidates included       a
        ndcg@20                   0.2500
        <BLANKLINE>
        20 test pairs of 9 queries, ranked among 5 candidates
    """

    models: dict[str, Figures]
    differences: dict[str, Differences]
    queries: int
    pairs: int
    candidates: int
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Turns the comparison into plain values; a figure that is NaN becomes None."""
        return cast("dict[str, object]", none_for_nan(msgspec.to_builtins(self)))

    def to_table(self, *, plain: bool | None = None) -> str:
        """Draws the figures side by side, then the tests.

        Shown are the top-k accuracy at every `k` and the other metrics at one, 20 if it is there;
        all figures are in `to_dict`.

        Args:
            plain: without lines and colours; None: when standard output is not a terminal.

        Returns:
            Text of several lines, to be printed.
        """
        columns = [
            Column(
                name,
                {"seen_included": each.seen_included, "seen_excluded": each.seen_excluded},
                rival=True,
            )
            for name, each in self.models.items()
        ]
        note = (
            f"{self.pairs:,} test pairs of {self.queries:,} queries, "
            f"ranked among {self.candidates:,} candidates"
        )
        return draw(
            columns,
            breakdowns=self._tests(),
            notes=[note],
            warnings=self.warnings,
            plain=plain,
        )

    def _tests(self) -> list[Breakdown]:
        """One table for each other model and view."""
        found: list[Breakdown] = []
        first = next(iter(self.models))
        for name, each in self.differences.items():
            for seen, tests in (("included", each.seen_included), ("excluded", each.seen_excluded)):
                shown = [one for one in rows_of(tests) if not one.startswith(TOP_K_ACCURACY)]
                rows = [
                    (one, None, (d.difference, d.low, d.high, d.p))
                    for one in shown
                    for d in (tests[one],)
                ]
                if rows:
                    title = f"{name} - {first}, seen {seen}"
                    heads = ("difference", "95% from", "to", "p")
                    found.append(Breakdown(title, heads, rows, best=False))
        return found
