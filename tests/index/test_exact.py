from pathlib import Path

import numpy as np
import pytest
from contracts.index_contract import oracle, whole_numbers

from turret.errors import CandidateIndexError
from turret.index import registry
from turret.index.exact import search_exactly


def test_blocks_of_queries_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, queries = whole_numbers(40, 4, seed=1), whole_numbers(23, 4, seed=2)
    exclude = [np.array([number]) for number in range(23)]
    rows, scores = oracle(vectors, queries, 6, [[number] for number in range(23)])
    for scores_in_a_block in (1, 40, 7 * 40, 23 * 40):
        monkeypatch.setattr("turret.index.exact._BLOCK_SCORES", scores_in_a_block)
        hits = search_exactly(vectors, queries, k=6, exclude_rows=exclude)
        assert (hits.rows.tolist(), hits.scores.tolist()) == (rows, scores)


def test_there_is_no_such_kind() -> None:
    with pytest.raises(CandidateIndexError, match=r"got 'exakt', expected one of exact, scann"):
        registry.build("exakt", ids=["a"], vectors=np.eye(1))


def test_the_description_is_readable(tmp_path: Path) -> None:
    index = registry.build("exact", ids=["a", "b"], vectors=np.eye(2))
    index.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["index.json"]
    assert (tmp_path / "index.json").read_text() == (
        '{\n  "kind": "exact",\n  "size": 2,\n  "dim": 2,'
        '\n  "parameters": {\n    "storage": "float32"\n  }\n}\n'
    )
    (tmp_path / "index.json").write_text('{"kind": "exact", "size": 2}')
    with pytest.raises(CandidateIndexError, match="missing required field `dim`"):
        registry.load(tmp_path, ids=["a", "b"], vectors=np.eye(2))


def test_another_kind_is_refused(tmp_path: Path) -> None:
    registry.build("scann", ids=["a", "b"], vectors=np.eye(2)).save(tmp_path)
    exact = registry.build("exact", ids=["a", "b"], vectors=np.eye(2))
    with pytest.raises(CandidateIndexError, match="got 'scann', expected 'exact'"):
        exact.load(tmp_path, exact.candidates)
