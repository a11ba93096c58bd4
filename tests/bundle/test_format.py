"""A bundle made by `docs/bundle-format.md` alone, with nothing of Turret, is read and answers."""

import hashlib
import json
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from turret.bundle.bundle import Bundle
from turret.recommender.recommender import Recommender

USERS, FILMS = ["ann", "bo", "", "cæsar"], ["x", "y", "z"]
SEEN = [[0, 2], [], [1], [2]]
COUNT = [5, 1, 4]


def tensors(path: Path, arrays: dict[str, tuple[str, np.ndarray]]) -> None:
    header, body = {}, b""
    for name, (dtype, array) in arrays.items():
        raw = array.tobytes()
        offsets = [len(body), len(body) + len(raw)]
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": offsets}
        body += raw
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def of_categories(column: str) -> dict[str, object]:
    return {"kind": "categorical", "column": column}


def by_hand(place: Path) -> None:
    (place / "encoders").mkdir(parents=True)
    (place / "index").mkdir()
    rng = np.random.default_rng(0)
    tables = {name: rng.normal(size=(n, 2)).astype("<f4") for name, n in (("u", 5), ("f", 4))}
    tower = {"body": []}
    model = {
        "query": {"features": [of_categories("user")], **tower},
        "candidate": {"features": [of_categories("film")], **tower},
        "embedding_dim": 2,
        "normalize": False,
    }
    head = {"query_id": "user", "candidate_id": "film", "model": model}
    (place / "model.json").write_text(json.dumps(head))
    for name, column, ids in (("query", "user", USERS), ("candidate", "film", FILMS)):
        pq.write_table(pa.table({"id": ids}), place / f"encoders/{name}-0.parquet")
        table = "queries" if name == "query" else "candidates"
        pq.write_table(pa.table({column: ids}), place / f"{table}.parquet", compression="gzip")
    parameters = {"tables/query/user": tables["u"], "tables/candidate/film": tables["f"]}
    tensors(
        place / "parameters.safetensors",
        {name: ("F32", array) for name, array in parameters.items()},
    )
    tensors(
        place / "vectors.safetensors",
        {
            "known_queries": ("BOOL", np.array([1, 1, 1, 0], "u1")),
            "candidates": ("F32", tables["f"][1:]),
            "queries": ("F32", tables["u"][1:]),
        },
    )
    indptr = np.cumsum([0, *map(len, SEEN)]).astype("<i8")
    tensors(
        place / "seen.safetensors",
        {
            "indptr": ("I64", indptr),
            "candidate_row": ("I32", np.concatenate(SEEN).astype("<i4")),
            "candidate_count": ("I64", np.array(COUNT, "<i8")),
        },
    )
    index = {"kind": "exact", "size": 3, "dim": 2, "parameters": {}}
    (place / "index/index.json").write_text(json.dumps(index))
    (place / "provenance.json").write_text("{}")
    (place / "a later writer's.bin").write_bytes(b"\0")
    files = {
        path.relative_to(place).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in place.rglob("*")
        if path.is_file()
    }
    manifest = {"files": files, "format_version": 1, "format": "turret-bundle"}
    (place / "manifest.json").write_text(json.dumps(manifest))


def test_a_bundle_made_by_the_page_alone(tmp_path: Path) -> None:
    by_hand(tmp_path / "bundle")
    bundle = Bundle.open(tmp_path / "bundle")
    bundle.require_model()
    recommender = Recommender(bundle)
    hits = recommender.recommend({"user": ["bo", "ann", "cæsar", "nobody"]}, 3, exclude_seen=True)
    scores = bundle.query_vectors @ bundle.index.vectors.T
    assert hits.counts.tolist() == [3, 1, 2, 3]
    assert hits.ids[0].tolist() == [FILMS[row] for row in np.argsort(-scores[1])]
    assert np.allclose(hits.scores[0], np.sort(scores[1])[::-1], rtol=1e-6)
    # Seen ones are left out; of whom nothing is known, the largest counts are the answer.
    assert hits.ids[1].tolist() == ["y", None, None]
    assert hits.ids[2].tolist() == ["x", "y", None]
    assert hits.ids[3].tolist() == ["x", "z", "y"]
    # The towers give the vectors that are kept.
    vectors = bundle.trained.candidate_vectors(bundle.candidates)
    assert np.allclose(vectors, bundle.index.vectors, rtol=1e-6)
