"""Bundles and vector databases: pushing one to the other, and searching there."""

from collections.abc import Callable
from pathlib import Path

from turret.index.stores.base import VectorStore
from turret.index.stores.naming import collection_of
from turret.index.stores.registry import open_store
from turret.index.stores.storing import Pushed, push
from turret.recommender.changes import opened, view_of
from turret.recommender.recommender import Recommender

__all__ = ["push_bundle", "searching"]


def push_bundle(
    path: Path,
    target: tuple[str, str],
    *,
    collection: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Pushed:
    """Pushes the candidates of a bundle, with the changes logged beside it.

    Args:
        path: the directory of the bundle.
        target: the kind and the address of the database.
        collection: the name there; None: as the bundle is called.
        progress: told how many candidates are written, and of how many.

    Returns:
        What was done; see `turret.index.stores.storing.push`.

    Raises:
        BundleError: if there is no bundle, or it is damaged.
        StoreError: if the database cannot be reached, refuses or is lost.
        MissingPartError: if its client is not installed.
    """
    bundle, changes = opened(path)
    candidates = view_of(bundle, changes).remaining()
    with _opened(path, target, collection) as store:
        return push(store, candidates, progress=progress)


def searching(
    recommender: Recommender, path: Path, target: tuple[str, str], *, collection: str | None = None
) -> Recommender:
    """Has a recommender search in a database for as long as the process runs.

    Args:
        recommender: of the bundle.
        path: the directory of the bundle.
        target: the kind and the address of the database.
        collection: the name there; None: as the bundle is called.

    Returns:
        A recommender; see `Recommender.searching_in`.

    Raises:
        StoreError: if the database cannot be reached, or does not hold these candidates.
        MissingPartError: if its client is not installed.
    """
    store = _opened(path, target, collection)
    try:
        return recommender.searching_in(store)
    except BaseException:
        store.close()
        raise


def _opened(path: Path, target: tuple[str, str], collection: str | None) -> VectorStore:
    kind, url = target
    return open_store(kind, url, collection=collection or collection_of(path))
