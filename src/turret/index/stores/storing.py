"""Pushing candidates to a vector database."""

from collections.abc import Callable
from typing import Literal

import msgspec

from turret.index.candidates import Candidates
from turret.index.stores.base import VectorStore
from turret.index.stores.table import Table

__all__ = ["Pushed", "push"]


class Pushed(msgspec.Struct, frozen=True, kw_only=True):
    """What a push did.

    Attributes:
        store: the kind of database.
        collection: the name under which the candidates are found.
        version: the name of exactly this content.
        candidates: how many there are.
        written: how many were written: 0 where the database had them already.
        dim: the length of a vector.
        metric: what the database compares vectors by.
        columns: the columns that were written.
        left_out: those that were not, since the database has no type for them.
    """

    store: str
    collection: str
    version: str
    candidates: int
    written: int
    dim: int
    metric: Literal["cosine", "dot"]
    columns: tuple[str, ...]
    left_out: tuple[str, ...]


def push(
    store: VectorStore,
    candidates: Candidates,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Pushed:
    """Writes candidates to a database, and gives them the collection's name in one step.

    Whoever asks for the collection gets the candidates before or these, never a part of them; ids
    that are not among them are not found any more. A second push of the same writes nothing.

    Args:
        store: the database.
        candidates: what is written: ids, vectors and columns.
        progress: told how many candidates are written, and of how many.

    Returns:
        What was done.

    Raises:
        StoreError: if the database cannot be reached, refuses or is lost; what was found under the
            collection's name before is still found.
    """
    table = store.fitted(Table.of(candidates))
    there = store.holds(table.version)
    if store.current() != table.version:

        def tell(done: int) -> None:
            if progress is not None:
                progress(done, len(table))

        store.write(table, progress=tell)
    return Pushed(
        store=store.kind,
        collection=store.collection,
        version=table.version,
        candidates=len(table),
        written=0 if there else len(table),
        dim=candidates.dim,
        metric=table.metric,
        columns=tuple(table.columns),
        left_out=table.left_out,
    )
