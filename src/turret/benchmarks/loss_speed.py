"""How near the loss comes to the machine's speed at its best: a large square product."""

import sys
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from turret.benchmarks.timing import interleave, seconds_of
from turret.benchmarks.workers import Worker
from turret.model.losses.softmax import Columns, Pairs, softmax_loss
from turret.recipe.loss import Softmax

__all__ = ["loss_call", "loss_figures"]

# They choose other kernels for OpenBLAS than it would, so its product would not be at its best.
_SLOWS_NUMPY = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def loss_figures(
    *, queries: int, candidates: int, dim: int, product: int, rounds: int
) -> dict[str, float]:
    """Measure the loss and both gradients in one call, beside a square product.

    Args:
        queries: Q, distinct queries; there are as many pairs.
        candidates: C, distinct candidates.
        dim: numbers in a vector.
        product: side of the square matrices.
        rounds: how often each is measured.

    Returns:
        `loss_share`, the rate of the loss, counting the `6 Q C dim` operations of its three
        products, as a share of the rate of the square float32 product, the faster of NumPy's and
        JAX's; and what it is made of: `loss_seconds`, `numpy_gflops`, `jax_gflops`.
    """
    call, arguments = loss_call(queries=queries, candidates=candidates, dim=dim)
    step = jax.jit(call)
    key = jax.random.key(0)
    square = jax.random.uniform(key, (product, product))
    times = jax.jit(jnp.matmul)
    command = [sys.executable, "-m", "turret.benchmarks.numpy_product", str(product)]
    with Worker(command, without=_SLOWS_NUMPY) as worker:
        seconds = interleave(
            {
                "loss": seconds_of(lambda: step(*arguments)),
                "numpy": lambda: worker.ask("product")["seconds"],
                "jax": seconds_of(lambda: times(square, square)),
            },
            rounds=rounds,
        )
    operations = 2 * product**3
    rate = operations / min(seconds["numpy"], seconds["jax"])
    return {
        "loss_share": 6 * queries * candidates * dim / seconds["loss"] / rate,
        "loss_seconds": seconds["loss"],
        "numpy_gflops": operations / seconds["numpy"] / 1e9,
        "jax_gflops": operations / seconds["jax"] / 1e9,
    }


def loss_call(
    *, queries: int, candidates: int, dim: int, chunk_size: int | None = None
) -> tuple[Callable[..., object], tuple[Array, ...]]:
    """The in-batch softmax with both gradients, and something to call it with.

    Each query has one pair. Each candidate stands in at least one, as far as the pairs go; weights
    differ and multiplicities are those of the pairs.

    Args:
        queries: distinct queries, and pairs.
        candidates: distinct candidates.
        dim: numbers in a vector.
        chunk_size: query rows scored at once; None takes the loss's own.

    Returns:
        A function to value and gradients, not yet compiled, and its arguments.
    """
    rng = np.random.default_rng(0)
    config = Softmax() if chunk_size is None else Softmax(chunk_size=chunk_size)
    positives = rng.permutation(np.arange(queries) % candidates)
    arrays = (
        rng.normal(0, 0.3, (queries, dim)),
        rng.normal(0, 0.3, (candidates, dim)),
        rng.permutation(queries),
        positives,
        rng.uniform(0.5, 1.5, queries),
        np.bincount(positives, minlength=candidates),
    )
    kinds = (jnp.float32, jnp.float32, jnp.int32, jnp.int32, jnp.float32, jnp.float32)
    return (
        jax.value_and_grad(partial(_loss, config), argnums=(0, 1)),
        tuple(jnp.asarray(array, kind) for array, kind in zip(arrays, kinds, strict=True)),
    )


def _loss(
    config: Softmax,
    queries: Array,
    candidates: Array,
    pair_query: Array,
    pair_candidate: Array,
    weight: Array,
    count: Array,
) -> Array:
    pairs = Pairs(pair_query, pair_candidate, weight)
    return softmax_loss(queries, candidates, pairs=pairs, columns=Columns(count), config=config)
