"""The feature `timestamp`.

Calendars are sums here: a time zone is a table of offsets and of when each begins, and the month
comes out of the number of days by whole divisions. All of it is exact in float64 for the moments
that the feature reads.
"""

from functools import lru_cache
from typing import NamedTuple, TypeVar

import numpy as np
import polars as pl
from jaxtyping import Float64, Int64

from turret.data.encoders.timestamp import FARTHEST, TimestampEncoder
from turret.data.frames import UNITS_PER_SECOND
from turret.export.columns import in_seconds
from turret.export.features.parts import Parts, column
from turret.export.graph import Graph, Value
from turret.export.rows import Rows

__all__ = ["Offsets", "offsets", "timestamp"]

V = TypeVar("V", bound=Value)
_DAY = 86_400
# Zones have no change before, and follow no rule after.
_FIRST, _LAST = -8_000_000_000, 20_000_000_000


class Offsets(NamedTuple):
    """What a time zone adds to UTC.

    Attributes:
        starts: when each offset but the first begins, seconds since 1970 UTC, ascending.
        seconds: the offsets.
    """

    starts: Float64[np.ndarray, " changes"]
    seconds: Float64[np.ndarray, " changes+1"]


@lru_cache(maxsize=64)
def offsets(zone: str) -> Offsets:
    """The offsets of a time zone, as Polars has them.

    Args:
        zone: as the IANA calls it.

    Returns:
        Every offset from the beginning to the end of time.

    Example:
        >>> offsets("Asia/Tokyo").seconds[-1] / 3600
        np.float64(9.0)
    """
    days = np.arange(_FIRST, _LAST, _DAY, dtype=np.int64)
    daily = _offset(days, zone)
    changes = np.flatnonzero(np.diff(daily))
    before, after = days[changes], days[changes + 1]
    while (after - before > 1).any():
        middle = (before + after) // 2
        same = _offset(middle, zone) == daily[changes]
        before, after = np.where(same, middle, before), np.where(same, after, middle)
    seconds = np.append(daily[:1], daily[changes + 1])
    return Offsets(after.astype(np.float64), seconds.astype(np.float64))


def timestamp(rows: Rows[V], encoder: TimestampEncoder) -> Parts[V]:
    """Where in the training range, whether it is missing, and hour, weekday and month."""
    graph, feature = rows.graph, encoder.feature
    given = rows.number(feature.column)
    if not in_seconds(rows.side.table[feature.column]):
        given = given / UNITS_PER_SECOND[feature.unit]
    known = graph.abs(given) <= FARTHEST
    there = graph.cast(known, "float64")
    seconds = graph.where(known, given, 0.0)
    trend = there * 0.0
    if "trend" in feature.parts:
        earliest, latest = encoder.fitted.tolist()
        place = (seconds - earliest) / max(latest - earliest, 1e-9) * 2.0 - 1.0
        trend = graph.clip(place, -1.0, 1.0) * there
    values = graph.concat([column(graph, trend), column(graph, there * -1.0 + 1.0)], axis=1)
    values = graph.cast(values, "float32")
    if not feature.has_table:
        return Parts(known, values=values)
    local = _local(graph, graph.floor(seconds), offsets(feature.zone))
    days = graph.floor(local / _DAY)
    found = {
        "hour": graph.floor((local - days * _DAY) / 3600) + 1,
        "weekday": _modulo(graph, days + 3, 7) + 25,
        "month": _month(graph, days) + 31,
    }
    read = graph.concat([column(graph, found[part]) for part in feature.cycles], axis=1)
    cycles = graph.cast(read * column(graph, there), "int64")
    weights, number = graph.cast(cycles > 0, "float32"), len(feature.cycles)
    return Parts(known, rows=cycles, weights=weights, pooled=number, values=values)


def _offset(seconds: Int64[np.ndarray, " n"], zone: str) -> Int64[np.ndarray, " n"]:
    """What a zone adds to UTC at some moments, in seconds."""
    moments = pl.Series(seconds * 1000).cast(pl.Datetime("ms")).dt.replace_time_zone("UTC")
    local = moments.dt.convert_time_zone(zone).dt.replace_time_zone(None)
    return local.to_physical().to_numpy() // 1000 - seconds


def _local(graph: Graph[V], seconds: V, zone: Offsets) -> V:
    """Whole seconds of UTC in local time."""
    if len(zone.starts) == 0:
        return seconds + float(zone.seconds[0])
    begun = graph.cast(column(graph, seconds) >= graph.constant(zone.starts[None, :]), "int64")
    return seconds + graph.gather(graph.constant(zone.seconds), graph.sum(begun, axis=1))


def _modulo(graph: Graph[V], x: V, divisor: int) -> V:
    """What is left of whole numbers, from 0."""
    return x - graph.floor(x / divisor) * divisor


def _month(graph: Graph[V], days: V) -> V:
    """The month, from 1, of a number of days since 1970.

    Years begin in March here, so that the day that some years lack is their last.

    Reference:
        Hinnant, "chrono-compatible low-level date algorithms", 2014.
    """
    day = _modulo(graph, days + 719_468, 146_097)
    leaps = graph.floor(day / 1460) - graph.floor(day / 36_524) + graph.floor(day / 146_096)
    year = graph.floor((day - leaps) / 365)
    passed = day - (year * 365 + graph.floor(year / 4) - graph.floor(year / 100))
    month = graph.floor((passed * 5 + 2) / 153)
    return graph.where(month < 10, month + 3, month - 9)
