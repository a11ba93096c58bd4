"""The kinds of index by name: `exact`, `scann`, `faiss`."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Float

from turret.errors import CandidateIndexError
from turret.index.base import Index, Parameter
from turret.index.candidates import Candidates
from turret.index.description import peek_kind
from turret.index.exact import ExactIndex

__all__ = ["again", "build", "check_parameters", "kinds", "load", "load_of", "of"]


def _exact() -> type[Index]:
    return ExactIndex


def _scann() -> type[Index]:
    from turret.index.scann import ScannIndex

    return ScannIndex


def _faiss() -> type[Index]:
    from turret.index.faiss import FaissIndex

    return FaissIndex


_KINDS: dict[str, Callable[[], type[Index]]] = {"exact": _exact, "scann": _scann, "faiss": _faiss}


def kinds() -> tuple[str, ...]:
    """Names the kinds of index.

    Returns:
        The names, whether or not the library that a kind needs is installed.

    Example:
        >>> kinds()
        ('exact', 'scann', 'faiss')
    """
    return tuple(_KINDS)


def _class_of(kind: str) -> type[Index]:
    if kind not in _KINDS:
        raise CandidateIndexError(
            "there is no such kind of index", got=kind, expected=f"one of {', '.join(_KINDS)}"
        )
    return _KINDS[kind]()


def build(
    kind: str,
    *,
    ids: Iterable[str] | pl.Series,
    vectors: Float[np.ndarray, "n d"],
    columns: pl.DataFrame | None = None,
    **parameters: Parameter,
) -> Index:
    """Builds an index of a kind.

    Args:
        kind: a name out of `kinds()`.
        ids: `n` distinct candidate ids.
        vectors: their vectors, `[n, d]`.
        columns: what is known of each candidate, for filters to read.
        **parameters: settings of the kind, by name; those left out follow from `n` and `d`.

    Returns:
        The index.

    Raises:
        CandidateIndexError: if the kind, a candidate or a parameter cannot be used.
        MissingPartError: if the kind needs a library that is not installed.

    Example:
        >>> index = build("exact", ids=["a", "b"], vectors=np.eye(2, dtype=np.float32))
        >>> index.search(np.float32([[0, 1]]), 1).ids.tolist()
        [['b']]
    """
    return of(kind, Candidates(ids, vectors, columns=columns), **parameters)


def of(kind: str, candidates: Candidates, **parameters: Parameter) -> Index:
    """Builds an index of a kind over candidates that are checked already.

    Args:
        kind: a name out of `kinds()`.
        candidates: what it will search.
        **parameters: settings of the kind, by name.

    Returns:
        The index.

    Raises:
        CandidateIndexError: if the kind or a parameter cannot be used.
        MissingPartError: if the kind needs a library that is not installed.
    """
    return _class_of(kind).build(candidates, **parameters)


def again(index: Index, candidates: Candidates) -> Index:
    """Builds an index like another one, over the candidates that have taken the place of its own.

    Args:
        index: the other one.
        candidates: what the new one will search.

    Returns:
        An index of the same kind with the same settings; an approximate one has settings that suit
        the candidates where they are less than half or more than twice as many as before.

    Raises:
        MissingPartError: if the kind needs a library that is not installed.
    """
    alike = len(index) <= 2 * len(candidates) and len(candidates) <= 2 * len(index)
    settings = index.settings if alike or index.is_exact else {}
    return of(index.kind, candidates, **settings)


def check_parameters(kind: str, parameters: Mapping[str, Parameter]) -> None:
    """Refuses settings that no index of a kind has, before there are candidates.

    Args:
        kind: a name out of `kinds()`.
        parameters: settings by name.

    Raises:
        CandidateIndexError: if there is no such kind or setting, or a value is impossible.

    Example:
        >>> check_parameters("scann", {"leafs": 100})
        Traceback (most recent call last):
        turret.errors.CandidateIndexError: there is no such index parameter: got 'leafs', ...
    """
    _class_of(kind).check_parameters(parameters)


def load(
    directory: Path,
    *,
    ids: Iterable[str] | pl.Series,
    vectors: Float[np.ndarray, "n d"],
    columns: pl.DataFrame | None = None,
) -> Index:
    """Loads an index of whichever kind a directory holds.

    Args:
        directory: a directory that `Index.save` wrote.
        ids: the candidate ids it was built with.
        vectors: their vectors.
        columns: what is known of each candidate, for filters to read.

    Returns:
        An index that answers as the saved one did.

    Raises:
        CandidateIndexError: if the files are damaged or belong to other candidates.
        MissingPartError: if the kind needs a library that is not installed.
    """
    return load_of(directory, Candidates(ids, vectors, columns=columns))


def load_of(directory: Path, candidates: Candidates) -> Index:
    """Loads an index over candidates that are checked already.

    Args:
        directory: a directory that `Index.save` wrote.
        candidates: what it was built of.

    Returns:
        An index that answers as the saved one did.

    Raises:
        CandidateIndexError: if the files are damaged or belong to other candidates.
        MissingPartError: if the kind needs a library that is not installed.
    """
    return _class_of(peek_kind(directory)).load(directory, candidates)
