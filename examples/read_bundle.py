"""Answers from a bundle with NumPy and safetensors alone: no Turret, no Parquet, no index library.

    python examples/read_bundle.py BUNDLE QUERY_ID [K]

prints the K best candidates that the query has not met, as `docs/bundle-format.md` describes them.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file


def verify(bundle: Path) -> None:
    """Refuse a bundle that is not as it was written."""
    manifest = json.loads((bundle / "manifest.json").read_bytes())
    if (manifest["format"], manifest["format_version"]) != ("turret-bundle", 1):
        raise SystemExit(f"{bundle} is not a bundle of version 1.")
    for name, entry in manifest["files"].items():
        if hashlib.sha256((bundle / name).read_bytes()).hexdigest() != entry["sha256"]:
            raise SystemExit(f"{bundle / name} is damaged.")


def texts(data: np.ndarray, indptr: np.ndarray) -> list[str]:
    """Ids: UTF-8, one after another."""
    raw = data.tobytes()
    return [raw[a:b].decode("utf-8") for a, b in zip(indptr[:-1], indptr[1:], strict=True)]


def recommend(bundle: Path, query: str, k: int) -> list[tuple[str, float]]:
    """The best candidates and their scores; of a query of which nothing is known, the popular."""
    ids, vectors, seen = (
        load_file(bundle / f"{n}.safetensors") for n in ("ids", "vectors", "seen")
    )
    queries = texts(ids["queries"], ids["queries_indptr"])
    row = queries.index(query) if query in queries else None
    scores = seen["candidate_count"].astype(np.float32)
    if row is not None and vectors["known_queries"][row]:
        scores = vectors["candidates"] @ vectors["queries"][row]
    met = slice(0, 0) if row is None else slice(*seen["indptr"][row : row + 2])
    left = np.setdiff1d(np.arange(len(scores)), seen["candidate_row"][met])
    best = left[np.argsort(-scores[left], kind="stable")[:k]]
    names = texts(ids["candidates"], ids["candidates_indptr"])
    return [(names[place], float(scores[place])) for place in best]


if __name__ == "__main__":
    place, asked, number = Path(sys.argv[1]), sys.argv[2], int((*sys.argv, "10")[3])
    verify(place)
    for name, score in recommend(place, asked, number):
        print(f"{score:.6f}\t{name}")
