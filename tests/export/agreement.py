"""When two answers are the same."""

import numpy as np

from turret.index.hits import Hits

__all__ = ["assert_same_hits"]


def assert_same_hits(found: Hits, want: Hits) -> None:
    """Assert the same ids and scores, to 1e-5; candidates whose scores are a tie may swap.

    A tie is a difference of the size of what float32 rounds away. Behind the counts of an exported
    model stands the empty text for None.
    """
    np.testing.assert_array_equal(found.counts, want.counts)
    np.testing.assert_allclose(found.scores, want.scores, rtol=1e-5, atol=1e-5)
    for ids, others, scores, count in zip(
        found.ids, want.ids, want.scores, want.counts.tolist(), strict=True
    ):
        for place in np.flatnonzero(ids[:count] != others[:count]).tolist():
            near = np.abs(scores[:count] - scores[place]) <= 1e-6 * max(1, abs(scores[place]))
            # A candidate that swapped with one behind the end of the list is in one list alone.
            swapped = ids[place] in others[:count][near] or near[count - 1]
            assert swapped, (place, ids[place], others[place])
