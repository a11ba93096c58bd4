"""The rank of every true candidate among all candidates, without and with the seen ones.

Each query is scored once against the whole catalogue, block by block. The rank of a true candidate
is one more than the number of candidates that come before it: those of a higher score, and those of
the same score in a smaller row, exactly as an exact index would serve them. One pass over the
scores counts twice, all candidates and the unseen ones, in the two halves of one number.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Array, Bool, Int32, Int64, UInt8

from turret.data.dataset import Interactions
from turret.errors import EvaluationError
from turret.evaluation.counting import CHUNK, LANES, TASK, UNSEEN, count_before
from turret.evaluation.flags import Flags
from turret.evaluation.scores import Scores, not_finite
from turret.evaluation.truth import Truth
from turret.padding import padded_size

__all__ = ["Ranks", "Ties", "rank_truth"]

Ties = Literal["row", "truth"]


@dataclass(frozen=True, eq=False)
class Ranks:
    """The ranks of the pairs of a truth, from 1.

    Attributes:
        included: among all candidates.
        excluded: among the candidates that the query has not seen; 0 for a pair that is itself
            seen, which is then no longer in the truth. None when nothing was said to be seen.
        num_candidates: how many candidates there are; None where not all of them are ranked.
        num_unseen: how many of them each query has not seen; likewise.
    """

    included: Int32[np.ndarray, " pairs"]
    excluded: Int32[np.ndarray, " pairs"] | None
    num_candidates: int | None = None
    num_unseen: Int64[np.ndarray, " queries"] | None = None


def rank_truth(
    scores: Scores,
    truth: Truth,
    *,
    seen: Interactions | None = None,
    ties: Ties = "row",
    block_bytes: int = 1 << 24,
) -> Ranks:
    """Ranks every true candidate among all candidates.

    Args:
        scores: the scores of each query of the truth.
        truth: the pairs to rank.
        seen: events whose pairs are taken off the ranking for `Ranks.excluded`.
        ties: what happens to equal scores. `"row"`: the smaller row comes first, as an index
            serves them. `"truth"`: the true candidate comes first, as the reference's accuracy has
            it.
        block_bytes: bytes that the scores of one block may take (at least 8 queries are a block);
            two or three times as much is needed beside them.

    Returns:
        The ranks, pair by pair.

    Raises:
        EvaluationError: if a score is not finite, or the scores are of another number of queries.

    Example:
        >>> from turret.evaluation.scores import VectorScores
        >>> truth = Truth.of(
        ...     Interactions(np.zeros(1, np.int32), np.array([1], np.int32)), num_candidates=3
        ... )
        >>> scores = VectorScores(
        ...     np.ones((1, 1), np.float32), np.array([[3], [2], [1]], np.float32)
        ... )
        >>> rank_truth(scores, truth).included.tolist()
        [2]
    """
    if scores.num_queries != len(truth):
        raise EvaluationError(
            "the scores are not of the queries of the truth",
            got=f"{scores.num_queries} queries",
            expected=f"{len(truth)}, in the order of its query_row",
        )
    pairs = len(truth.candidate_row)
    layout = _Layout.of(truth, num_candidates=scores.num_candidates, block_bytes=block_bytes)
    flags = Flags(truth, seen, num_candidates=scores.num_candidates)
    column = np.arange(layout.columns, dtype=np.int32)
    ranks = Ranks(
        included=np.zeros(pairs, dtype=np.int32),
        excluded=None if seen is None else np.zeros(pairs, dtype=np.int32),
        num_candidates=scores.num_candidates,
        num_unseen=None if seen is None else np.zeros(len(truth), dtype=np.int64),
    )
    waiting: list[_Counted] = []
    for block, slots in zip(layout.blocks, layout.slots, strict=True):
        # Scores first: the device computes them while the host marks the seen candidates.
        scored = scores.block(block, rows=layout.rows, columns=layout.columns)
        shown = flags.block(block, rows=layout.rows, columns=layout.columns)
        slot_query, slot_candidates = slots.padded(layout.room)
        counts, num_unseen, finite = count_before(
            scored,
            shown,
            slot_query=slot_query,
            slot_candidates=slot_candidates,
            num_slots=len(slots.query),
            column=column,
            chunk=layout.chunk,
            by_row=ties == "row",
        )
        waiting.append(_Counted(block, slots, shown, counts, num_unseen, finite))
        # One block is computed while the host prepares the next; more would cost memory.
        if len(waiting) > 1:
            waiting.pop(0).write(ranks)
    for counted in waiting:
        counted.write(ranks)
    return ranks


@dataclass(frozen=True, eq=False)
class _Layout:
    """How the work is cut: into blocks of queries, all padded to the same few sizes.

    Attributes:
        blocks: the queries of each block.
        slots: the pairs of each block.
        rows: queries of a padded block.
        room: slots of a padded block.
        columns: candidates, padded to whole chunks.
        chunk: candidates that are compared at a time.
    """

    blocks: list[slice]
    slots: list["_Slots"]
    rows: int
    room: int
    columns: int
    chunk: int

    @classmethod
    def of(cls, truth: Truth, *, num_candidates: int, block_bytes: int) -> "_Layout":
        chunks = max(1, -(-num_candidates // CHUNK))
        chunk = max(1, -(-num_candidates // chunks))
        columns = chunks * chunk
        size = len(truth)
        step = min(max(8, block_bytes // (4 * columns)), max(1, size))
        blocks = [slice(start, min(start + step, size)) for start in range(0, size, step)]
        slots = [_Slots.of(truth, block) for block in blocks]
        room = max((_room(len(each.query)) for each in slots), default=0)
        return cls(blocks, slots, padded_size(step), room, columns, chunk)


def _room(slots: int) -> int:
    """The number of slots that fit into padded arrays: whole tasks once there is more than one."""
    padded = padded_size(slots)
    return padded if padded <= TASK else -(-padded // TASK) * TASK


@dataclass(frozen=True, eq=False)
class _Slots:
    """The pairs of a block, packed into slots of `LANES` candidates that share a query.

    Attributes:
        first: the position of the block's first pair in the truth.
        query: the query of each slot, counted from the start of the block.
        place: where each pair stands in the slots laid end to end.
        candidate_row: the candidate of each pair.
        owner: the query of each pair, counted from the start of the block.
    """

    first: int
    query: Int32[np.ndarray, " slots"]
    place: Int64[np.ndarray, " pairs"]
    candidate_row: Int32[np.ndarray, " pairs"]
    owner: Int32[np.ndarray, " pairs"]

    @classmethod
    def of(cls, truth: Truth, block: slice) -> "_Slots":
        bounds = truth.indptr[block.start : block.stop + 1]
        sizes = np.diff(bounds)
        needed = -(-sizes // LANES)
        begins = np.cumsum(needed) - needed
        queries = np.arange(len(sizes), dtype=np.int32)
        shift = begins * LANES - (bounds[:-1] - bounds[0])
        count = int(bounds[-1] - bounds[0])
        return cls(
            first=int(bounds[0]),
            query=np.repeat(queries, needed),
            place=np.arange(count) + np.repeat(shift, sizes),
            candidate_row=truth.candidate_row[bounds[0] : bounds[-1]],
            owner=np.repeat(queries, sizes),
        )

    def padded(
        self, room: int
    ) -> tuple[Int32[np.ndarray, " room"], Int32[np.ndarray, "room lanes"]]:
        """The query and the candidates of each slot; places that are left over hold -1."""
        query = np.zeros(room, dtype=np.int32)
        query[: len(self.query)] = self.query
        candidates = np.full(room * LANES, -1, dtype=np.int32)
        candidates[self.place] = self.candidate_row
        return query, candidates.reshape(room, LANES)


@dataclass(frozen=True, eq=False)
class _Counted:
    """A block whose counting is under way."""

    block: slice
    slots: _Slots
    flags: UInt8[np.ndarray, "some columns"]
    counts: Int32[Array, "views room lanes"]
    num_unseen: Int32[Array, " some"]
    finite: Bool[Array, ""]

    def write(self, ranks: Ranks) -> None:
        """Waits for the counts and writes the ranks of the block's pairs."""
        if not bool(self.finite):
            raise not_finite("some scores are not finite")
        slots = self.slots
        counts = np.asarray(self.counts).reshape(2, -1)[:, slots.place]
        part = slice(slots.first, slots.first + len(slots.place))
        np.add(counts[0], 1, out=ranks.included[part])
        if ranks.excluded is not None:
            unseen = self.flags[slots.owner, slots.candidate_row] & UNSEEN
            ranks.excluded[part] = np.where(unseen, counts[1] + 1, 0)
        if ranks.num_unseen is not None:
            size = self.block.stop - self.block.start
            ranks.num_unseen[self.block] = np.asarray(self.num_unseen)[:size]
