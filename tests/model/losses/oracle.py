"""The softmax family in the form that repeats each column: slow, and easy to believe."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import msgspec
import numpy as np

from turret.model.losses.partition import Cells
from turret.model.losses.softmax import Columns, Pairs, softmax_loss
from turret.recipe.loss import Softmax


@dataclass
class Case:
    """A batch: pairs with repeated queries, candidates and pairs, extra columns, a score mask."""

    queries: np.ndarray
    candidates: np.ndarray
    pair_query: np.ndarray
    pair_candidate: np.ndarray
    pair_weight: np.ndarray
    extra: np.ndarray
    probability: np.ndarray | None = None
    known: set[tuple[int, int]] = field(default_factory=set)
    masked: set[tuple[int, int]] = field(default_factory=set)

    @classmethod
    def random(
        cls, seed: int, *, q: int, c: int, p: int, d: int = 5, extra: int = 0, ties: bool = True
    ) -> "Case":
        rng = np.random.default_rng(seed)

        def vectors(n: int) -> np.ndarray:
            if not ties:
                return rng.normal(size=(n, d)).astype(np.float32) / 2
            # A coarse grid, so that scores tie.
            return (rng.integers(-3, 4, (n, d)) / 4).astype(np.float32)

        pair_query, pair_candidate = rng.integers(0, q, p), rng.integers(0, c, p)
        everywhere = [(i, j) for i in range(q) for j in range(c)]
        pick = lambda share: {cell for cell in everywhere if rng.random() < share}  # noqa: E731
        return cls(
            queries=vectors(q),
            candidates=vectors(c),
            pair_query=pair_query.astype(np.int32),
            pair_candidate=pair_candidate.astype(np.int32),
            pair_weight=rng.uniform(0.1, 2, p).astype(np.float32),
            extra=rng.integers(0, c, extra).astype(np.int32),
            probability=rng.uniform(0.01, 1, c).astype(np.float32),
            known=pick(0.2) | set(zip(pair_query.tolist(), pair_candidate.tolist(), strict=True)),
            masked=pick(0.2),
        )


def expected(case: Case, config: Softmax) -> tuple[float, list[np.ndarray]]:
    """The loss and its gradients by queries and candidates.

    Each pair stands against the entries of all pairs and of the extra columns, as they come.
    """
    queries, candidates = (x.astype(np.float64) for x in (case.queries, case.candidates))
    scores = queries @ candidates.T / config.temperature
    if config.logq != "none" and case.probability is not None:
        probability = case.probability.astype(np.float64)
        if config.logq_clip is not None:
            probability = np.clip(probability, *config.logq_clip)
        scores = scores - np.log(probability)
    entries = np.concatenate([case.pair_candidate, case.extra])
    total, slope = 0.0, np.zeros_like(scores)
    smoothing = config.label_smoothing
    for p, (query, weight) in enumerate(zip(case.pair_query, case.pair_weight, strict=True)):
        row = scores[query][entries]
        negatives = competitors(case, config, p)
        if config.hard_negatives is not None:
            order = np.argsort(-row[negatives], kind="stable")
            negatives = negatives[order[: config.hard_negatives]]
        against = np.append(negatives, p)
        highest = row[against].max()
        exponentials = np.exp(row[against] - highest)
        partition = highest + np.log(exponentials.sum())
        target = (1 - smoothing) * row[p] + smoothing * row.mean()
        total += weight * (partition - target)
        np.add.at(slope[query], entries[against], weight * exponentials / exponentials.sum())
        np.add.at(slope[query], entries, -weight * smoothing / len(entries))
        slope[query, entries[p]] -= weight * (1 - smoothing)
    divisor = 1.0 if config.reduction == "sum" else case.pair_weight.sum(dtype=np.float64)
    slope /= config.temperature * divisor
    return total / divisor, [slope @ candidates, slope.T @ queries]


def competitors(case: Case, config: Softmax, p: int) -> np.ndarray:
    """The entries that pair p competes with, its own aside."""
    entries = np.concatenate([case.pair_candidate, case.extra])
    query, own = int(case.pair_query[p]), case.pair_candidate[p]
    batch = set(zip(case.pair_query.tolist(), case.pair_candidate.tolist(), strict=True))
    removed = {"none": set(), "batch": batch, "all": case.known | batch}
    gone = removed[config.mask_known_positives] | case.masked
    copies_gone = config.remove_accidental_hits or config.mask_known_positives != "none"
    return np.array(
        [
            e
            for e, column in enumerate(entries.tolist())
            if e != p and (query, column) not in gone and not (copies_gone and column == own)
        ],
        dtype=np.int64,
    )


def prepared(case: Case, config: Softmax, *, room: int = 0) -> dict[str, Any]:
    """The arguments as a batch holds them: columns counted, pairs merged where a loss asks.

    With `room` every axis is padded to it, so that one compiled program serves many cases.
    """
    num_queries, num_columns = len(case.queries), len(case.candidates)
    entries = np.concatenate([case.pair_candidate, case.extra])
    count = np.bincount(entries, minlength=num_columns).astype(np.float32)
    query, candidate, weight = case.pair_query, case.pair_candidate, case.pair_weight
    if config.remove_accidental_hits or config.mask_known_positives != "none":
        keys = query.astype(np.int64) * num_columns + candidate
        distinct, inverse = np.unique(keys, return_inverse=True)
        query, candidate = distinct // num_columns, distinct % num_columns
        weight = np.bincount(inverse, weights=weight)
    beyond = max(num_queries, room)

    def pad(values: np.ndarray, fill: float = 0) -> jax.Array:
        missing = max(0, room - len(values))
        return jnp.asarray(np.pad(values, (0, missing), constant_values=fill))

    def cells(pairs: set[tuple[int, int]]) -> Cells:
        array = np.full((max(len(pairs), room * room), 2), beyond, np.int32)
        array[: len(pairs)] = np.array(sorted(pairs), np.int32).reshape(-1, 2)
        return Cells(jnp.asarray(array[:, 0]), jnp.asarray(array[:, 1] % max(num_columns, room)))

    probability = None
    if config.logq != "none" and case.probability is not None:
        probability = pad(case.probability, 1)
    return {
        "pairs": Pairs(
            pad(query.astype(np.int32), beyond),
            pad(candidate.astype(np.int32)),
            pad(weight.astype(np.float32)),
        ),
        "columns": Columns(pad(count), probability),
        "known": cells(case.known) if config.mask_known_positives == "all" else None,
        "masked": cells(case.masked) if case.masked else None,
    }


def vectors(case: Case, room: int = 0) -> tuple[jax.Array, jax.Array]:
    """Queries and candidates, padded with rows that must not matter."""

    def padded(x: np.ndarray) -> jax.Array:
        missing = max(0, room - len(x))
        return jnp.asarray(np.pad(x, ((0, missing), (0, 0)), constant_values=7))

    return padded(case.queries), padded(case.candidates)


@partial(jax.jit, static_argnames="config")
def both(queries, candidates, rest, temperature, config):
    """The loss for its value alone, then with its gradients."""

    def loss(q, c):
        return softmax_loss(q, c, **rest, config=config, temperature=temperature)

    return loss(queries, candidates), *jax.value_and_grad(loss, (0, 1))(queries, candidates)


def agree(case: Case, config: Softmax, *, room: int = 0) -> None:
    """Value and both gradients equal the naive form's to 1e-5 of their scale."""
    fixed = msgspec.structs.replace(config, temperature=1.0)
    rest = prepared(case, config, room=room)
    temperature = jnp.float32(config.temperature)
    alone, value, gradients = both(*vectors(case, room), rest, temperature, fixed)
    want, want_gradients = expected(case, config)
    # The scale of what is summed: weights times scores, and weights times vectors.
    weight = case.pair_weight.sum() if config.reduction == "sum" else 1.0
    scale = weight / config.temperature
    np.testing.assert_allclose([alone, value], [want, want], rtol=1e-5, atol=1e-6 * scale)
    for got, wanted in zip(gradients, want_gradients, strict=True):
        real = len(wanted)
        np.testing.assert_allclose(got[:real], wanted, rtol=1e-5, atol=2e-6 * scale)
        assert not got[real:].any()
