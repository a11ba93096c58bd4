"""Baselines that are linear in what a query met: item-kNN, RP3beta and EASE."""

from typing import cast

import numpy as np
from scipy import sparse

from turret.data.dataset import Dataset
from turret.errors import EvaluationError
from turret.evaluation.baselines.met import CandidateLinks, strongest
from turret.model.ease import ease_weights
from turret.model.meetings import met_matrix
from turret.recipe.baselines import EASE, ItemKNN, RP3Beta

__all__ = ["fit_ease", "fit_item_knn", "fit_rp3beta"]

_K1, _B = 1.2, 0.75


def fit_item_knn(train: Dataset, config: ItemKNN) -> CandidateLinks:
    r"""Item-kNN: links are cosines of the candidates' columns, of each candidate the largest.

    `link_ij = x_i . x_j / (|x_i| |x_j| + shrink)`; who met a candidate is weighted first where the
    settings say so.

    Args:
        train: the training part.
        config: weighting, neighbours and shrinkage, and the most candidates there may be.

    Returns:
        The fitted baseline.

    Raises:
        EvaluationError: if there are too many candidates.

    Reference:
        Sarwar et al., "Item-based collaborative filtering recommendation algorithms", WWW 2001.
    """
    _require_at_most(config.max_candidates, train)
    met = met_matrix(train, half_life=config.half_life)
    weighted = _weighted(met, config.weighting)
    norms = np.sqrt(np.asarray((weighted * weighted).sum(axis=0), np.float64))
    columns = sparse.csr_array(weighted.T)
    links = strongest(
        columns, weighted, shrunk=(norms, config.shrink), neighbours=config.neighbours
    )
    # A query's score of a candidate sums over the neighbours of that candidate.
    return CandidateLinks(met, sparse.csr_array(links.T))


def fit_rp3beta(train: Dataset, config: RP3Beta) -> CandidateLinks:
    r"""RP3beta: a walk candidate, query, candidate, divided by a power of the popularity.

    `link_ij = sum_u p(u|i)^alpha p(j|u)^alpha / popularity_j^beta`, of each candidate i the
    largest.

    Args:
        train: the training part.
        config: both powers and neighbours, and the most candidates there may be.

    Returns:
        The fitted baseline.

    Raises:
        EvaluationError: if there are too many candidates.

    Reference:
        Paudel et al., "Updatable, accurate, diverse, and scalable recommendations for interactive
        applications", TiiS 2017.
    """
    _require_at_most(config.max_candidates, train)
    met = met_matrix(train, half_life=config.half_life)
    popularity = np.asarray(met.sum(axis=0), np.float64)
    to_query = _row_shares(sparse.csr_array(met.T)).power(config.alpha)
    to_candidate = _row_shares(met).power(config.alpha)
    scale = np.where(popularity > 0, np.maximum(popularity, 1.0) ** -config.beta, 0.0)
    links = strongest(
        sparse.csr_array(to_query),
        sparse.csr_array(to_candidate),
        scale=scale,
        neighbours=config.neighbours,
    )
    return CandidateLinks(met, links)


def fit_ease(train: Dataset, config: EASE) -> CandidateLinks:
    """EASE: the least-squares weights of candidates on one another; see `ease_weights`.

    Args:
        train: the training part.
        config: lambda, and the most candidates there may be.

    Returns:
        The fitted baseline.

    Raises:
        EvaluationError: if there are too many candidates, or the regularisation is too small.
    """
    _require_at_most(config.max_candidates, train)
    met = met_matrix(train, half_life=config.half_life)
    links = ease_weights(met, config.regularization)
    if links is None:
        raise EvaluationError(
            "the Gram matrix of EASE is singular",
            got=config.regularization,
            fix="Raise its regularization.",
        )
    return CandidateLinks(met, links)


def _require_at_most(most: int, train: Dataset) -> None:
    if train.num_candidates > most:
        raise EvaluationError(
            "there are too many candidates",
            got=train.num_candidates,
            expected=f"at most {most:,}",
            fix="Raise its max_candidates if there are memory and time.",
        )


def _row_shares(matrix: sparse.csr_array) -> sparse.csr_array:
    """The rows divided by their sums; rows of nothing stay."""
    sums = np.asarray(matrix.sum(axis=1), np.float64)
    inverse = np.divide(1.0, sums, out=np.zeros_like(sums), where=sums > 0)
    return sparse.csr_array(sparse.diags_array(inverse) @ matrix.astype(np.float64))


def _weighted(met: sparse.csr_array, weighting: str) -> sparse.csr_array:
    """The matrix with its entries weighted; queries are the terms, candidates the documents."""
    if weighting == "plain":
        return met
    _, candidates = cast("tuple[int, int]", met.shape)
    documents = np.asarray(met.sum(axis=1), np.float64)
    rarity = np.log((1 + candidates) / (1 + documents))
    weighted = sparse.csr_array(sparse.diags_array(rarity) @ met.astype(np.float64))
    if weighting == "bm25":
        lengths = np.asarray(met.sum(axis=0), np.float64)
        average = max(lengths.mean(), 1e-12)
        saturated = (_K1 + 1) / (1 + _K1 * (1 - _B + _B * lengths / average))
        weighted = sparse.csr_array(weighted @ sparse.diags_array(saturated))
    return weighted
