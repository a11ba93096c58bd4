import importlib.metadata
import json
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl
import pytest
import safetensors.numpy
from bundles import FILES, bundle_of, by_country, by_id, dataset, model

from turret import toml
from turret.bundle import bundle as bundle_module
from turret.bundle.bundle import Bundle, require_free
from turret.data.dataset import Dataset
from turret.errors import BundleError, MissingPartError
from turret.evaluation.parts import Figures
from turret.evaluation.report import Report
from turret.index import registry
from turret.recommender.recommender import Recommender


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return by_country().save(tmp_path_factory.mktemp("bundles") / "saved")


@pytest.fixture
def copied(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "copy"))


def files(path: Path) -> list[str]:
    return sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file())


def test_the_files_and_what_is_in_them(saved: Path) -> None:
    assert files(saved) == FILES
    assert json.loads((saved / "model.json").read_bytes()) == {
        "query_id": "user",
        "candidate_id": "film",
        "model": {
            "query": {
                "features": [feature("user"), feature("country")],
                "body": [],
            },
            "candidate": {"features": [feature("film")], "body": []},
            "embedding_dim": 8,
            "normalize": False,
        },
    }
    countries = pl.read_parquet(saved / "encoders" / "query-1.parquet")
    assert countries.to_dict(as_series=False) == {"id": ["no", "se"]}
    queries = pl.read_parquet(saved / "queries.parquet")
    assert queries.columns == ["user", "country"]
    data = dataset()
    assert pl.read_parquet(saved / "candidates.parquet").equals(data.candidates)
    seen = safetensors.numpy.load_file(saved / "seen.safetensors")
    indptr, rows = data.pairs_by_query()
    assert seen["indptr"].tolist() == indptr.tolist()
    assert seen["candidate_row"].tolist() == rows.tolist()
    assert seen["candidate_count"].sum() == 930
    vectors = safetensors.numpy.load_file(saved / "vectors.safetensors")
    trained = model(data, query=("user", "country"))
    assert np.array_equal(vectors["candidates"], trained.candidate_vectors(data.candidates))
    assert np.array_equal(vectors["queries"], trained.query_vectors(data.queries))
    assert np.array_equal(vectors["known_queries"], trained.known_queries(data.queries))


def feature(column: str) -> dict[str, object]:
    return {
        "kind": "categorical",
        "column": column,
        "name": None,
        "embedding_dim": None,
        "table": None,
        "min_count": 1,
        "max_size": None,
        "oov_buckets": 1,
        "hash_buckets": None,
        "learning_rate": 1.0,
        "dropout": 0.0,
    }


def test_nothing_in_it_is_a_pickle(saved: Path) -> None:
    for name in files(saved):
        assert (saved / name).read_bytes()[:1] != b"\x80", name


def test_opened_it_is_what_was_saved(saved: Path) -> None:
    left, right = by_country(), Bundle.open(saved)
    assert right.config == left.config
    assert (right.query_id, right.candidate_id) == ("user", "film")
    assert right.queries.equals(left.queries)
    assert right.candidates.equals(left.candidates)
    assert right.candidates.schema == left.candidates.schema
    assert right.arrays.keys() == left.arrays.keys()
    for name, array in left.arrays.items():
        assert np.array_equal(right.arrays[name], array), name
    for name in ("query_vectors", "known_queries", "seen_indptr", "seen_rows", "candidate_count"):
        assert np.array_equal(getattr(right, name), getattr(left, name)), name
    assert right.index.ids.to_list() == left.index.ids.to_list()
    assert right.provenance == left.provenance
    assert (right.recipe, right.report) == (None, None)


def test_provenance(saved: Path) -> None:
    provenance = json.loads((saved / "provenance.json").read_bytes())
    assert provenance["data_fingerprint"] == dataset().fingerprint()
    assert provenance["interactions"] == 930
    assert provenance["versions"]["turret"] == importlib.metadata.version("turret")
    assert provenance["seed"] is None


