"""What the benchmarks make of the purchases of Online Retail II."""

import importlib
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType

import numpy as np
import polars as pl
import pytest

from turret import toml

ROOT = Path(__file__).parents[2]
END = datetime(2011, 12, 9, 12, 50)
# Invoice, product, description, days before the end, quantity, price, customer.
ROWS = (
    ("1", "a", "cup", 200, 1, 2.0, 7),
    ("1", "a", "CUP", 200, 3, 2.5, 7),  # twice in one invoice
    ("2", "b", "pot", 140, 1, 1.0, 7),
    ("C3", "b", "pot", 130, -1, 1.0, 7),  # returned
    ("4", "c", "gift", 125, 1, 0.0, 8),  # given
    ("5", "b", "pot", 90, 1, 1.5, 8),
    ("6", "c", "jar", 30, 1, 4.0, 9),
    ("7", "a", "cup", 0, 1, 3.0, 8),
)


@pytest.fixture
def retail(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("retail")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    names = ("invoice", "stock_code", "description", "days", "quantity", "price", "customer_id")
    frame = pl.DataFrame(ROWS, schema=names, orient="row").with_columns(
        country=pl.lit("France"),
        invoice_date=pl.Series([END - timedelta(days=row[3]) for row in ROWS]),
    )
    frame.drop("days").write_parquet(tmp_path / "purchases.parquet")
    return tmp_path


def pairs(part) -> list[tuple[str, str]]:
    events = part.interactions
    queries, candidates = part.query_ids, part.candidate_ids
    rows = zip(events.query_row, events.candidate_row, strict=True)
    return [(queries[int(query)], candidates[int(candidate)]) for query, candidate in rows]


def test_the_last_sixty_days_are_the_test_part(retail: ModuleType, folder: Path) -> None:
    split = retail.parts(folder, validation=False, weight="weight_60")
    assert pairs(split.train) == [("7", "a"), ("7", "b"), ("8", "b")]
    assert pairs(split.test) == [("9", "c"), ("8", "a")]
    # 140, 80 and 30 days before the cut.
    want = [0.5 ** (days / 60) for days in (140, 80, 30)]
    np.testing.assert_allclose(split.train.interactions.weight, want, rtol=1e-6)
    table = split.train.candidates
    assert table["description"].to_list() == ["cup", "pot", "jar"]
    assert table["price"].to_list() == [2.0, 1.0, 4.0]


def test_the_validation_part_leaves_the_test_part_out(retail: ModuleType, folder: Path) -> None:
    split = retail.parts(folder, validation=True, weight="weight_240")
    assert pairs(split.train) == [("7", "a"), ("7", "b")]
    assert pairs(split.test) == [("8", "b")]
    # The cut is 120 days before the end.
    want = [0.5 ** (days / 240) for days in (80, 20)]
    np.testing.assert_allclose(split.train.interactions.weight, want, rtol=1e-6)


@pytest.mark.parametrize("name", ["retail-unseen", "retail-all"])
def test_the_recipes_read_what_is_made(retail: ModuleType, folder: Path, name: str) -> None:
    recipe = toml.load(ROOT / "recipes" / "benchmarks" / f"{name}.toml").settled()
    assert recipe.data.weight in retail.WEIGHTS
    split = retail.parts(folder, validation=False, weight=recipe.data.weight)
    cut = (END - timedelta(days=retail.DAYS)).isoformat()
    assert recipe.split.cut == cut
    assert len(split.train.interactions) == 3
