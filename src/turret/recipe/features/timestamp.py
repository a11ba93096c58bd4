"""The feature `timestamp`: a moment a row."""

from collections.abc import Sequence
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from turret.recipe.checks import require
from turret.recipe.features.base import TabledColumn, refuse_keys_of_a_table, require_tabled

__all__ = ["Timestamp"]

Part = Literal["trend", "hour", "weekday", "month"]
_CYCLES: tuple[Part, ...] = ("hour", "weekday", "month")


class Timestamp(TabledColumn, frozen=True, kw_only=True, tag_field="kind", tag="timestamp"):
    """A feature of a column of times: where in the training range, and hour, weekday and month.

    The trend goes from -1 at the earliest training row to 1 at the latest, and stays there beyond
    them; it is projected. Hour, weekday and month are embedding rows, added up. A missing time has
    a vector of its own.

    Args:
        column: dates, date-times (without a zone: UTC), ISO 8601 text, or numbers in `unit`.
        name: as for `Categorical`.
        embedding_dim: as for `Categorical`.
        table: of hours, weekdays and months, as for `Categorical`.
        learning_rate: as for `Categorical`.
        unit: of numbers, counted from 1970 UTC.
        zone: the time zone, as the IANA calls it, in which it has that hour, weekday and month.
        parts: which of "trend", "hour", "weekday" and "month" are read.

    Example:
        >>> Timestamp("released", parts=["trend"]).has_table
        False
    """

    unit: Literal["s", "ms", "us", "ns"] = "s"
    zone: str = "UTC"
    parts: Sequence[Part] = ("trend", "hour", "weekday", "month")

    @property
    def cycles(self) -> tuple[Part, ...]:
        """The parts that come round again, each of which looks a row up."""
        return tuple(part for part in _CYCLES if part in self.parts)

    @property
    def has_table(self) -> bool:
        """Whether the feature looks rows of an embedding table up."""
        return len(self.cycles) > 0

    @property
    def rule(self) -> tuple[str, ...]:
        """Keys that say how the table is made: features that share it agree in them."""
        return ("parts", "zone")

    def __post_init__(self) -> None:
        """Keep a tuple and refuse impossible values."""
        require_tabled(self)
        msgspec.structs.force_setattr(self, "parts", tuple(self.parts))
        place, parts = f"feature {self.key!r}", self.parts
        require(len(parts) > 0, f"{place}: parts", parts, "at least one")
        require(len(set(parts)) == len(parts), f"{place}: parts", parts, "each once")
        require(_is_zone(self.zone), f"{place}: zone", self.zone, "such as Europe/Paris or UTC")
        if not self.has_table:
            refuse_keys_of_a_table(self, why="hour, weekday and month have one")


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True
