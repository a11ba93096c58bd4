import jax
import jax.numpy as jnp
import numpy as np
import pytest

from turret.errors import CheckpointError
from turret.train.snapshot import Snapshot, not_finite


def tree() -> dict:
    return {
        "table": jnp.arange(6, dtype=jnp.float32).reshape(3, 2),
        "half": jnp.ones(2, jnp.bfloat16),
        "nested": ({"count": jnp.int32(3)}, jnp.asarray(1.5)),
        "key": jax.random.key(3),
        "none": None,
    }


def test_every_leaf_comes_back_as_it_was():
    snapshot = Snapshot.of(tree())
    assert set(snapshot.arrays) == {"table", "half", "nested/0/count", "nested/1", "key"}
    assert snapshot.weak == {"nested/1"}
    restored = snapshot.restore(
        jax.tree.map(jnp.zeros_like, tree() | {"key": None}) | {"key": jax.random.key(0)}
    )
    assert jax.tree.structure(restored) == jax.tree.structure(tree())
    assert (jax.random.bits(restored["key"]) == jax.random.bits(tree()["key"])).all()
    for name in ("table", "half", "nested"):
        for one, other in zip(
            jax.tree.leaves(restored[name]), jax.tree.leaves(tree()[name]), strict=True
        ):
            assert (one.dtype, one.weak_type) == (other.dtype, other.weak_type)
            np.testing.assert_array_equal(one, other)


def test_it_does_not_follow_the_tree():
    step = jax.jit(lambda x: x + 1, donate_argnums=0)
    state = jnp.arange(1000.0)
    snapshot = Snapshot.of(state)
    state = step(state)
    np.testing.assert_array_equal(snapshot.arrays[""], np.arange(1000.0))
    restored = snapshot.restore(state)
    step(restored)
    np.testing.assert_array_equal(snapshot.arrays[""], np.arange(1000.0))


@pytest.mark.parametrize(
    ("like", "message"),
    [
        ({"a": jnp.zeros(2), "b": jnp.zeros(1)}, r"do not belong.*got \[\], expected \['b'\] inst"),
        ({}, r"got \['a'\], expected \[\] instead"),
        ({"a": jnp.zeros(3)}, r"'a' is of another shape.*got 'float32\[2\]', expected float32\[3"),
        ({"a": jnp.zeros(2, jnp.int32)}, r"got 'float32\[2\]', expected int32\[2\]"),
    ],
)
def test_another_state_is_refused(like, message):
    with pytest.raises(CheckpointError, match=message):
        Snapshot.of({"a": jnp.zeros(2)}).restore(like)


def test_arrays_that_are_not_finite_are_named():
    held = {
        "good": jnp.ones(3),
        "nan": jnp.array([1.0, jnp.nan]),
        "inf": (jnp.array([-jnp.inf]),),
        "empty": jnp.zeros(0),
        "whole": jnp.array([1]),
        "half": jnp.array([jnp.inf], jnp.bfloat16),
    }
    assert not_finite(held) == ["half", "inf/0", "nan"]
