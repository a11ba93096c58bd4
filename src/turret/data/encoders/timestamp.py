"""The encoder of `timestamp` features."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from jaxtyping import Bool, Float64

from turret.data.encoders.base import AnyEncoder, Encoder, Parts
from turret.data.encoders.states import kept_numbers
from turret.data.frames import timestamp_seconds
from turret.errors import DataError
from turret.recipe.features.timestamp import Timestamp

__all__ = ["FARTHEST", "TimestampEncoder"]

Seconds = Float64[np.ndarray, "_"]
_ROWS = 44
FARTHEST = 8e12
"""So many seconds a moment may be from 1970."""


@dataclass(frozen=True, eq=False)
class TimestampEncoder(Encoder[Timestamp, Seconds, Seconds]):
    """One moment a row.

    The table has rows 1 to 24 for the hours, 25 to 31 for Monday to Sunday, 32 to 43 for January to
    December; row 0 is not used.

    Attributes:
        feature: What is encoded.
        fitted: The earliest and the latest moment of the training rows, seconds since 1970, `[2]`.
    """

    meaning = ("parts", "zone")

    @classmethod
    def gathered(cls, feature: Timestamp, frame: pl.DataFrame) -> Seconds:
        """The earliest and the latest moment; none where all are missing."""
        seconds = _seconds(feature, frame)
        there = seconds[~np.isnan(seconds)]
        return np.array([there.min(), there.max()]) if len(there) else there

    @classmethod
    def fit(cls, feature: Timestamp, gathered: Sequence[Seconds]) -> Seconds:
        """The range of all."""
        seconds = np.concatenate(gathered)
        return np.array([seconds.min(), seconds.max()]) if len(seconds) else np.zeros(2)

    @classmethod
    def restored(cls, feature: Timestamp, state: pl.DataFrame) -> "TimestampEncoder":
        """The encoder whose `state()` is given."""
        names = ("earliest", "latest")
        moments = [kept_numbers(state, name, least=1, most=1)[0] for name in names]
        return cls(feature, np.array(moments))

    def state(self) -> pl.DataFrame:
        """One row: `earliest` and `latest`, seconds since 1970 UTC."""
        earliest, latest = self.fitted.tolist()
        return pl.DataFrame({"earliest": [earliest], "latest": [latest]})

    @property
    def num_rows(self) -> int:
        """One for each hour, weekday and month, and row 0."""
        return _ROWS if self.feature.has_table else 0

    @property
    def num_values(self) -> int:
        """The trend, and whether the time is missing."""
        return 2

    def encode(self, frame: pl.DataFrame) -> Parts:
        """The parts `values`, `[n, 2]`, and with cycles `rows`, `[n, cycles]`."""
        feature, seconds = self.feature, _seconds(self.feature, frame)
        missing = np.isnan(seconds)
        values = np.zeros((len(seconds), 2), np.float32)
        if "trend" in feature.parts:
            earliest, latest = self.fitted
            place = (seconds - earliest) / max(latest - earliest, 1e-9) * 2 - 1
            values[:, 0] = np.where(missing, 0.0, np.clip(place, -1, 1))
        values[:, 1] = missing
        if not feature.has_table:
            return {"values": values}
        local = _local(seconds, missing, zone=feature.zone).dt
        columns = {
            "hour": local.hour().cast(pl.Int32) + 1,
            "weekday": local.weekday().cast(pl.Int32) + 24,
            "month": local.month().cast(pl.Int32) + 31,
        }
        rows = np.stack([columns[part].to_numpy() for part in feature.cycles], axis=1)
        return {"values": values, "rows": np.where(missing[:, None], np.int32(-1), rows)}

    def known(self, parts: Parts) -> Bool[np.ndarray, " n"]:
        """Whether each row has a time."""
        return parts["values"][:, 1] == 0

    def after(self, earlier: AnyEncoder, *, vanished: Literal["keep", "drop"]) -> Seconds:
        """The range of the earlier training: its parameters belong to that."""
        return earlier.fitted


def _seconds(feature: Timestamp, frame: pl.DataFrame) -> Seconds:
    seconds = timestamp_seconds(frame[feature.column], unit=feature.unit)
    outside = np.abs(seconds) > FARTHEST
    if outside.any():
        raise DataError(
            f"column {feature.column!r} has a time that no calendar here reaches",
            got=f"{seconds[outside][0]:g} seconds since 1970",
            expected=f"at most {FARTHEST:g}",
            fix=f"Say the numbers' unit: it is {feature.unit!r} now.",
        )
    return seconds


def _local(seconds: Seconds, missing: Bool[np.ndarray, "_"], *, zone: str) -> pl.Series:
    """The moments in a time zone; any one where they are missing."""
    whole = np.where(missing, 0.0, np.floor(seconds)).astype(np.int64) * 1000
    moments = pl.Series(whole).cast(pl.Datetime("ms")).dt.replace_time_zone("UTC")
    try:
        return moments.dt.convert_time_zone(zone)
    except pl.exceptions.PolarsError as error:
        raise DataError(
            "the time zone is not known", got=zone, expected="such as Europe/Paris or UTC"
        ) from error
