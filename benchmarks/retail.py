"""Online Retail II of the UCI repository, split by time, as the benchmarks read it."""

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

import turret
from turret.data.parts import Split
from turret.recipe.data import Split as SplitSettings

__all__ = ["DAYS", "WEIGHTS", "parts"]

DAYS = 60
WEIGHTS = {f"weight_{days}": float(days) for days in (60, 120, 240)}
"""Columns of weights, by the days after which a purchase weighs half; never below a thousandth."""


def parts(folder: Path, *, validation: bool, weight: str) -> Split:
    """Purchases before a moment, and those of the `DAYS` after it.

    Returns and gifts are left out, and what an invoice has twice counts once. Of a customer the
    country is known, and of a product what a catalogue says on the day it is listed: its first
    description and price.

    Args:
        folder: where `purchases.parquet` is, with the columns `invoice`, `stock_code`,
            `description`, `quantity`, `invoice_date`, `price`, `customer_id` and `country`.
        validation: leave the last `DAYS` out, and take those before them for the test part.
        weight: one of `WEIGHTS`.

    Returns:
        The training part and the test part.
    """
    bought = pl.read_parquet(folder / "purchases.parquet")
    bought = bought.filter((pl.col("quantity") > 0) & (pl.col("price") > 0)).sort("invoice_date")
    end: datetime = bought["invoice_date"].max()  # pyright: ignore[reportAssignmentType]  # a time
    cut = end - timedelta(days=DAYS)
    if validation:
        bought = bought.filter(pl.col("invoice_date") < cut)
        cut -= timedelta(days=DAYS)
    events = bought.group_by("invoice", "stock_code", "customer_id").agg(
        pl.col("invoice_date").min().alias("time")
    )
    age = (pl.lit(cut) - pl.col("time")).dt.total_seconds() / 86400
    weights = (
        pl.max_horizontal(0.5 ** (age / days), 1e-3).alias(name) for name, days in WEIGHTS.items()
    )
    dataset = turret.Dataset.from_frames(
        events.with_columns(*weights).sort("time", "customer_id", "stock_code"),
        query_id="customer_id",
        candidate_id="stock_code",
        timestamp="time",
        weight=weight,
        queries=bought.group_by("customer_id").agg(pl.col("country").first()),
        candidates=bought.group_by("stock_code").agg(pl.col("description", "price").first()),
    )
    return turret.split(dataset, SplitSettings(kind="temporal", cut=cut.isoformat()))
