"""What became known of queries since the training: what they saw, and which are to be forgotten."""

from collections.abc import Iterable

from turret.index.changes import Change, forgetting, sight

__all__ = ["Memory"]


class Memory:
    """What queries saw since the training.

    Any number of threads may read it while one changes it: a query's entry is replaced at once.

    Example:
        >>> memory = Memory([sight("u", ("a", "b")), sight("u", ("c",)), sight("v", ("a",))])
        >>> memory.seen("u")
        ('a', 'b', 'c')
        >>> memory.apply(forgetting("u"))
        >>> memory.seen("u"), memory.forgets("u"), memory.forgets("v")
        ((), True, False)
    """

    def __init__(self, changes: Iterable[Change] = ()) -> None:
        """Make the changes, the oldest first; those of candidates are passed over."""
        self._seen: dict[str, tuple[str, ...]] = {}
        self._forgotten: set[str] = set()
        self.number = 0
        for change in changes:
            self.apply(change)

    def apply(self, change: Change) -> None:
        """Make a change.

        Args:
            change: a sight or a forgetting; another one is passed over.
        """
        if change.op == "saw":
            self._seen[change.query] = (*self._seen.get(change.query, ()), *change.ids)
        elif change.op == "forget":
            self._seen.pop(change.query, None)
            self._forgotten.add(change.query)
        else:
            return
        self.number += 1

    def __bool__(self) -> bool:
        """Return whether it holds anything."""
        return bool(self._seen or self._forgotten)

    def seen(self, query_id: str | None) -> tuple[str, ...]:
        """What a query saw since the training, or since it was forgotten.

        Args:
            query_id: its id.

        Returns:
            Candidate ids, the most recent last.
        """
        return () if query_id is None else self._seen.get(query_id, ())

    def forgets(self, query_id: str | None) -> bool:
        """Whether what the training knew of a query does not count any more.

        Args:
            query_id: its id.

        Returns:
            Whether it was forgotten.
        """
        return query_id in self._forgotten

    def changes(self) -> list[Change]:
        """The fewest changes that say the same.

        Returns:
            The changes, in an order in which they can be made.
        """
        forgotten = [forgetting(name) for name in self._forgotten]
        return forgotten + [sight(name, ids) for name, ids in self._seen.items()]

    def merged(self) -> None:
        """Begin to count anew, when a compaction has put the changes together."""
        self.number = 0
