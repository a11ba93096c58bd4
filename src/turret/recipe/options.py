"""Tables of a recipe whose keys it leaves to others."""

__all__ = ["Options"]


class Options(dict[str, bool | int | float | str]):
    """Keyword arguments that are a value, so that what holds them has a hash.

    Example:
        >>> hash(Options(leaves=20)) == hash(Options(leaves=20))
        True
    """

    def __hash__(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]  # a dict's is None
        """Hash of the value."""
        return hash(frozenset(self.items()))
