import json

import pytest
from cli.conftest import Turret, World

from turret.bundle.bundle import Bundle
from turret.cli.indexing import picture
from turret.index.tuning import Point
from turret.recipe.recipe import Index


def test_a_tuned_index_is_shown_and_drawn(turret: Turret, world: World) -> None:
    done = turret("index", world.bundle, "--target-recall", "0.9", "--k", "5", "--kind", "faiss")
    assert done.code == 0, done.err
    assert "recall@5" in done.out and "*" in done.out
    assert "recall@5 1.0000" in done.err
    told = json.loads(turret("index", world.bundle, "--target-recall", "1", "--json").out)
    assert (told["kind"], told["k"], told["chosen"]["recall"]) == ("scann", 100, 1.0)
    assert turret("verify", world.bundle).code == 0
    assert turret("index", world.bundle).code == 0


def test_a_target_out_of_range_is_refused(turret: Turret, world: World) -> None:
    done = turret("index", world.bundle, "--target-recall", "1.5")
    assert done.code == 1
    assert "target_recall: got 1.5, expected a number above 0, at most 1" in done.err


def test_parameters_of_the_kind_are_set(turret: Turret, world: World) -> None:
    done = turret("index", world.bundle, "--kind", "exact", "--set", "storage=int8")
    assert done.code == 0, done.err
    bundle = Bundle.open(world.bundle)
    assert bundle.index.settings == {"storage": "int8"}
    assert bundle.recipe is not None
    assert bundle.recipe.index == Index(kind="exact", parameters={"storage": "int8"})
    wrong = turret("index", world.bundle, "--kind", "faiss", "--set", "leaves=20")
    assert wrong.code == 1
    assert "no such index parameter: got 'leaves', expected one of lists" in wrong.err
    wrong = turret("index", world.bundle, "--kind", "exact", "--set", "storage=[1]")
    assert wrong.code == 2 and "--set: parameters" in wrong.err
    both = turret("index", world.bundle, "--target-recall", "0.9", "--set", "leaves=20")
    assert both.code == 2 and "leave --set out" in both.err
    assert turret("index", world.bundle).code == 0


def test_a_picture_of_three_choices() -> None:
    made = [Point(parameters={}, recall=r, p50_ms=t) for r, t in [(0.5, 1), (0.75, 2), (1, 4)]]
    lines = picture(made)
    assert [(line[:6], line[7:].rstrip()) for line in lines[:1]] == [
        ("1.0000", "|" + " " * 59 + "*")
    ]
    assert lines[11] == "0.5000 |*" + " " * 59
    assert lines[6].index("*") == 8 + 30
    assert lines[-1].split() == ["1.000", "4.000", "ms"]


def test_a_bundle_is_pushed_and_searched_there(turret: Turret, world: World) -> None:
    place = world.folder / "qdrant"
    pushed = turret("index", world.bundle, "--push", "qdrant", place, "--json")
    assert pushed.code == 0, pushed.err
    told = json.loads(pushed.out)
    assert (told["store"], told["collection"]) == ("qdrant", "small")
    assert (told["candidates"], told["written"], told["dim"], told["metric"]) == (30, 30, 8, "dot")
    assert told["columns"] == ["item", "country", "title"] and told["left_out"] == []
    again = turret("index", world.bundle, "--push", "qdrant", place)
    assert (again.code, again.out) == (0, "")
    assert f"as 'small', version {told['version']}: nothing was new." in again.err
    asked = ("recommend", world.bundle, "--query", "user=u3", "--exclude-seen", "--json")
    there = turret(*asked, "--search-in", "qdrant", place, "--where", "title <> 'Item 3, the'")
    here = turret(*asked, "--where", "title <> 'Item 3, the'")
    assert there.code == 0, there.err
    ids = [json.loads(done.out)[0]["ids"] for done in (there, here)]
    assert ids[0] == ids[1] and len(ids[0]) > 0


def test_pushing_used_wrongly(turret: Turret, world: World) -> None:
    place = world.folder / "no database"
    both = turret("index", world.bundle, "--push", "qdrant", place, "--kind", "exact")
    assert (both.code, "--push leaves the index" in both.err) == (2, True)
    alone = turret("index", world.bundle, "--collection", "x")
    assert (alone.code, "Give --push" in alone.err) == (2, True)
    unknown = turret("index", world.bundle, "--push", "milvus", place)
    assert (unknown.code, "there is no such vector database" in unknown.err) == (1, True)
    query = ("recommend", world.bundle, "--query", "user=u3")
    alone = turret(*query, "--collection", "x")
    assert (alone.code, "--search-in searches" in alone.err) == (2, True)
    nothing = turret(*query, "--search-in", "qdrant", place, "--collection", "x")
    assert (nothing.code, "does not hold the candidates" in nothing.err) == (1, True)


def test_workers_are_told_which_database(
    turret: Turret, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []

    def supervise(arguments: list[str], settings: object, *, workers: int) -> int:
        started.append(arguments)
        return 0

    monkeypatch.setattr("turret.serving.workers.supervise", supervise)
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    database = ("--search-in", "pgvector", "postgresql://db/films", "--collection", "films")
    assert turret("serve", world.bundle, "--workers", "2", *database).code == 0
    arguments = " ".join(started[0])
    assert "--search-in pgvector postgresql://db/films --collection films" in arguments
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
