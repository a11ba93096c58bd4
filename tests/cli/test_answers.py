import json

import polars as pl
import pytest
from cli.conftest import Turret, World

from turret.recommender.recommender import Recommender


def test_answers_as_json(process: Turret, world: World) -> None:
    queries = ["user=u1", "user=nobody", '{"user": "nobody", "country": "PL"}']
    given = [word for query in queries for word in ("--query", query)]
    done = process("recommend", world.bundle, *given, "-k", "4", "--json")
    assert done.code == 0, done.err
    answers = json.loads(done.out)
    assert [answer["query"] for answer in answers] == [
        {"user": "u1"},
        {"user": "nobody"},
        {"user": "nobody", "country": "PL"},
    ]
    assert [answer["fallback"] for answer in answers] == [False, True, False]
    recommender = Recommender.load(world.bundle)
    for answer in answers:
        hits = recommender.recommend({name: [v] for name, v in answer["query"].items()}, 4)
        assert answer["ids"] == hits.ids[0].tolist()
        assert answer["scores"] == pytest.approx(hits.scores[0].tolist(), rel=1e-6)


def test_lists_are_as_long_as_there_are_answers(turret: Turret, world: World) -> None:
    call = ("recommend", world.bundle, "--query", "user=u1", "-k", "1000", "--json")
    everything = json.loads(turret(*call).out)[0]["ids"]
    unseen = json.loads(turret(*call, "--exclude-seen").out)[0]["ids"]
    assert len(everything) == len(set(everything)) == 30
    huge = turret("recommend", world.bundle, "--query", "user=u1", "-k", 10**12, "--json")
    assert json.loads(huge.out)[0]["ids"] == everything
    huge = turret("similar", world.bundle, "--candidate", "i2", "-k", 10**12, "--json")
    assert len(json.loads(huge.out)[0]["ids"]) == 29
    # Of its own half u1 met every item in training, of the other half none.
    assert sorted(unseen) == sorted(f"i{number}" for number in range(0, 30, 2))


def test_answers_as_a_table_with_what_describes_them(turret: Turret, world: World) -> None:
    done = turret("recommend", world.bundle, "--query", "user=nobody", "-k", "2")
    assert done.code == 0
    assert done.out.startswith("For user=nobody:")
    assert "title" in done.out and "Item" in done.out
    assert "most popular" in done.err and "most popular" not in done.out


@pytest.mark.parametrize("name", ["all.parquet", "all.jsonl", "all.csv"])
def test_every_known_query_into_a_file(turret: Turret, world: World, name: str) -> None:
    done = turret("recommend", world.bundle, "--all", "-k", "3", "--output", name, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out) == {"output": name, "queries": 40}
    readers = {"parquet": pl.read_parquet, "jsonl": pl.read_ndjson, "csv": pl.read_csv}
    table = readers[name.partition(".")[2]](world.folder / name)
    assert table.columns == ["user", "rank", "item", "score", "fallback"]
    assert table.height == 120
    recommender = Recommender.load(world.bundle)
    hits = recommender.recommend(recommender.queries.select("user"), 3)
    assert table["item"].to_list() == hits.ids.ravel().tolist()
    assert table["rank"].to_list() == [1, 2, 3] * 40
    assert not list(world.folder.glob(f".{name}*"))


def test_similar(turret: Turret, world: World) -> None:
    done = turret("similar", world.bundle, "--candidate", "i2", "--candidate", "i3", "--json")
    assert done.code == 0, done.err
    answers = json.loads(done.out)
    assert [answer["candidate"] for answer in answers] == ["i2", "i3"]
    assert all(len(answer["ids"]) == 10 and answer["fallback"] is False for answer in answers)
    hits = Recommender.load(world.bundle).similar(["i2", "i3"])
    assert [answer["ids"] for answer in answers] == hits.ids.tolist()
    assert "Like i2:" in turret("similar", world.bundle, "--candidate", "i2").out


def test_only_what_fulfils_a_condition(turret: Turret, world: World) -> None:
    call = ("recommend", world.bundle, "--query", "user=u1", "--json", "--where")
    answer = json.loads(turret(*call, "item in ('i3', 'i4')").out)[0]
    assert sorted(answer["ids"]) == ["i3", "i4"]
    refused = turret(*call, "genre = 1")
    assert refused.code == 2
    assert "where names a column that is not there" in refused.err
    done = turret("recommend", world.bundle, "--all", "--output", "w.csv", "--where", "item = 'i3'")
    assert done.code == 0, done.err
    assert set(pl.read_csv(world.folder / "w.csv")["item"]) == {"i3"}
