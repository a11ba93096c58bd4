"""The softmax loss against its P x P form, and the reference implementation's known answers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turret.model.losses import softmax_loss
from turret.recipe import Softmax


def naive(queries, candidates, pair_query, pair_candidate, pair_weight, extra=None):
    """The textbook form: each pair against the candidates of all pairs, repeated as they come."""
    columns = candidates[pair_candidate]
    if extra is not None:
        columns = jnp.concatenate([columns, extra])
    scores = queries[pair_query] @ columns.T
    positive = jnp.diagonal(scores)
    return jnp.sum(pair_weight * (jax.nn.logsumexp(scores, axis=1) - positive))


def case(seed, *, q, c, p, d):
    """Random vectors and pairs, with repeated queries, candidates and pairs."""
    rng = np.random.default_rng(seed)
    pair_query = rng.integers(0, q, p).astype(np.int32)
    pair_candidate = rng.integers(0, c, p).astype(np.int32)
    return {
        "queries": rng.normal(size=(q, d)).astype(np.float32),
        "candidates": rng.normal(size=(c, d)).astype(np.float32),
        "pair_query": pair_query,
        "pair_candidate": pair_candidate,
        "pair_weight": rng.uniform(0.1, 2, p).astype(np.float32),
        "candidate_count": np.bincount(pair_candidate, minlength=c).astype(np.float32),
    }


def value_and_gradients(case, config, chunk_size=1024):
    def loss(queries, candidates):
        rest = {k: jnp.asarray(v) for k, v in case.items() if k not in ("queries", "candidates")}
        return softmax_loss(queries, candidates, **rest, config=config, chunk_size=chunk_size)

    gradient = jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))
    value, gradients = gradient(jnp.asarray(case["queries"]), jnp.asarray(case["candidates"]))
    only_value = loss(jnp.asarray(case["queries"]), jnp.asarray(case["candidates"]))
    # A loss is a difference of scores, so it is rounded as they are.
    rounding = 1e-6 * case["pair_weight"].sum() / config.temperature
    np.testing.assert_allclose(only_value, value, rtol=2e-6, atol=rounding)
    return value, gradients


def expected(case, temperature=1.0):
    with jax.enable_x64(True):
        q, c = (jnp.asarray(case[k], jnp.float64) for k in ("queries", "candidates"))
        rest = case["pair_query"], case["pair_candidate"], case["pair_weight"].astype(np.float64)

        def loss(q, c):
            return naive(q / temperature, c, *rest)

        value, gradients = jax.value_and_grad(loss, argnums=(0, 1))(q, c)
        return np.asarray(value), [np.asarray(g) for g in gradients]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    q=st.sampled_from([1, 2, 7]),
    c=st.sampled_from([1, 3, 8]),
    p=st.sampled_from([1, 4, 30]),
    temperature=st.sampled_from([0.05, 0.3, 1.0]),
    chunk_size=st.sampled_from([1, 3, 1024]),
)
def test_equals_the_pairwise_form(seed, q, c, p, temperature, chunk_size):
    one = case(seed, q=q, c=c, p=p, d=5)
    config = Softmax(temperature=temperature, reduction="sum")
    value, gradients = value_and_gradients(one, config, chunk_size)
    want, want_gradients = expected(one, temperature)
    scale = np.abs(one["pair_weight"]).sum() / temperature
    np.testing.assert_allclose(value, want, rtol=1e-5, atol=1e-6 * scale)
    for got, wanted in zip(gradients, want_gradients, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=2e-6 * scale)


def test_many_chunks_of_many_rows():
    one = case(3, q=2500, c=300, p=4000, d=16)
    value, gradients = value_and_gradients(one, Softmax(reduction="sum"))
    want, want_gradients = expected(one)
    np.testing.assert_allclose(value, want, rtol=1e-5)
    for got, wanted in zip(gradients, want_gradients, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)


def test_padding_changes_nothing():
    one = case(5, q=6, c=5, p=20, d=4)
    value, (dq, dc) = value_and_gradients(one, Softmax())
    pad = {
        "queries": np.pad(one["queries"], ((0, 3), (0, 0)), constant_values=9),
        "candidates": np.pad(one["candidates"], ((0, 2), (0, 0)), constant_values=9),
        **{k: np.pad(one[k], (0, 7)) for k in ("pair_query", "pair_candidate", "pair_weight")},
        "candidate_count": np.pad(one["candidate_count"], (0, 2)),
    }
    padded, (padded_dq, padded_dc) = value_and_gradients(pad, Softmax())
    np.testing.assert_allclose(padded, value, rtol=1e-6)
    np.testing.assert_allclose(padded_dq[:6], dq, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(padded_dc[:5], dc, rtol=1e-5, atol=1e-7)
    assert not np.asarray(padded_dq[6:]).any()
    assert not np.asarray(padded_dc[5:]).any()


def test_mean_divides_by_the_weights():
    one = case(7, q=4, c=4, p=9, d=3)
    mean, (mean_dq, _) = value_and_gradients(one, Softmax())
    total, (total_dq, _) = value_and_gradients(one, Softmax(reduction="sum"))
    weight = one["pair_weight"].sum()
    np.testing.assert_allclose(mean * weight, total, rtol=1e-6)
    np.testing.assert_allclose(mean_dq * weight, total_dq, rtol=1e-5)


def test_all_candidates_is_the_full_softmax():
    one = case(9, q=4, c=6, p=10, d=3) | {"candidate_count": np.ones(6, np.float32)}
    value, _ = value_and_gradients(one, Softmax(candidates="all", reduction="sum"))
    scores = one["queries"].astype(np.float64) @ one["candidates"].astype(np.float64).T
    log_share = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    want = -(one["pair_weight"] * log_share[one["pair_query"], one["pair_candidate"]]).sum()
    np.testing.assert_allclose(value, want, rtol=1e-6)


REFERENCE = [[1.0, 2, 3], [2, 3, 4]], [[1.0, 1, 1], [1, 1, 0]]


@pytest.mark.parametrize(
    ("weights", "loss"), [([1.0, 1.0], 4.066737), ([0.7, 0.3], 1.239456)], ids=["plain", "weighted"]
)
def test_known_answers(weights, loss):
    rows = jnp.arange(2)
    value = softmax_loss(
        jnp.asarray(REFERENCE[0]),
        jnp.asarray(REFERENCE[1]),
        pair_query=rows,
        pair_candidate=rows,
        pair_weight=jnp.asarray(weights),
        candidate_count=jnp.ones(2),
        config=Softmax(reduction="sum"),
    )
    assert float(value) == pytest.approx(
        loss, abs=2e-6
    )  # one unit of float32 and half a printed digit


def test_known_answer_with_an_extra_negative():
    rows = jnp.arange(2)
    value = softmax_loss(
        jnp.asarray([[3.0, 2, 1], [2, 3, 4]]),
        jnp.asarray([[0.0, 1, 0], [0, 1, 1], [1, 1, 0]]),
        pair_query=rows,
        pair_candidate=rows,
        pair_weight=jnp.ones(2),
        candidate_count=jnp.ones(3),
        config=Softmax(reduction="sum"),
    )
    assert float(value) == pytest.approx(
        3.312778, abs=2e-6
    )  # one unit of float32 and half a printed digit


def test_large_scores_stay_finite():
    one = case(11, q=3, c=3, p=6, d=2)
    one["queries"] *= 1e4
    value, gradients = value_and_gradients(one, Softmax(temperature=0.05))
    assert np.isfinite(value)
    assert all(np.isfinite(g).all() for g in gradients)