def test_recipe_and_report_are_kept(tmp_path: Path) -> None:
    report = Report(
        model=Figures(seen_included={"ndcg@1": 0.25}, seen_excluded={"ndcg@1": float("nan")}),
        intervals=None,
        baselines={},
        train=None,
        loss=None,
        queries=1,
        pairs=2,
        candidates=3,
        warnings=("small",),
        seconds=0.5,
    )
    data = dataset()
    recipe = toml.builtin("tutorial")
    path = bundle_module.write(
        tmp_path / "b",
        trained=model(data),
        dataset=data,
        index=by_id().index,
        recipe=recipe,
        report=report,
    )
    opened = Bundle.open(path)
    assert opened.recipe == recipe
    assert opened.report == report.to_dict()
    assert opened.provenance["seed"] == 42


def test_only_bundles_are_replaced(tmp_path: Path, copied: Path) -> None:
    assert require_free(tmp_path / "new") == tmp_path / "new"
    assert require_free(copied) == copied
    (tmp_path / "file").touch()
    for place in (tmp_path, tmp_path / "file"):
        with pytest.raises(BundleError, match="is not a bundle, so it is not overwritten"):
            require_free(place)
        with pytest.raises(BundleError, match="is not a bundle, so it is not overwritten"):
            by_id().save(place)
    assert by_id().save(copied) == copied
    assert Bundle.open(copied).query_encoder.columns == ("user",)


def test_an_index_of_other_candidates_is_refused() -> None:
    index = registry.build("exact", ids=["f1"], vectors=np.ones((1, 8), dtype=np.float32))
    data = dataset()
    with pytest.raises(BundleError, match="got '1 candidates', expected the 120 of the data"):
        Bundle.assemble(trained=model(data), dataset=data, index=index)
    with pytest.raises(BundleError, match="other candidates"):
        by_id().with_index(index)


def test_another_index_over_the_same_candidates(tmp_path: Path) -> None:
    bundle = by_id()
    index = registry.build("scann", ids=bundle.index.ids.to_list(), vectors=bundle.index.vectors)
    opened = Bundle.open(bundle.with_index(index).save(tmp_path / "b"))
    assert opened.index.kind == "scann"


