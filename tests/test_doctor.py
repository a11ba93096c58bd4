import importlib.metadata

import pytest

from turret import doctor


def test_what_is_installed() -> None:
    found = doctor.diagnose()
    assert found.missing == []
    assert found.versions["jax"] == importlib.metadata.version("jax")
    assert found.devices[0].startswith("cpu:0")


def test_what_is_missing_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "version", nothing)
    found = doctor.diagnose()
    assert "jax" in found.missing
    parts = {part.name: part for part in found.optional}
    searching = ["scann", "faiss-cpu", "qdrant-client", "psycopg"]
    assert list(parts) == [*searching[:2], "tensorboardX", "optuna", *searching[2:]]
    assert parts["faiss-cpu"].install == (
        "pip install 'turret[faiss]' (in a checkout: pip install -e '.[faiss]')"
    )
    assert parts["scann"].install is None
    assert all(part.version is None for part in found.optional)
