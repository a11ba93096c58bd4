"""The softmax family against its naive form, and the reference implementation's known answers."""

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
import pytest
from oracle import Case, agree, both, expected, prepared, vectors

from turret.model.losses.softmax import Columns, Pairs, softmax_loss
from turret.recipe.loss import Softmax

OPTIONS = {
    "plain": {},
    "logq": {"logq": "estimated"},
    "clipped logq": {"logq": "estimated", "logq_clip": (0.2, 0.8)},
    "accidental hits": {"remove_accidental_hits": True},
    "known positives of the batch": {"mask_known_positives": "batch"},
    "all known positives": {"mask_known_positives": "all"},
    "hard negatives": {"hard_negatives": 3},
    "label smoothing": {"label_smoothing": 0.1},
    "hard, accidental": {"hard_negatives": 2, "remove_accidental_hits": True},
    "hard, all known": {"hard_negatives": 4, "mask_known_positives": "all"},
    "everything": {
        "logq": "estimated",
        "remove_accidental_hits": True,
        "mask_known_positives": "all",
        "label_smoothing": 0.2,
    },
    "everything, hard": {
        "logq": "estimated",
        "remove_accidental_hits": True,
        "label_smoothing": 0.2,
        "hard_negatives": 5,
    },
}


MASKED = ("plain", "accidental hits", "hard, accidental", "everything")


@pytest.mark.parametrize(
    ("name", "masked"),
    [(name, False) for name in OPTIONS] + [(name, True) for name in MASKED],
)
def test_equals_the_naive_form(name, masked):
    # Shapes with repeated queries, candidates and pairs, in one padded program a set of options.
    shapes = [(1, 1, 1, 0), (2, 3, 5, 0), (6, 5, 14, 2), (7, 9, 12, 0), (12, 4, 16, 8)] * 4
    for seed, (q, c, p, extra) in enumerate(shapes):
        # Which of two equal scores is the harder negative is open, and the gradient depends on it.
        ties = "hard_negatives" not in OPTIONS[name]
        case = Case.random(seed, q=q, c=c, p=p, extra=extra, ties=ties)
        case.masked = case.masked | {(0, 0)} if masked else set()
        temperature = (0.05, 0.3, 1.0)[seed % 3]
        reduction = "sum" if masked else "mean"
        config = Softmax(
            temperature=temperature, reduction=reduction, chunk_size=5, **OPTIONS[name]
        )
        agree(case, config, room=16)


@pytest.mark.parametrize("name", ["plain", "everything", "everything, hard"])
def test_without_padding(name):
    case = Case.random(21, q=9, c=7, p=25, extra=3, ties=False)
    agree(case, Softmax(temperature=0.2, reduction="sum", **OPTIONS[name]))


def test_many_chunks_of_many_rows():
    case = Case.random(3, q=600, c=40, p=300, d=8)
    case.masked.clear()
    agree(case, Softmax(reduction="sum", chunk_size=128))


