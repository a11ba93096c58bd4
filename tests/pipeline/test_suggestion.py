"""Suggested recipes load and train, whatever the table."""

from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from turret import toml
from turret.bundle.bundle import Bundle
from turret.data import sources
from turret.data.roles import guess_roles
from turret.pipeline.suggestion import Suggestion, suggest
from turret.pipeline.training import train
from turret.recipe.data import Data
from turret.recipe.features.bag import Bag
from turret.recipe.features.history import History
from turret.recipe.recipe import Evaluation

N = 1500
NOUNS = np.array([f"noun{number}" for number in range(30)])


def events() -> pl.DataFrame:
    """A column of each kind, of users and of items, and some of neither."""
    rng = np.random.default_rng(0)
    user, item = rng.integers(0, 50, N), rng.integers(0, 30, N)
    titles = [" ".join(rng.choice(NOUNS, 5)) for _ in range(30)]
    tags = [rng.choice(NOUNS, 1 + number % 3, replace=False).tolist() for number in range(30)]
    vectors = rng.normal(size=(30, 4)).tolist()
    country = np.array(["NL", "PL", "BR"])[user % 3]
    # One user has moved.
    country[np.flatnonzero(user == 0)[:1]] = "PL"
    return pl.DataFrame(
        {
            "user": user,
            'the "film", Nº 1\\': item,
            "bought_at": [datetime(2024, 1, 1) + timedelta(hours=n) for n in range(N)],
            "stars": rng.integers(1, 6, N),
            "quantity": rng.integers(1, 90, N),
            "basket": rng.integers(0, 10**6, N),
            "country": country,
            "age": user * 3,
            "born": [datetime(1980, 1, 1) + timedelta(days=int(n)) for n in user],
            "same": ["x"] * N,
            "price": item / 4,
            "title": [titles[n] for n in item],
            "tags": [tags[n] for n in item],
            "vector": [vectors[n] for n in item],
            "kind\nof": np.array(["a # b", "c"])[item % 2],
        }
    )


def suggestion(path: Path, candidate_id: str | None = None) -> Suggestion:
    frame = sources.read(str(path))
    roles = guess_roles(frame, candidate_id=candidate_id).by_key()
    when = roles.get("timestamp")
    data = Data(
        files=str(path),
        query_id=roles["query_id"].column,
        candidate_id=roles["candidate_id"].column,
        timestamp=None if when is None else when.column,
    )
    return suggest(data, sources.load(data), roles=roles, events=frame)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Suggestion:
    path = tmp_path_factory.mktemp("data") / "events.parquet"
    events().write_parquet(path)
    return suggestion(path, candidate_id='the "film", Nº 1\\')


def test_every_column_is_accounted_for(found: Suggestion) -> None:
    said = {(one.table, one.column): one for one in found.columns}
    assert {column for _, column in said} == set(events().columns)
    uses = {key: one.use for key, one in said.items()}
    assert uses["interactions", "user"] == "query_id"
    assert uses["interactions", "bought_at"] == "timestamp"
    assert uses["interactions", "stars"] == "positive"
    assert uses["interactions", "quantity"] == "weight"
    assert uses["candidates", "kind\nof"] == "categorical"
    assert uses["queries", "same"] is None
    assert "the one value 'x'" in said["queries", "same"].why
    country = said["interactions", "country"]
    assert country.use is None
    assert "98.0% of the query ids have one value" in country.why
    assert said["interactions", "basket"].why.startswith("it differs within")
    for table, column, kind in (
        ("queries", "age", "number"),
        ("queries", "born", "timestamp"),
        ("candidates", "price", "number"),
        ("candidates", "title", "text"),
        ("candidates", "tags", "bag"),
        ("candidates", "vector", "vector"),
    ):
        assert said[table, column].use == kind


def test_the_recipe_says_why_and_says_it_in_comments(found: Suggestion) -> None:
    lines = found.text.splitlines()
    assert '# positive = "stars >= 3"  # ratings from 1 to 5; this keeps the better half' in lines
    assert '# weight = "quantity"  # numbers from 1 to 89' in lines
    assert (
        'timestamp = "bought_at"  # times from 2024-01-01 00:00:00 to 2024-03-03 11:00:00' in lines
    )
    assert 'kind = "temporal"  # trained on the past, judged by what came after it' in lines
    assert 'candidates = "all"  # all 30 compete in every step' in lines
    recipe = found.recipe
    assert recipe.data.candidate_id == 'the "film", Nº 1\\'
    assert [feature.key for feature in recipe.model.query.features] == ["user", "age", "born"]
    assert {"kind\nof", "tags"} < {feature.key for feature in recipe.model.candidate.features}
    assert Bag("tags", length=3) in recipe.model.candidate.features
    assert recipe.split.validation_fraction == 0.1
    assert recipe.train.early_stopping is not None
    assert toml.loads(toml.dumps(recipe)) == recipe


def test_it_trains(found: Suggestion, tmp_path: Path) -> None:
    recipe = found.recipe
    short = msgspec.structs.replace(recipe.train, epochs=1)
    recipe = msgspec.structs.replace(
        recipe, train=short, evaluation=Evaluation(ks=(5,), bootstrap=0, baselines=())
    )
    outcome = train(recipe, output=tmp_path / "bundle")
    assert Bundle.open(outcome.bundle).recipe == recipe
    assert outcome.report.pairs == 300


def test_a_history_is_there_to_be_switched_on(found: Suggestion) -> None:
    lines = found.text.splitlines()
    start = lines.index("# [[model.query.features]]")
    switched = [line.removeprefix("# ") for line in lines[start : start + 4]]
    recipe = toml.loads("\n".join([*lines[:start], *switched, *lines[start + 4 :]]))
    assert recipe.model.query.features[-1] == History(
        "history", table=f"candidate/{recipe.data.candidate_id}"
    )


def test_a_small_table_without_times(tmp_path: Path) -> None:
    path = tmp_path / "small.csv"
    path.write_text("who,what\n" + "".join(f"u{n % 5},i{n % 7}\n" for n in range(40)))
    found = suggestion(path)
    recipe = found.recipe
    assert (recipe.data.query_id, recipe.data.candidate_id) == ("what", "who")
    assert (recipe.split.kind, recipe.split.validation_fraction) == ("random", 0.0)
    assert recipe.train.early_stopping is None
    assert recipe.train.batch_size == 64


def test_times_that_cannot_divide_the_events_are_not_split_by(tmp_path: Path) -> None:
    path = tmp_path / "days.csv"
    rows = [f"u{n % 5},i{n % 7},2024-01-0{1 + (n == 0)}" for n in range(40)]
    path.write_text("user,item,date\n" + "\n".join(rows) + "\n")
    recipe = suggestion(path).recipe
    assert (recipe.data.timestamp, recipe.split.kind) == ("date", "random")


def test_a_large_catalogue_gets_the_loss_of_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turret.pipeline.suggestion._FEW_CANDIDATES", 100)
    data = Data(source="synthetic", query_id="user_id", candidate_id="item_id")
    found = suggest(data, sources.load(data, say=print), roles={})
    loss = found.recipe.loss
    assert (loss.candidates, getattr(loss, "logq")) == ("batch", "estimated")  # noqa: B009
    assert {one.column for one in found.columns} == {"user_id", "country", "item_id", "genre"}
