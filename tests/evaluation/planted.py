"""A small data set and models of which every rank is known."""

import numpy as np
import polars as pl

from turret.data.dataset import Dataset, Interactions

QUERIES = pl.DataFrame({"user": ["u0", "u1", "u2", "u3"]})
CANDIDATES = pl.DataFrame({"item": ["a", "b", "c", "d", "e", "f"]})


def dataset(pairs: list[tuple[int, int]]) -> Dataset:
    query, candidate = (np.array(rows, np.int32) for rows in zip(*pairs, strict=True))
    return Dataset(
        interactions=Interactions(query, candidate),
        queries=QUERIES,
        candidates=CANDIDATES,
        query_id="user",
        candidate_id="item",
    )


TRAIN = dataset([(0, 0), (0, 1), (0, 1), (1, 0), (1, 2), (2, 0), (2, 3)])
# The pair (0, 1) is seen; the query 3 and the candidate 5 are new; (1, 4) happened twice.
TEST = dataset([(0, 2), (0, 1), (1, 4), (1, 4), (3, 5)])

# What each query thinks of the candidates a to f. Its order: query 0: c b a d e f; query 1:
# a b c d e f, all the same; query 2 is not asked; query 3: f e d c b a.
TASTE = np.array(
    [[3, 4, 5, 2, 1, 0], [1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 9], [0, 1, 2, 3, 4, 5]], np.float32
)
INCLUDED = [2, 1, 5, 1]  # (0, b), (0, c), (1, e), (3, f)
EXCLUDED = [0, 1, 3, 1]


class Planted:
    """A query's vector is what it thinks of each candidate; it knows nothing of some queries."""

    def __init__(self, taste: np.ndarray = TASTE, *, unknown: tuple[str, ...] = ()) -> None:
        self.taste = taste
        self.unknown = unknown

    def query_vectors(self, queries: pl.DataFrame) -> np.ndarray:
        return self.taste[[QUERIES["user"].to_list().index(name) for name in queries["user"]]]

    def known_queries(self, queries: pl.DataFrame) -> np.ndarray:
        return np.array([name not in self.unknown for name in queries["user"]], np.bool_)

    def candidate_vectors(self, candidates: pl.DataFrame) -> np.ndarray:
        names = CANDIDATES["item"].to_list()
        return np.eye(6, dtype=np.float32)[[names.index(name) for name in candidates["item"]]]