def test_a_bundle_replaced_while_it_is_read_is_read_again(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = bundle_module.bundle_files.read_json

    def replaced_meanwhile(path: Path, kind: type[object]) -> object:
        monkeypatch.setattr(bundle_module.bundle_files, "read_json", read)
        by_id().save(copied)
        return read(path, kind)

    monkeypatch.setattr(bundle_module.bundle_files, "read_json", replaced_meanwhile)
    bundle = Bundle.open(copied)
    assert bundle.query_encoder.columns == ("user",)
    assert np.array_equal(bundle.query_vectors, by_id().query_vectors)


ANSWERS = """
def answers(recommender):
    calls = [
        recommender.recommend({"user": ["3"]}, 5),
        recommender.recommend({"user": list(range(45))}, 7, exclude_seen=True),
        recommender.recommend({"user": [3, 4, 99], "country": ["se", None, "no"]}, 130),
        recommender.similar(["f3", "f7"], 4),
    ]
    return [
        [hits.ids.tolist(), hits.scores.tobytes().hex(), hits.counts.tolist()] for hits in calls
    ]
"""
PRINT_ANSWERS = """
import json, sys
from turret.recommender.recommender import Recommender
print(json.dumps([answers(Recommender.load(path)) for path in sys.argv[1:]]))
"""


def test_another_process_answers_to_the_bit(tmp_path: Path) -> None:
    names: dict[str, object] = {}
    exec(ANSWERS, names)
    answers = cast("Callable[[Recommender], list[list[object]]]", names["answers"])
    data = dataset()
    trained = model(data, query=("user", "country"))
    here: list[list[list[object]]] = []
    paths: list[str] = []
    for kind, parameters in (
        ("exact", {}),
        ("scann", {}),
        ("scann", {"leaves": 6}),
        ("faiss", {}),
        ("faiss", {"lists": 2}),
    ):
        recommender = Recommender(bundle_of(data, trained, kind=kind, **parameters))
        here.append(answers(recommender))
        paths.append(str(recommender.save(tmp_path / str(len(paths)))))
    code = ANSWERS + PRINT_ANSWERS
    there = subprocess.run(
        [sys.executable, "-c", code, *paths], capture_output=True, text=True, timeout=120
    )
    assert there.stderr == ""
    assert json.loads(there.stdout) == here


def test_ids_in_any_unicode(tmp_path: Path) -> None:
    odd = [
        "",
        " ",
        "a\nb",
        "\x00",
        "na\u00efve",
        "nai\u0308ve",
        "日本",
        "🎬🏽",
        "\u202e",
        "NaN",
        "01",
    ]
    events = {"kö/../user": odd, "item\n": odd[::-1]}
    data = Dataset.from_frames(events, query_id="kö/../user", candidate_id="item\n")
    path = bundle_of(data, model(data, query=("kö/../user",))).save(tmp_path / "b ü\n🎬")
    recommender = Recommender.load(path)
    assert sorted(recommender.candidates["item\n"]) == sorted(odd)
    hits = recommender.recommend({"kö/../user": odd}, 11)
    memory = Recommender(bundle_of(data, model(data, query=("kö/../user",))))
    assert hits.ids.tolist() == memory.recommend({"kö/../user": odd}, 11).ids.tolist()
    assert not recommender.fallbacks({"kö/../user": odd}).any()
    seen = recommender.recommend({"kö/../user": odd}, 11, exclude_seen=True)
    assert [set(odd) - set(ids[:10]) for ids in seen.ids] == [{name} for name in odd[::-1]]


def test_opening_and_answering_by_id_needs_no_jax(saved: Path) -> None:
    code = """
import sys
from turret.recommender.recommender import Recommender
hits = Recommender.load(sys.argv[1]).recommend({"user": ["3"]}, 1)
print(hits.counts.tolist(), "jax" in sys.modules)
"""
    result = subprocess.run(
        [sys.executable, "-c", code, str(saved)], capture_output=True, text=True, timeout=60
    )
    assert result.stdout == "[1] False\n", result.stderr


def tensors_by_hand(path: Path) -> dict[str, tuple[str, list[int], bytes]]:
    """Reads safetensors as docs/bundle-format.md describes it, with nothing but `struct`."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    body = data[8 + length :]
    assert sum(end - begin for begin, end in (h["data_offsets"] for h in header.values())) == len(
        body
    )
    return {
        name: (entry["dtype"], entry["shape"], body[slice(*entry["data_offsets"])])
        for name, entry in header.items()
    }


def test_the_bytes_are_as_documented(saved: Path) -> None:
    bundle = by_country()
    assert tensors_by_hand(saved / "vectors.safetensors") == {
        "candidates": ("F32", [120, 8], bundle.index.vectors.astype("<f4").tobytes()),
        "queries": ("F32", [40, 8], bundle.query_vectors.astype("<f4").tobytes()),
        "known_queries": ("BOOL", [40], bytes(int(known) for known in bundle.known_queries)),
    }
    seen = tensors_by_hand(saved / "seen.safetensors")
    pairs = len(bundle.seen_rows)
    assert seen == {
        "indptr": ("I64", [41], bundle.seen_indptr.astype("<i8").tobytes()),
        "candidate_row": ("I32", [pairs], bundle.seen_rows.astype("<i4").tobytes()),
        "candidate_count": ("I64", [120], bundle.candidate_count.astype("<i8").tobytes()),
    }
    parameters = tensors_by_hand(saved / "parameters.safetensors")
    assert {name: shape for name, (_, shape, _) in parameters.items()} == {
        "tables/query/user": [40, 8],
        "tables/query/country": [3, 8],
        "tables/candidate/film": [1 + int((bundle.candidate_count > 0).sum()), 8],
    }


def test_every_file_is_documented(saved: Path, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "bundle-format.md").read_text(encoding="utf-8")
    index = registry.build(
        "scann", ids=[str(n) for n in range(120)], vectors=by_id().index.vectors, leaves=6
    )
    index.save(tmp_path)
    names = [*FILES, "recipe.toml", "report.json", *(path.name for path in tmp_path.iterdir())]
    for name in names:
        assert name.replace("query-1", "query-0") in page, name


def test_a_library_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = by_id()
    index = registry.build("faiss", ids=bundle.index.ids.to_list(), vectors=bundle.index.vectors)
    path = bundle.with_index(index).save(tmp_path / "b")
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingPartError, match=r"faiss is not installed.*'turret\[faiss\]'"):
        Bundle.open(path)
