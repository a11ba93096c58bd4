import json
import shutil

from cli.conftest import Turret, World, events

from turret.bundle.bundle import Bundle


def test_judging_again_gives_the_same_figures(process: Turret, world: World) -> None:
    done = process("evaluate", world.bundle, "--json")
    assert done.code == 0, done.err
    report = json.loads(done.out)
    stored = Bundle.open(world.bundle).report
    assert stored is not None
    for part in ("model", "intervals", "train", "loss", "queries", "pairs", "candidates"):
        assert report[part] == stored[part], part
    assert report["warnings"] == stored["warnings"]
    assert set(report["baselines"]["popularity"]) == {"seen_included", "seen_excluded", "seconds"}


def test_judging_by_other_interactions(process: Turret, world: World) -> None:
    extra = events().tail(200).with_columns(item=events()["item"].tail(200).replace("i4", "new"))
    extra.write_csv(world.folder / "later.csv")
    done = process("evaluate", world.bundle, "--data", "later.csv", "--json")
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert "top_k_accuracy@5" in process("evaluate", world.bundle, "--data", "later.csv").out
    lost = extra.filter(extra["item"] == "new").height
    assert lost > 0
    assert report["pairs"] == 200 - lost
    assert report["candidates"] == 30
    assert report["warnings"][-1].startswith(f"{lost} test pairs are of candidates")


def test_changed_data_are_noticed(process: Turret, world: World) -> None:
    kept = world.folder / "kept.csv"
    shutil.copy(world.folder / "events.csv", kept)
    try:
        events().head(2900).write_csv(world.folder / "events.csv")
        report = json.loads(process("evaluate", world.bundle, "--json").out)
    finally:
        kept.replace(world.folder / "events.csv")
    assert report["warnings"][-1] == "The data have changed since the training."


def test_the_report_is_written_as_json_and_as_a_page(turret: Turret, world: World) -> None:
    beside = world.bundle.with_name("small.report")
    # Another judgement may have taken the place of the training's, which the bundle keeps.
    assert json.loads((beside / "report.json").read_text())["warnings"]
    trained = json.loads((world.bundle / "report.json").read_text())
    assert [one["epoch"] for one in trained["epochs"]] == [1, 2]
    assert trained["data"]["training_interactions"] == 2400
    assert "<h1>small</h1>" in (beside / "report.html").read_text()
    assert "report.html" in world.training.err
    done = turret("evaluate", world.bundle, "--output", world.folder / "judged", "--json")
    assert done.code == 0, done.err
    again = json.loads((world.folder / "judged" / "report.json").read_text())
    assert again == json.loads(done.out)
    assert again["epochs"] == trained["epochs"]
    assert [path.name for path in sorted((world.folder / "judged").iterdir())] == [
        "report.html",
        "report.json",
    ]


def test_bundles_side_by_side(turret: Turret, world: World) -> None:
    copy = world.folder / "twin"
    shutil.copytree(world.bundle, copy)
    done = turret("compare", world.bundle, copy, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert set(found["models"]) == {"small", "twin"}
    assert {test["p"] for test in found["differences"]["twin"]["seen_included"].values()} == {1.0}
    assert "twin - small, seen excluded" in turret("compare", world.bundle, copy).out
    done = turret("compare", world.bundle)
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "Error: Invalid value for BUNDLE BUNDLE ...: two bundles or more are compared. "
        "See 'turret compare --help'.\n"
    )


def test_another_index_in_place_of_the_old_one(turret: Turret, world: World) -> None:
    copy = world.folder / "copy"
    shutil.copytree(world.bundle, copy)
    done = turret("index", copy, "--kind", "faiss", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out) == {"bundle": str(copy), "kind": "faiss", "candidates": 30}
    bundle = Bundle.open(copy)
    assert bundle.index.kind == "faiss"
    assert bundle.recipe is not None and bundle.recipe.index.kind == "faiss"
    call = ("--query", "user=u1", "-k", "5", "--json")
    one = json.loads(turret("recommend", world.bundle, *call).out)
    other = json.loads(turret("recommend", copy, *call).out)
    assert one[0]["ids"] == other[0]["ids"]


def test_a_whole_bundle_and_a_damaged_one(turret: Turret, world: World) -> None:
    done = turret("verify", world.bundle)
    assert (done.code, done.err) == (0, "")
    assert "is whole: " in done.out
    copy = world.folder / "damaged"
    shutil.copytree(world.bundle, copy)
    with (copy / "vectors.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\xff")
    done = turret("verify", copy)
    assert (done.code, done.out) == (1, "")
    assert "vectors.safetensors is damaged" in done.err


def test_the_card(turret: Turret, world: World) -> None:
    done = turret("card", world.bundle)
    assert done.code == 0, done.err
    name = world.bundle.name
    assert f"\n# {name}\n" in done.out and done.out.startswith('---\nlicense: "unknown"\n')
    report = Bundle.open(world.bundle).report
    assert report is not None
    ndcg = report["model"]["seen_excluded"]["ndcg@5"]  # pyright: ignore[reportIndexIssue]
    assert f"| ndcg\\@5 | {ndcg:.4f} |" in done.out.replace("**", "")
    file = world.folder / "README.md"
    done = turret("card", world.bundle, "--output", file, "--license", "mit")
    assert (done.code, done.out) == (0, "")
    assert file.read_text(encoding="utf-8").startswith('---\nlicense: "mit"\n')
    file.unlink()


def test_the_doctor(turret: Turret) -> None:
    found = json.loads(turret("doctor", "--json").out)
    assert set(found) == {"system", "versions", "devices", "optional"}
    assert found["versions"]["turret"] is not None
    assert "Optional parts" in turret("doctor").out
