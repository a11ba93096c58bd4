"""What every vector database has in common here: the `VectorStore` class.

A push writes a *version*: all candidates under a name of its own, which nobody sees before it is
whole. Then the collection's name is given to it in one step. A version is named by the fingerprint
of its candidates, so a recommender finds the very candidates it was made for, or none.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float32, Int64
from numpy import ndarray

from turret.index.stores.conditions import Condition
from turret.index.stores.table import Table

__all__ = ["ANN_FROM", "BATCH", "Progress", "Restriction", "VectorStore"]

ANN_FROM = 20_000
"""From so many candidates on an approximate index is built; below, every one is looked at."""

BATCH = 1000
"""Candidates written at once."""

Progress = Callable[[int], None]
"""Told how many candidates are written."""


@dataclass(frozen=True, eq=False)
class Restriction:
    """Which rows a search may answer with.

    Attributes:
        where: what their columns fulfil; None: anything.
        only: the rows that may be answers, for all queries; None: all.
        without: for each query rows that may not be answers; None: nothing is excluded.
    """

    where: Condition | None = None
    only: Int64[ndarray, " m"] | None = None
    without: Sequence[Int64[ndarray, " ..."]] | None = None


class VectorStore(ABC):
    """A collection of a vector database.

    Attributes:
        kind: the name of the kind, as the command line writes it.
        collection: the name under which other programs find the candidates.
    """

    kind: ClassVar[str]
    collection: str

    @classmethod
    @abstractmethod
    def open(cls, url: str, *, collection: str) -> "VectorStore":
        """Connects to a database.

        Args:
            url: where it is; a password in it is never shown.
            collection: a name of letters, digits, `_` and `-`.

        Returns:
            The store, whether or not there is such a collection yet.

        Raises:
            StoreError: if it cannot be reached, or refuses.
            MissingPartError: if its client is not installed.
        """

    def fitted(self, table: Table) -> Table:
        """Leaves out the columns that the database has no room for.

        Args:
            table: the candidates.

        Returns:
            What can be written of them.

        Raises:
            StoreError: if the candidates themselves cannot be written.
        """
        return table

    @abstractmethod
    def current(self) -> str | None:
        """Says which version the collection's name stands for.

        Returns:
            Its name; None where nothing was pushed.

        Raises:
            StoreError: if the name belongs to something that was not pushed by Turret.
        """

    @abstractmethod
    def holds(self, version: str) -> bool:
        """Says whether a whole version is there.

        Args:
            version: its name.

        Returns:
            Whether it can be searched.
        """

    @abstractmethod
    def write(self, table: Table, *, progress: Progress) -> None:
        """Writes a version and gives it the collection's name; all of it happens, or nothing.

        The version before stays for the recommenders that search in it; older ones are removed.

        Args:
            table: the candidates. A version that is there already is only given the name.
            progress: told how many candidates are written.

        Raises:
            StoreError: if the database refuses or is lost.
        """

    @abstractmethod
    def nearest(
        self,
        table: Table,
        queries: Float32[ndarray, "q d"],
        limit: int,
        *,
        restriction: Restriction,
        exact: bool = False,
    ) -> list[Int64[ndarray, " ..."]]:
        """Finds the rows with about the largest inner products.

        Args:
            table: what the version that is searched was written from.
            queries: query vectors, `[q, d]`, none of them zero.
            limit: rows for each query, at most.
            restriction: which rows may be answers.
            exact: look at every row that may be an answer.

        Returns:
            For each query its rows, about the best first.

        Raises:
            StoreError: if the database refuses or is lost, or the version is gone.
        """

    @abstractmethod
    def close(self) -> None:
        """Ends the connection."""

    def __enter__(self) -> "VectorStore":
        """Return itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close it."""
        self.close()
