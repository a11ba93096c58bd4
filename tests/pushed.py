"""Candidates that are pushed to vector databases."""

from datetime import date, datetime

import polars as pl
from contracts.index_contract import whole_numbers

from turret.index.candidates import Candidates

ODD = 'it\'s; DROP TABLE "x"'
NARROW = [0.1, 0.1, 1.5, -2.25, None, 0.30000001192092896]


def some(rows: range, *, dim: int = 4) -> Candidates:
    frame = pl.DataFrame({"year": [1980 + row for row in rows]})
    vectors = whole_numbers(max(rows) + 1, dim, seed=3)[list(rows)]
    return Candidates([f"f{row}" for row in rows], vectors, columns=frame)


def columns() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "year": [1990, 1999, None, 2000, -5, 1990],
            "kind": [ODD, "b", "é", None, "B", "a"],
            "seen": [True, False, None, True, False, None],
            "narrow": pl.Series(NARROW, dtype=pl.Float32),
            "wide": [0.1, 0.1 + 1e-17, 0.10000000149, -2.25, None, 0.2],
            "genres": [["Drama"], [], None, ["Drama", "War"], ["War"], ["drama"]],
            "codes": [[1, 2], [2], None, [], [3], [22]],
            "strange": [float("nan"), 1.0, 2.0, 3.0, None, float("inf")],
            "huge": [2**60, 2**60 + 1, 1, 2, None, 3],
            "day": [date(1999, 1, 2), None, *[date(2024, 2, 29)] * 4],
            "at": [datetime(1999, 1, 2, 3, 4, 5), None, *[datetime(2024, 2, 29)] * 4],
            "od d%": [1, 2, 3, 4, 5, 6],
            "blob": [b"1"] * 6,
            "nothing": [None] * 6,
            "_id": ["taken"] * 6,
        },
        strict=False,
    )
