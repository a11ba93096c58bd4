"""Answers to queries, and what they rest on."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from turret.index.hits import Hits, RowHits

__all__ = ["Answer", "RowAnswer"]


class Answer(NamedTuple):
    """Answers, and what they rest on.

    Attributes:
        hits: the candidates.
        fallback: `[n]`, whether a query got the popular candidates, as nothing of it is known.
    """

    hits: Hits
    fallback: Bool[np.ndarray, " n"]


class RowAnswer(NamedTuple):
    """Answers by row, and what they rest on.

    Attributes:
        hits: rows of the candidates, `Recommender.candidate_ids`.
        fallback: as in `Answer`.
    """

    hits: RowHits
    fallback: Bool[np.ndarray, " n"]
