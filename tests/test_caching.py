from pathlib import Path

import pytest

from turret.caching import cache_folder
from turret.data.movielens_archive import movielens_cache


def test_the_users_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "turret"
    assert movielens_cache() == tmp_path / "turret" / "movielens"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "turret"
