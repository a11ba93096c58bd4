"""The kinds of vector database by name: `qdrant`, `pgvector`."""

from collections.abc import Callable

from turret.errors import StoreError, nearest
from turret.index.stores.base import VectorStore
from turret.index.stores.naming import checked

__all__ = ["kinds", "open_store"]


def _qdrant() -> type[VectorStore]:
    from turret.index.stores.qdrant import QdrantStore

    return QdrantStore


def _pgvector() -> type[VectorStore]:
    from turret.index.stores.pgvector import PgvectorStore

    return PgvectorStore


_KINDS: dict[str, Callable[[], type[VectorStore]]] = {"qdrant": _qdrant, "pgvector": _pgvector}


def kinds() -> tuple[str, ...]:
    """Names the kinds of vector database.

    Returns:
        The names, whether or not the client that a kind needs is installed.

    Example:
        >>> kinds()
        ('qdrant', 'pgvector')
    """
    return tuple(_KINDS)


def open_store(kind: str, url: str, *, collection: str) -> VectorStore:
    """Connects to a vector database.

    Args:
        kind: a name out of `kinds()`.
        url: where it is: for `qdrant` the address of a server or a folder, for `pgvector` an
            address such as `postgresql://host/database`.
        collection: the name of the candidates there.

    Returns:
        The store.

    Raises:
        StoreError: if there is no such kind, or the database cannot be reached or refuses.
        MissingPartError: if its client is not installed.
    """
    if kind not in _KINDS:
        raise StoreError(
            "there is no such vector database",
            got=kind,
            expected=f"one of {', '.join(_KINDS)}",
            fix=nearest(kind, _KINDS),
        )
    return _KINDS[kind]().open(url, collection=checked(collection))
