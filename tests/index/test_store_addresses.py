"""Addresses and names of vector databases: which are refused, and that no secret is shown."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from qdrant_server import qdrant

from turret.errors import StoreError
from turret.index.stores.naming import collection_of, without_secret
from turret.index.stores.registry import open_store


@pytest.mark.parametrize("name", ["a/b", "", "a" * 49, "a.b", 'a"b'])
def test_names_that_no_collection_has(name: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be the name of a collection"):
        open_store("qdrant", str(tmp_path), collection=name)


def test_the_name_of_a_collection_where_none_is_given(tmp_path: Path) -> None:
    assert collection_of(tmp_path / "my films") == "my_films"
    assert collection_of(tmp_path / "films" / "12") == "films"


def test_there_is_no_such_database() -> None:
    with pytest.raises(StoreError, match="got 'quadrant', expected one of qdrant, pgvector"):
        open_store("quadrant", "http://localhost", collection="x")


@pytest.fixture
def refused_port() -> Iterator[int]:
    """A port at which nobody listens, nor can begin to."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_no_database_at_the_address_and_no_secret_in_the_sentence(refused_port: int) -> None:
    port = refused_port
    with pytest.raises(StoreError, match="PostgreSQL at .* cannot be reached") as failed:
        open_store("pgvector", f"postgresql://me:s3cret@127.0.0.1:{port}/films", collection="x")
    assert f"postgresql://127.0.0.1:{port}/films" in str(failed.value)
    assert "s3cret" not in str(failed.value)
    with pytest.raises(StoreError, match="this is no address") as failed:
        open_store("pgvector", "postgresql://me:s3cret@h/x?nonsense=1", collection="x")
    assert "s3cret" not in str(failed.value) and failed.value.__cause__ is None
    assert without_secret("host=h password=s3cret") == "the database"


# libpq takes passwords with such signs, and Qdrant may have keys with them.
@pytest.mark.parametrize("sign", ["/", "#", "?", "@", "[", "]", ":", "%2F"])
def test_a_secret_with_odd_signs_is_not_shown(sign: str, refused_port: int) -> None:
    for kind, scheme in [("pgvector", "postgresql"), ("qdrant", "http"), ("qdrant", "https")]:
        url = f"{scheme}://:s3{sign}cret@127.0.0.1:{refused_port}/films"
        with pytest.raises(StoreError) as failed:
            open_store(kind, url, collection="x")
        assert "s3" not in str(failed.value) and "cret" not in str(failed.value)
    assert without_secret(f"postgresql:///films?password=s3{sign}cret").partition("s3")[1] == ""


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://localhost:6333", "http://localhost:6333"),
        ("https://u:p@h.x-y.com:6333/pre/fix", "https://h.x-y.com:6333/pre/fix"),
        ("postgresql://me@h1:1,h2:2/db?sslmode=require", "postgresql://h1:1,h2:2/db"),
        ("http://[::1]:6333", "http://[::1]:6333"),
        ("here/qdrant", "here/qdrant"),
        ("http://secret:secret", "the database"),
    ],
)
def test_what_is_shown_of_an_address(url: str, shown: str) -> None:
    assert without_secret(url) == shown


@pytest.mark.parametrize("url", ["localhost:6333", "127.0.0.1:6333/"])
def test_an_address_without_its_scheme_is_no_folder(url: str) -> None:
    with pytest.raises(StoreError, match=f"neither a folder nor .* Write http://{url} for"):
        open_store("qdrant", url, collection="x")


def test_qdrant_out_of_reach_or_with_another_key(refused_port: int) -> None:
    with pytest.raises(StoreError, match="Qdrant at .* cannot be reached") as failed:
        open_store("qdrant", f"http://:s3cret@127.0.0.1:{refused_port}", collection="x")
    assert "s3cret" not in str(failed.value)
    with qdrant() as url, pytest.raises(StoreError, match="refuses the key.*QDRANT_API_KEY"):
        open_store("qdrant", url.replace("://", "://:wrong@"), collection="x")
