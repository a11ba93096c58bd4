"""Names of columns that are put beside columns which somebody else has named."""

from collections.abc import Collection

__all__ = ["unlike"]


def unlike(name: str, taken: Collection[str]) -> str:
    """A name that is not taken.

    Args:
        name: the name wanted.
        taken: those that are there.

    Returns:
        The name, with as many underscores behind it as it takes.

    Example:
        >>> unlike("score", ["user", "score"]), unlike("rank", ["user", "score"])
        ('score_', 'rank')
    """
    while name in taken:
        name += "_"
    return name
