"""Files of FAISS and ScaNN by strangers: none reaches the library that it could mislead."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turret.errors import CandidateIndexError, TurretError
from turret.index import registry
from turret.index.scann import ScannIndex

N, DIM = 60, 4
IDS = [str(row) for row in range(N)]
VECTORS = np.random.default_rng(3).normal(size=(N, DIM)).astype(np.float32)
HUGE = struct.pack("<Q", 1 << 60)


def saved(path: Path, kind: str, **parameters: Any) -> Path:
    registry.build(kind, ids=IDS, vectors=VECTORS, **parameters).save(path)
    return path


def load(path: Path):
    return registry.load(path, ids=IDS, vectors=VECTORS)


@pytest.mark.parametrize(
    ("name", "parameters"), [("lists.faiss", {"lists": 3}), ("graph.faiss", {"links": 4})]
)
def test_faiss_is_given_no_file_with_another_length_or_row(
    tmp_path: Path, name: str, parameters: dict[str, int]
) -> None:
    path = saved(tmp_path, "faiss", **parameters) / name
    whole = path.read_bytes()
    assert load(tmp_path).search_rows(VECTORS[:1], 1).rows.tolist() == [[0]]
    rng = np.random.default_rng(0)
    refused = 0
    for at in rng.integers(0, len(whole) - 8, 150).tolist():
        path.write_bytes(whole[:at] + HUGE + whole[at + 8 :])
        try:
            index = load(tmp_path)
        except TurretError as error:
            assert name in str(error)
            refused += 1
        else:
            # Only what the library takes for numbers of vectors can be anything: it then finds
            # others, and their scores are computed from the true vectors all the same.
            hits = index.search_rows(VECTORS[:1], 3)
            rows = hits.rows[0, : hits.counts[0]]
            assert np.array_equal(hits.scores[0, : len(rows)], VECTORS[rows] @ VECTORS[0])
    assert refused > 30
    for damaged in (b"", whole[:-1], whole + b"\0"):
        path.write_bytes(damaged)
        with pytest.raises(CandidateIndexError, match=name):
            load(tmp_path)


def test_a_link_of_the_graph_leads_to_a_candidate(tmp_path: Path) -> None:
    path = saved(tmp_path, "faiss", links=4) / "graph.faiss"
    whole = path.read_bytes()
    # The links stand before the entry point, as many as the last of the offsets says.
    flat = whole.index(b"IxFI")
    at = flat - 5 * 4 - 4
    for row in (N, -2, 2**31 - 1):
        path.write_bytes(whole[:at] + struct.pack("<i", row) + whole[at + 4 :])
        with pytest.raises(CandidateIndexError, match=r"graph\.faiss.*row that is none"):
            load(tmp_path)
    path.write_bytes(whole[: flat - 20] + struct.pack("<i", N) + whole[flat - 16 :])
    with pytest.raises(CandidateIndexError, match=r"graph\.faiss"):
        load(tmp_path)


def test_scann_reads_what_it_wrote_itself_and_nothing_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(tmp_path, "scann", leaves=3)
    built: list[int] = []
    make = ScannIndex.__dict__["_make"].__func__

    def counting(cls: type, candidates, settings):
        built.append(len(candidates))
        return make(cls, candidates, settings)

    monkeypatch.setattr(ScannIndex, "_make", classmethod(counting))
    load(tmp_path)
    assert N not in built
    (tmp_path / "scann_config.pb").write_bytes(b"")
    load(tmp_path)
    assert N in built


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("datapoint_to_token.npy", np.full(N, 3, dtype=np.int32)),
        ("datapoint_to_token.npy", np.full(N, -1, dtype=np.int32)),
        ("datapoint_to_token.npy", np.zeros(N, dtype=np.int64)),
        ("datapoint_to_token.npy", np.zeros(N - 1, dtype=np.int32)),
        ("hashed_dataset.npy", np.full((N, DIM), 16, dtype=np.uint8)),
        ("hashed_dataset.npy", np.zeros((N, 10 * DIM), dtype=np.uint8)),
        ("dataset.npy", np.zeros((N, DIM + 1), dtype=np.float32)),
        ("dataset.npy", np.zeros((N, DIM), dtype=np.float64)),
    ],
)
def test_arrays_of_scann_that_do_not_fit_are_named(
    tmp_path: Path, name: str, array: np.ndarray
) -> None:
    np.save(saved(tmp_path, "scann", leaves=3) / name, array)
    with pytest.raises(CandidateIndexError, match=name.replace(".", r"\.")):
        load(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04" + bytes(50),
        b"\x93NUMPY\x01\x00\x76\x00" + b"{'descr': '|O', 'fortran_order': False, 'shape': (60,)}\n",
        b"\x93NUMPY\x01\x00\x76\x00"
        + b"{'descr': '<i4', 'fortran_order': False, 'shape': (1152921504606846976,)}".ljust(117)
        + b"\n",
        b"\x93NUMPY\x01\x00\x76\x00" + b"(" * 117 + b"\n",
    ],
)
def test_headers_of_numpy_are_not_believed(tmp_path: Path, content: bytes) -> None:
    for place, kind, name, parameters in (
        (tmp_path / "a", "scann", "datapoint_to_token.npy", {"leaves": 3}),
        (tmp_path / "b", "exact", "codes.npy", {"storage": "int8"}),
    ):
        place.mkdir()
        saved(place, kind, **parameters)
        (place / name).write_bytes(content)
        with pytest.raises(CandidateIndexError, match="cannot be read"):
            load(place)
