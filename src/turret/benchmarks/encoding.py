"""The benchmark `encoding`: rows of six columns from Parquet files to arrays, block by block."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl

from turret.benchmarks.machine import machine
from turret.benchmarks.memory import can_measure, peak_of
from turret.data.encoders.kinds import encoder_class
from turret.data.encoders.tower import TowerEncoder
from turret.recipe.checks import require
from turret.recipe.features.bag import Bag
from turret.recipe.features.categorical import Categorical
from turret.recipe.features.feature import Feature
from turret.recipe.features.number import Number
from turret.recipe.features.text import Text
from turret.recipe.features.timestamp import Timestamp

__all__ = ["EncodingSettings", "run"]

_FEATURES: tuple[Feature, ...] = (
    Categorical("user"),
    Categorical("country", hash_buckets=4096),
    Number("age"),
    Number("price", encoding="buckets"),
    Timestamp("joined", zone="Europe/Paris"),
    Bag("genres", length=4),
)
_TEXT: tuple[Feature, ...] = (
    Text("title", name="words", characters=[]),
    Text("title", name="characters", words=[]),
)
_WORDS = 20_000


class EncodingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is encoded.

    Args:
        rows: rows in all.
        block: rows in a file, and rows encoded at once.
        users: distinct values of the largest vocabulary.
        text_rows: titles of five words, which are measured apart.
    """

    rows: int = 10_000_000
    block: int = 1_000_000
    users: int = 1_000_000
    text_rows: int = 100_000

    def __post_init__(self) -> None:
        """Refuse sizes that cannot be."""
        for field in msgspec.structs.fields(self):
            value = getattr(self, field.name)
            require(value >= 1, field.name, value, "at least 1")


def run(settings: EncodingSettings, *, say: Callable[[str], None]) -> dict[str, dict[str, Any]]:
    """Measure.

    Args:
        settings: what is encoded.
        say: told what is being measured.

    Returns:
        `figures`: `rows_per_second`, of a category of many values, a hashed one, a number, one in
        ranges, a time and a bag of three values, the reading of the files in it; `peak_mb`, beside
        what the encoders hold (where the system tells); and `words_per_second` and
        `characters_per_second`, titles of five words as n-grams of one and two words, and of three
        and four characters. `machine` and `settings`.
    """
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        say(f"Drawing {settings.rows:,} rows of six columns")
        files = _write(Path(folder), settings, rng)
        encoder = _fitted(_FEATURES, pl.read_parquet(files[0]))
        seconds = [0.0]

        def encode() -> None:
            start = time.perf_counter()
            for file in files:
                encoder.encode(pl.read_parquet(file))
            seconds[0] = time.perf_counter() - start

        say("Encoding them")
        peak = peak_of(encode) if can_measure() else None
        if peak is None:
            encode()
    figures: dict[str, float | None] = {
        "rows_per_second": settings.rows / seconds[0],
        "peak_mb": peak,
    }
    say(f"Encoding {settings.text_rows:,} titles")
    titles = _titles(settings.text_rows, rng)
    for feature in _TEXT:
        one = _fitted((feature,), titles)
        start = time.perf_counter()
        one.encode(titles)
        elapsed = time.perf_counter() - start
        figures[f"{feature.key}_per_second"] = settings.text_rows / elapsed
    return {
        "figures": figures,
        "machine": machine(),
        "settings": msgspec.to_builtins(settings),
    }


def _write(folder: Path, settings: EncodingSettings, rng: np.random.Generator) -> list[Path]:
    files: list[Path] = []
    for start in range(0, settings.rows, settings.block):
        n = min(settings.block, settings.rows - start)
        files.append(folder / f"{start:012}.parquet")
        _table(n, users=settings.users, rng=rng).write_parquet(files[-1])
    return files


def _table(n: int, *, users: int, rng: np.random.Generator) -> pl.DataFrame:
    def named(prefix: str, high: int, size: int) -> pl.Series:
        return pl.Series(rng.integers(0, high, size)).cast(pl.String).str.zfill(7) + prefix

    genres = pl.DataFrame({"row": np.repeat(np.arange(n), 3), "genre": named("-genre", 500, 3 * n)})
    return pl.DataFrame(
        {
            "user": named("-user", users, n),
            "country": named("-country", 200, n),
            "age": rng.normal(40, 10, n),
            "price": rng.lognormal(2, 1, n),
            "joined": pl.Series(rng.integers(15 * 10**8, 17 * 10**8, n) * 1000).cast(
                pl.Datetime("ms")
            ),
            "genres": genres.group_by("row", maintain_order=True).agg("genre")["genre"],
        }
    )


def _titles(n: int, rng: np.random.Generator) -> pl.DataFrame:
    # Words of real lengths: five letters on average.
    letters = np.array(list("etaoinshrdlu"))
    words = np.array(["".join(rng.choice(letters, 2 + rng.poisson(3))) for _ in range(_WORDS)])
    columns = [pl.Series(words[rng.integers(0, _WORDS, n)]) for _ in range(5)]
    frame = pl.DataFrame({f"word {place}": column for place, column in enumerate(columns)})
    return frame.select(pl.concat_str(pl.all(), separator=" ").alias("title"))


def _fitted(features: tuple[Feature, ...], frame: pl.DataFrame) -> TowerEncoder:
    encoders = {}
    for feature in features:
        kind = encoder_class(feature)
        encoders[feature.key] = kind(feature, kind.fit(feature, [kind.gathered(feature, frame)]))
    return TowerEncoder("candidate", features, encoders)
