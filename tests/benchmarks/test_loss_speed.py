import jax
import numpy as np

from turret.benchmarks.loss_speed import loss_call


def test_what_is_measured_is_the_loss_of_all_pairs_with_both_gradients() -> None:
    call, arguments = loss_call(queries=12, candidates=5, dim=3, chunk_size=4)
    value, (d_queries, d_candidates) = jax.jit(call)(*arguments)
    queries, candidates, pair_query, pair_candidate, weight, count = map(np.asarray, arguments)
    assert sorted(pair_query) == list(range(12))
    assert sorted(pair_candidate) == sorted(np.arange(12) % 5)
    np.testing.assert_array_equal(count, np.bincount(pair_candidate))
    scores = np.exp((queries[pair_query] @ candidates[pair_candidate].T).astype(np.float64))
    share = scores / scores.sum(axis=1, keepdims=True)
    weight = weight.astype(np.float64)
    expected = -(weight * np.log(np.diagonal(share))).sum() / weight.sum()
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    gradient = (share - np.eye(12)) * (weight / weight.sum())[:, None]
    by_query = np.zeros((12, 3))
    by_query[pair_query] = gradient @ candidates[pair_candidate]
    np.testing.assert_allclose(d_queries, by_query, rtol=1e-4, atol=1e-6)
    by_candidate = np.zeros((5, 3))
    np.add.at(by_candidate, pair_candidate, gradient.T @ queries[pair_query])
    np.testing.assert_allclose(d_candidates, by_candidate, rtol=1e-4, atol=1e-6)