@pytest.mark.parametrize("name", ["accidental hits", "all known positives"])
def test_a_positive_far_above_the_rest_leaves_it_intact(name):
    # One positive of a query stands 60 above another: a difference of sums would be 0 in float32.
    case = Case.random(0, q=1, c=3, p=2, d=1)
    case.queries = np.array([[1.0]], np.float32)
    case.candidates = np.array([[60.0], [0.0], [0.5]], np.float32)
    case.pair_query, case.pair_candidate = np.zeros(2, np.int32), np.array([0, 1], np.int32)
    case.extra = np.array([2], np.int32)
    case.known, case.masked = {(0, 0), (0, 1)}, set()
    config = Softmax(reduction="sum", **OPTIONS[name])
    rest = prepared(case, config)
    _, value, gradients = both(*vectors(case), rest, jnp.float32(1), config)
    want, want_gradients = expected(case, config)
    np.testing.assert_allclose(value, want, rtol=1e-6)
    for got, wanted in zip(gradients, want_gradients, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("name", ["plain", "all known positives", "everything, hard"])
def test_several_vectors_a_query_score_by_the_highest(name):
    case = Case.random(13, q=7, c=6, p=20, extra=3, ties=False)
    options = OPTIONS[name] | {"label_smoothing": 0.0}
    config = Softmax(temperature=0.3, reduction="sum", chunk_size=3, **options)
    rest = prepared(case, config)
    several = np.random.default_rng(1).normal(size=(7, 3, 5)).astype(np.float32) / 2
    candidates = jnp.asarray(case.candidates)

    def by_hand(q, c):
        # Every score is a product of one vector a query, so the naive form of each choice is right
        # where the choice is: one column of scores at a time through an identity.
        return jnp.max(jnp.einsum("qvd,cd->qvc", q, c), axis=1)

    eye = jnp.eye(6)
    _, value, gradients = both(jnp.asarray(several), candidates, rest, jnp.float32(0.3), config)
    scores, pull = jax.vjp(by_hand, jnp.asarray(several), candidates)
    # With scores as query vectors and unit vectors as candidates the single-vector loss sees the
    # same scores; its gradient by them is pulled back through the maximum.
    _, want, (by_scores, _) = both(scores, eye, rest, jnp.float32(0.3), config)
    np.testing.assert_allclose(value, want, rtol=1e-5)
    for got, wanted in zip(gradients, pull(by_scores), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)


def test_a_learned_temperature_gets_its_gradient():
    case = Case.random(5, q=6, c=5, p=20)
    case.masked.clear()
    config = Softmax(reduction="sum", remove_accidental_hits=True)
    rest = prepared(case, config)

    def loss(temperature):
        return softmax_loss(*vectors(case), **rest, config=config, temperature=temperature)

    def naive(temperature):
        return expected(case, msgspec.structs.replace(config, temperature=temperature))[0]

    slope = (naive(0.5 + 1e-5) - naive(0.5 - 1e-5)) / 2e-5
    np.testing.assert_allclose(jax.grad(loss)(jnp.float32(0.5)), slope, rtol=1e-4)
    np.testing.assert_allclose(loss(jnp.float32(0.5)), naive(0.5), rtol=1e-6)


def test_all_candidates_is_the_full_softmax():
    case = Case.random(9, q=4, c=6, p=10)
    config = Softmax(candidates="all", reduction="sum")
    rest = prepared(case, config) | {"columns": Columns(jnp.ones(6)), "masked": None}
    value = softmax_loss(*vectors(case), **rest, config=config)
    scores = case.queries.astype(np.float64) @ case.candidates.astype(np.float64).T
    log_share = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    want = -(case.pair_weight * log_share[case.pair_query, case.pair_candidate]).sum()
    np.testing.assert_allclose(value, want, rtol=1e-6)


REFERENCE = [[1.0, 2, 3], [2, 3, 4]], [[1.0, 1, 1], [1, 1, 0]]


def known_answer(queries, candidates, weights=(1.0, 1.0)) -> float:
    rows = jnp.arange(2)
    value = softmax_loss(
        jnp.asarray(queries),
        jnp.asarray(candidates),
        pairs=Pairs(rows, rows, jnp.asarray(weights)),
        columns=Columns(jnp.ones(len(candidates))),
        config=Softmax(reduction="sum"),
    )
    return float(value)


def test_known_answers():
    # One unit of float32 and half a printed digit.
    assert known_answer(*REFERENCE) == pytest.approx(4.066737, abs=2e-6)
    assert known_answer(*REFERENCE, weights=[0.7, 0.3]) == pytest.approx(1.239456, abs=2e-6)
    queries, candidates = [[3.0, 2, 1], [2, 3, 4]], [[0.0, 1, 0], [0, 1, 1], [1, 1, 0]]
    assert known_answer(queries, candidates) == pytest.approx(3.312778, abs=2e-6)


@pytest.mark.parametrize("name", ["plain", "everything", "everything, hard"])
def test_half_precision_never_overflows(name):
    case = Case.random(11, q=6, c=5, p=20)
    config = Softmax(**OPTIONS[name])
    rest = prepared(case, config, room=16)
    half = [(x * 200).astype(jnp.float16) for x in vectors(case, 16)]
    alone, value, gradients = both(*half, rest, jnp.float32(0.05), config)
    assert np.isfinite([alone, value]).all()
    assert [g.dtype for g in gradients] == [jnp.float16] * 2
    # A gradient beyond the range of its own type is the caller's to scale; none is NaN.
    assert not any(np.isnan(g).any() for g in gradients)


@pytest.mark.parametrize("temperature", [1.0, 0.1, 0.05])
def test_bfloat16_products_are_close(temperature):
    rng = np.random.default_rng(0)
    q, c = (rng.normal(size=(n, 32)).astype(np.float32) for n in (64, 48))
    q, c = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (q, c))
    rows = rng.integers(0, 48, 64).astype(np.int32)
    rest = {
        "pairs": Pairs(jnp.arange(64), jnp.asarray(rows), jnp.ones(64)),
        "columns": Columns(jnp.ones(48)),
    }
    values, slopes = [], []
    for precision in ("float32", "bfloat16"):
        config = Softmax(temperature=temperature, precision=precision)
        loss = lambda q, config=config: softmax_loss(q, jnp.asarray(c), **rest, config=config)  # noqa: E731
        value, slope = jax.value_and_grad(loss)(jnp.asarray(q))
        values.append(float(value))
        slopes.append(np.asarray(slope))
    # A factor is rounded to 8 bits: each score, up to 10 here, is off by about 0.01.
    assert 0 < abs(values[1] - values[0]) < 0.01
    error = np.linalg.norm(slopes[1] - slopes[0]) / np.linalg.norm(slopes[0])
    assert 0 < error < 0.01


def test_a_score_mask_too_large_to_index_is_refused():
    from turret.errors import ModelError
    from turret.model.losses.partition import Cells

    rows = jnp.zeros(1, jnp.int32)
    with pytest.raises(ModelError, match="score mask"):
        jax.eval_shape(
            lambda q, c: softmax_loss(
                q,
                c,
                pairs=Pairs(rows, rows, jnp.ones(1)),
                columns=Columns(jnp.ones(50_000)),
                config=Softmax(),
                masked=Cells(rows, rows),
            ),
            jax.ShapeDtypeStruct((50_000, 4), jnp.float32),
            jax.ShapeDtypeStruct((50_000, 4), jnp.float32),
        )
