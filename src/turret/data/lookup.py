"""Finding texts among many: a hash table that is asked for whole columns."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Bool, Int32, Int64, UInt64

from turret.data.hashing import mixed, text_hash, text_hashes

__all__ = ["TextTable"]


@dataclass(frozen=True, eq=False)
class TextTable:
    """Texts by their hash, each in the first free slot from that of its hash on.

    Attributes:
        texts: Distinct texts, without nulls.
        hashes: Of each.
        slots: For each slot the position of the text in it; -1 for a free one. At least half of
            them are free.
    """

    texts: pl.Series
    hashes: UInt64[np.ndarray, " n"]
    slots: Int32[np.ndarray, " s"]

    @classmethod
    def of(cls, texts: pl.Series) -> "TextTable":
        """The table of some texts, distinct and without nulls.

        Example:
            >>> TextTable.of(pl.Series(["b", "a"])).find(pl.Series(["a", "c", None])).tolist()
            [1, -1, -1]
        """
        hashes = text_hashes(texts)
        slots = np.full(1 << (2 * len(texts)).bit_length(), -1, np.int32)
        place = _first(hashes, len(slots))
        rest = np.arange(len(texts))
        while len(rest):
            free = rest[slots[place[rest]] < 0]
            # Of several in one slot one stays.
            slots[place[free]] = free
            rest = rest[slots[place[rest]] != rest]
            place[rest] = (place[rest] + 1) & (len(slots) - 1)
        return cls(texts, hashes, slots)

    def find(self, texts: pl.Series) -> Int32[np.ndarray, " m"]:
        """Where texts stand among those of the table.

        Args:
            texts: A column of `m` strings.

        Returns:
            The position of each; -1 for one that is not there and for a null.
        """
        hashes = text_hashes(texts)
        place = _first(hashes, len(self.slots))
        found, missed = self._look(texts, hashes, place)
        rest = np.flatnonzero(missed)
        place = place[rest]
        while len(rest):
            place = (place + 1) & (len(self.slots) - 1)
            found[rest], missed = self._look(texts.gather(rest), hashes[rest], place)
            rest, place = rest[missed], place[missed]
        return found

    def find_one(self, text: str) -> int | None:
        """Where one text stands, sooner than in a column of one.

        Example:
            >>> TextTable.of(pl.Series(["b", "a"])).find_one("a")
            1
        """
        place = text_hash(text) & (len(self.slots) - 1)
        while (held := int(self.slots[place])) >= 0:
            if self.texts[held] == text:
                return held
            place = (place + 1) & (len(self.slots) - 1)
        return None

    def _look(
        self,
        texts: pl.Series,
        hashes: UInt64[np.ndarray, " m"],
        place: Int64[np.ndarray, " m"],
    ) -> tuple[Int32[np.ndarray, " m"], Bool[np.ndarray, " m"]]:
        """What stands in a slot if it is the very text, else -1; and whether to look farther."""
        held = self.slots[place]
        taken = held >= 0
        if not taken.any():
            return held, taken
        same = taken & (self.hashes[held] == hashes)
        # One text stands in for those that differ by their hash already.
        known = self.texts.gather(np.where(same, held, np.int32(0)))
        same &= (texts == known).fill_null(False).to_numpy()
        return np.where(same, held, np.int32(-1)), taken & ~same


def _first(hashes: UInt64[np.ndarray, " n"], slots: int) -> Int64[np.ndarray, " n"]:
    return (mixed(hashes, seed=0) & np.uint64(slots - 1)).astype(np.int64)
