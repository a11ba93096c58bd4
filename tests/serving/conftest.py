"""Servers of the small bundles, one for all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from bundles import by_country
from servers import Server, serving

from turret.recommender.recommender import Recommender


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return by_country().save(tmp_path_factory.mktemp("bundles") / "films")


@pytest.fixture(scope="session")
def recommender(bundle: Path) -> Recommender:
    return Recommender.load(bundle)


@pytest.fixture(scope="session")
def server(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("serving") / "log"
    options = ("--max-k", "200", "--max-queries", "100", "--max-history", "5")
    with serving(bundle, *options, "--max-body", "20000", log=log) as running:
        yield running
