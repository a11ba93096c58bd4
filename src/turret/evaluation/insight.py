"""What a model makes of its data: its neighbourhoods, and how it scores what is true."""

import numpy as np
import polars as pl
from jaxtyping import Float32

from turret.data.dataset import Dataset
from turret.evaluation.measure import Model
from turret.evaluation.parts import Neighbour, Neighbourhood, ScoreFigures

__all__ = ["names_of", "neighbourhoods", "score_figures"]

_PAIRS = 20_000
"""Up to so many test pairs are scored, and so many of chance."""


def neighbourhoods(
    model: Model, train: Dataset, *, number: int = 10, nearest: int = 5
) -> tuple[Neighbourhood, ...]:
    """Finds the neighbours of the candidates that most queries met.

    Args:
        model: gives the vectors.
        train: says how many queries met each candidate.
        number: how many candidates.
        nearest: how many neighbours of each, by the cosine of the vectors.

    Returns:
        The candidates, the most popular first; ties by the smaller row. One whose vector is zero
        is passed over, and is nobody's neighbour.
    """
    met_by = np.bincount(train.pairs_by_query()[1], minlength=train.num_candidates)
    vectors = model.candidate_vectors(train.candidates)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    directed = length[:, 0] > 0
    unit = np.where(length > 0, vectors / np.where(length > 0, length, 1.0), 0.0)
    order = np.argsort(-met_by, kind="stable")
    top = [row for row in order[directed[order]][:number].tolist() if met_by[row] > 0]
    names = names_of(train.candidates, train.candidate_id)
    found: list[Neighbourhood] = []
    for row in top:
        cosine = np.where(directed, unit @ unit[row], -np.inf)
        cosine[row] = -np.inf
        best = np.argsort(-cosine, kind="stable")[:nearest]
        around = tuple(
            Neighbour(candidate=names[other], cosine=float(cosine[other]))
            for other in best.tolist()
            if cosine[other] > -np.inf
        )
        found.append(Neighbourhood(candidate=names[row], met_by=int(met_by[row]), nearest=around))
    return tuple(found)


def names_of(candidates: pl.DataFrame, candidate_id: str) -> pl.Series:
    """What people call candidates: the id, and the title or name behind it where there is one.

    Example:
        >>> table = pl.DataFrame({"item": ["7"], "title": ["Up"]})
        >>> names_of(table, "item").to_list()
        ['7 · Up']
    """
    ids = candidates[candidate_id]
    for column in candidates.columns:
        told = any(word in column.lower() for word in ("title", "name"))
        if told and column != candidate_id and candidates.schema[column] == pl.String:
            shown = pl.concat_str(pl.col(candidate_id), pl.lit(" · "), pl.col(column))
            return candidates.select(shown.fill_null(pl.col(candidate_id)))[candidate_id]
    return ids


def score_figures(model: Model, test: Dataset, *, seed: int, bins: int = 40) -> ScoreFigures | None:
    """Takes the distribution of the scores of test pairs, and of pairs of chance.

    Args:
        model: gives the vectors.
        test: the pairs; up to 20,000 are drawn.
        seed: of the draws.
        bins: how many bins of equal width lie between the smallest and the largest score.

    Returns:
        The distributions; None where all scores are the same.
    """
    rng = np.random.default_rng(seed)
    events = test.interactions
    drawn = np.sort(rng.choice(len(events), size=min(_PAIRS, len(events)), replace=False))
    asked, place = np.unique(events.query_row[drawn], return_inverse=True)
    queries = model.query_vectors(test.queries[asked])[place]
    candidates = model.candidate_vectors(test.candidates)
    chance = rng.integers(0, test.num_candidates, size=len(drawn))
    true = _products(queries, candidates[events.candidate_row[drawn]])
    others = _products(queries, candidates[chance])
    low, high = (float(f(np.concatenate([true, others]))) for f in (np.min, np.max))
    if not low < high:
        return None
    edges = np.linspace(low, high, bins + 1)

    def shares(scores: Float32[np.ndarray, " n"]) -> tuple[float, ...]:
        return tuple((np.histogram(scores, bins=edges)[0] / len(scores)).tolist())

    return ScoreFigures(edges=tuple(edges.tolist()), true=shares(true), chance=shares(others))


def _products(
    one: Float32[np.ndarray, "n d"], other: Float32[np.ndarray, "n d"]
) -> Float32[np.ndarray, " n"]:
    return np.einsum("nd,nd->n", one, other)
