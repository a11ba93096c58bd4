import numpy as np
from jaxtyping import Float32


class GivenScores:
    """Scores of every query and candidate, as a ranking asks for them."""

    def __init__(self, scores: np.ndarray) -> None:
        self.scores = scores
        self.num_queries, self.num_candidates = scores.shape

    def block(
        self, queries: slice, *, rows: int, columns: int
    ) -> Float32[np.ndarray, "{rows} {columns}"]:
        padded = np.zeros((rows, columns), np.float32)
        part = self.scores[queries]
        padded[: part.shape[0], : part.shape[1]] = part
        return padded
