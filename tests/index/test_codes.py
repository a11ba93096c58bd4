from pathlib import Path

import numpy as np
import pytest
import simsimd
from hypothesis import given
from hypothesis import strategies as st

from turret.errors import CandidateIndexError
from turret.index import registry
from turret.index.codes import Codes, Storage, kth_largest_at_least
from turret.index.exact import search_exactly


def test_codes_of_known_vectors() -> None:
    vectors = np.array([[1, -0.5], [0.25, 0]], dtype=np.float32)
    small = Codes.of(vectors, "int8")
    assert small.values.tolist() == [[127, -64], [32, 0]]
    assert small.scale == 1 / 127
    assert small.error == pytest.approx(abs(64 / 127 - 0.5))
    half = Codes.of(2 * vectors, "float16")
    assert (half.values.tolist(), half.scale, half.error) == ([[1, -0.5], [0.25, 0]], 2.0, 0.0)


@given(
    seed=st.integers(0, 2**32 - 1),
    storage=st.sampled_from(["int8", "float16"]),
    exponent=st.integers(-20, 20),
    k=st.integers(1, 30),
)
def test_the_best_are_among_the_contenders(
    seed: int, storage: Storage, exponent: int, k: int
) -> None:
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(60, 3000)), int(rng.integers(1, 40))
    lengths = np.exp(rng.normal(size=(n, 1)) * rng.choice([0.0, 1.0]))
    vectors = (rng.normal(size=(n, d)) * lengths * 10.0**exponent).astype(np.float32)
    query = rng.normal(size=d).astype(np.float32)
    mask = rng.random(n) < 0.7
    mask[:k] = True
    codes = Codes.of(vectors, storage)
    truth = search_exactly(vectors, query[None], k=k).rows[0]
    assert set(truth) <= set(codes.contenders(query, k, mask=None))
    among = np.flatnonzero(mask)
    truth = among[search_exactly(vectors[among], query[None], k=k).rows[0]]
    assert set(truth) <= set(codes.contenders(query, k, mask=mask))


@pytest.mark.parametrize("storage", ["int8", "float16"])
def test_few_are_left_of_many(storage: Storage) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50_000, 32)).astype(np.float32)
    left = Codes.of(vectors, storage).contenders(vectors[0], 10, mask=None)
    # Some processors add halves up as halves, and the bound is as wide as for bytes.
    precise = storage == "float16" and not simsimd.get_capabilities().get("sapphire")
    assert 10 <= left.shape[0] <= (15 if precise else 300)


def test_zero_vectors_and_queries() -> None:
    codes = Codes.of(np.zeros((3, 2), dtype=np.float32), "int8")
    assert codes.contenders(np.array([1, 2], dtype=np.float32), 1, mask=None).tolist() == [0, 1, 2]
    codes = Codes.of(np.eye(3, dtype=np.float32), "int8")
    assert codes.contenders(np.zeros(3, dtype=np.float32), 2, mask=None).tolist() == [0, 1, 2]


def test_the_bound_is_close_and_never_above() -> None:
    scores = np.random.default_rng(0).normal(size=100_000).astype(np.float32)
    for k in (1, 10, 300, 99_999, 100_000):
        last = np.sort(scores)[-k]
        assert np.count_nonzero(scores >= kth_largest_at_least(scores, k)) >= k
        assert kth_largest_at_least(scores, k) <= last
    assert np.count_nonzero(scores >= kth_largest_at_least(scores, 10)) < 20


@pytest.mark.parametrize("storage", ["int8", "float16"])
def test_saved_codes_stay_on_the_disk(storage: str, tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(500, 4)).astype(np.float32)
    ids = [str(row) for row in range(500)]
    registry.build("exact", ids=ids, vectors=vectors, storage=storage).save(tmp_path)
    codes = Codes.load(tmp_path)
    base = codes.values
    while isinstance(base.base, np.ndarray):
        base = base.base
    assert isinstance(base, np.memmap)
    assert codes.storage == storage


def test_damaged_codes_are_refused(tmp_path: Path) -> None:
    vectors = np.eye(4, dtype=np.float32)
    registry.build("exact", ids=list("abcd"), vectors=vectors, storage="int8").save(tmp_path)
    np.save(tmp_path / "codes.npy", np.zeros((4, 3), dtype=np.int8))
    with pytest.raises(CandidateIndexError, match=r"int8\[4, 3\].*int8\[4, 4\]"):
        registry.load(tmp_path, ids=list("abcd"), vectors=vectors)
    (tmp_path / "codes.npy").write_bytes(b"no array")
    with pytest.raises(CandidateIndexError, match=r"codes in .* cannot be read"):
        registry.load(tmp_path, ids=list("abcd"), vectors=vectors)


def test_there_is_no_such_storage() -> None:
    with pytest.raises(CandidateIndexError, match="storage"):
        registry.build("exact", ids=["a"], vectors=np.eye(1), storage="int4")
