"""Ids as they are given."""

from collections.abc import Iterable

from turret.errors import QueryError

__all__ = ["require_several"]


def require_several(ids: Iterable[object], *, what: str = "the ids are") -> None:
    """Refuse one string where several ids belong: its letters would be taken for ids.

    Args:
        ids: what was given.
        what: how the error begins.

    Raises:
        QueryError: if it is one string.

    Example:
        >>> require_several("f1", what="deny is")
        Traceback (most recent call last):
        turret.errors.QueryError: deny is one string: got 'f1', expected a list of ids. Write ...
    """
    if isinstance(ids, str | bytes):
        raise QueryError(
            f"{what} one string", got=ids, expected="a list of ids", fix=f"Write [{ids!r}]."
        )
