"""The positives of a query, each left out in turn, without subtracting sums."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int32

__all__ = ["log_sum_of_others"]


def log_sum_of_others(values: Float[Array, " p"], group: Int32[Array, " p"]) -> Float[Array, " p"]:
    """For each member of a group the log-sum-exp of the group's other members.

    Subtracting a member from the whole sum would lose everything in float32 once the member stands
    15 or 20 above the others. So the sums before and after it are formed by two scans and added.

    Args:
        values: Logarithms; minus infinity is a member that counts nothing.
        group: Group of each value; members of a group stand together.

    Returns:
        One logarithm a value; minus infinity for the only member of a group.

    Example:
        >>> import jax.numpy as jnp
        >>> log_sum_of_others(jnp.log(jnp.array([1.0, 2.0, 5.0])), jnp.array([0, 0, 1])).tolist()
        [0.6931471824645996, 0.0, -inf]
    """
    starts = jnp.concatenate([jnp.array([True]), group[1:] != group[:-1]])
    ends = jnp.concatenate([group[1:] != group[:-1], jnp.array([True])])
    before = _exclusive(values, starts)
    after = _exclusive(values[::-1], ends[::-1])[::-1]
    return _logaddexp(before, after)


def _exclusive(values: Float[Array, " p"], starts: Bool[Array, " p"]) -> Float[Array, " p"]:
    """Log-sum-exp of the values before each one, from the last start on."""

    def combine(left, right):
        left_value, left_start = left
        right_value, right_start = right
        joined = jnp.where(right_start, right_value, _logaddexp(left_value, right_value))
        return joined, left_start | right_start

    inclusive, _ = jax.lax.associative_scan(combine, (values, starts))
    shifted = jnp.concatenate([jnp.full(1, -jnp.inf, values.dtype), inclusive[:-1]])
    return jnp.where(starts, -jnp.inf, shifted)


def _logaddexp(a: Float[Array, " p"], b: Float[Array, " p"]) -> Float[Array, " p"]:
    """As `jnp.logaddexp`, with a derivative of zero, not NaN, where both are minus infinity."""
    nothing = jnp.isneginf(a) & jnp.isneginf(b)
    return jnp.where(
        nothing, -jnp.inf, jnp.logaddexp(jnp.where(nothing, 0.0, a), jnp.where(nothing, 0.0, b))
    )
