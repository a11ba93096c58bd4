from pathlib import Path

import numpy as np
import pytest

from turret.errors import CandidateIndexError
from turret.index import registry
from turret.index.faiss import FaissIndex, FaissParameters

IDS = [str(row) for row in range(1000)]
VECTORS = np.random.default_rng(0).normal(size=(1000, 8)).astype(np.float32)


def test_settings_are_kept(tmp_path: Path) -> None:
    registry.build("faiss", ids=IDS, vectors=VECTORS, lists=10, lists_to_search=3).save(tmp_path)
    index = registry.load(tmp_path, ids=IDS, vectors=VECTORS)
    assert isinstance(index, FaissIndex)
    assert index.parameters == FaissParameters(
        lists=10, lists_to_search=3, links=0, breadth_of_build=200, breadth=200
    )


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    registry.build("faiss", ids=IDS, vectors=VECTORS, lists=10).save(tmp_path)
    (tmp_path / "lists.faiss").write_bytes(b"no lists")
    with pytest.raises(CandidateIndexError, match=r"lists\.faiss is not the file of this index"):
        registry.load(tmp_path, ids=IDS, vectors=VECTORS)


def test_more_lists_than_candidates_are_refused() -> None:
    with pytest.raises(CandidateIndexError, match="got 2000, expected at most 1000"):
        registry.build("faiss", ids=IDS, vectors=VECTORS, lists=2000)
