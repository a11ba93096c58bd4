"""Vector databases that are searched instead of an index: the same contracts as every index."""

import uuid
from collections.abc import Iterator, Sequence
from typing import ClassVar
from urllib.parse import quote

import numpy as np
import polars as pl
import pytest
from contracts.filter_contract import FilterContract
from contracts.index_contract import SearchContract
from databases import postgres
from qdrant_server import KEY, qdrant

from turret.index.base import Index
from turret.index.candidates import Candidates
from turret.index.stores.base import VectorStore
from turret.index.stores.index import StoreIndex
from turret.index.stores.registry import open_store
from turret.index.stores.storing import push


class _Contract(SearchContract, FilterContract):
    """Both, but for saving and loading: what a database holds is no part of a bundle."""

    kind = "store"
    is_exact = False
    store: ClassVar[str]
    url: ClassVar[str]
    opened: ClassVar[list[VectorStore]] = []

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def closed(cls, server: None) -> Iterator[None]:
        yield
        while cls.opened:
            cls.opened.pop().close()

    @classmethod
    def build(
        cls, ids: Sequence[str], vectors: np.ndarray, columns: pl.DataFrame | None = None
    ) -> Index:
        candidates = Candidates(ids, vectors, columns=columns)
        store = open_store(cls.store, cls.url, collection=uuid.uuid4().hex)
        cls.opened.append(store)
        push(store, candidates)
        return StoreIndex(store, candidates)


class TestQdrant(_Contract):
    store = "qdrant"
    url = ":memory:"

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls) -> None:
        """None is needed."""


class TestQdrantServer(_Contract):
    """What goes over the wire says the same."""

    store = "qdrant"

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls) -> Iterator[None]:
        with qdrant() as url:
            cls.url = url.replace("://", f"://:{quote(KEY, safe='')}@")
            yield


class TestPgvector(_Contract):
    store = "pgvector"
    oddest = "\x01"

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls) -> Iterator[None]:
        with postgres() as cls.url:
            yield
