"""Warm start: a training that begins where an earlier one ended, on other data and other ids."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int32, Shaped

from turret.data.encoders.tower import TowerEncoder
from turret.data.merging import earlier_rows, merged_encoders, vocabularies
from turret.errors import ModelError
from turret.model.trained import TrainedModel
from turret.train.snapshot import Snapshot
from turret.train.state import TrainState

__all__ = ["Earlier", "optimizer_arrays"]

_LEARNED = "loss/log_temperature"


@dataclass(frozen=True, eq=False)
class Earlier:
    """What an earlier training left.

    Attributes:
        trained: Its model.
        optimizer: The state of its optimizer, as `optimizer_arrays` gives it; None when it was not
            kept, and then it starts anew.
    """

    trained: TrainedModel
    optimizer: Mapping[str, np.ndarray] | None = field(default=None, repr=False)

    def encoders(
        self,
        query: TowerEncoder,
        candidate: TowerEncoder,
        *,
        vanished: Literal["keep", "drop"],
    ) -> tuple[TowerEncoder, TowerEncoder]:
        """Encoders of today's data that know the earlier ids too, unless those are dropped."""
        earlier = (self.trained.query_encoder, self.trained.candidate_encoder)
        return merged_encoders((query, candidate), earlier, vanished=vanished)

    def state(
        self, fresh: TrainState, *, query: TowerEncoder, candidate: TowerEncoder
    ) -> tuple[TrainState, tuple[str, ...]]:
        """Put what the earlier training knew into a fresh state.

        Known ids get their rows and their optimizer's state, and so do the out-of-vocabulary rows
        and the rows of tables that do not follow ids;
        new ids, and tables that the earlier model did not have, stay as they are. Dense parameters
        and a learned temperature are taken over. The steps count from 0 again, and so does a
        schedule; an average of the parameters begins anew.

        Args:
            fresh: The state of a training from nothing, with the given encoders.
            query: The query tower's encoder, from `encoders`.
            candidate: The candidate tower's.

        Returns:
            The state, and sentences on what was taken over and what was not.

        Raises:
            ModelError: When a table's width, or the shape of dense layers, is another now.
        """
        known = vocabularies(self.trained.query_encoder, self.trained.candidate_encoder)
        now = vocabularies(query, candidate)
        rows = {name: earlier_rows(known[name], now[name]) for name in now if name in known}
        given = {f"parameters/{name}": array for name, array in self.trained.arrays().items()}
        tables = (*fresh.parameters.tables, *self.trained.parameters.tables)
        _require_shapes(fresh, given, tables=tables, rows=rows)
        optimizer, notes = self._fitting(fresh, tables=tables, rows=rows)
        given |= optimizer

        def value(path: tuple, leaf: Array) -> Array:
            name = jax.tree_util.keystr(path, simple=True, separator="/")
            if name not in given:
                return leaf
            table = _table_of(name, tables)
            if table in rows:
                size = len(known[table].ids)
                return _taken(leaf, given[name], rows=rows[table], size=size)
            return jnp.array(given[name])

        told = tuple(
            f"{name}: {np.count_nonzero(found):,} of the earlier model's {len(known[name].ids):,}"
            f" ids keep their rows; {np.count_nonzero(found == 0):,} are new."
            for name, found in rows.items()
        )
        return jax.tree_util.tree_map_with_path(value, fresh), (*told, *notes)

    def _fitting(
        self, fresh: TrainState, *, tables: Iterable[str], rows: Mapping[str, np.ndarray]
    ) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
        """The earlier optimizer's arrays that fit, and a sentence when they do not."""
        if self.optimizer is None:
            return {}, ("The earlier bundle has no optimizer's state, so that starts anew.",)
        both = fresh.parameters.tables.keys() & self.trained.parameters.tables.keys()
        # Tables may come and go, and so may a learned temperature; the rest must be of one kind.
        now, then = _optimizer(fresh), self.optimizer
        wanted, given = (
            {
                name: _shape(one, by_id=_table_of(name, tables) in rows)
                for name, one in part.items()
                if name.startswith("dense_state/") or _table_of(name, tables) in both
            }
            for part in (now, then)
        )
        if wanted != given:
            return {}, ("The earlier bundle's optimizer was another, so its state starts anew.",)
        learned = {_LEARNED} & now.keys() & then.keys()
        return {name: self.optimizer[name] for name in (*wanted, *learned)}, ()


def optimizer_arrays(state: TrainState) -> dict[str, np.ndarray]:
    """What a bundle keeps of a training state beside the parameters.

    Args:
        state: The state.

    Returns:
        The state of each table's optimizer as "slots/TABLE/NAME", that of the dense optimizer as
        "dense_state/...", and a learned temperature.
    """
    return dict(Snapshot.of(_optimizer(state)).arrays)


def _optimizer(state: TrainState) -> dict[str, Array]:
    # Not the rest of `loss`: what it counts of candidates belongs to the rows of one data set.
    leaves = {
        jax.tree_util.keystr(path, simple=True, separator="/"): leaf
        for path, leaf in jax.tree_util.tree_leaves_with_path(state)
    }
    return {
        name: leaf
        for name, leaf in leaves.items()
        if name.startswith(("slots/", "dense_state/")) or name == _LEARNED
    }


def _table_of(name: str, tables: Iterable[str]) -> str | None:
    """The embedding table whose rows are the first axis of an array; None for other arrays."""
    found = (
        table
        for table in tables
        if name == f"parameters/tables/{table}" or name.startswith(f"slots/{table}/")
    )
    # The longest: one table's name may begin with another's.
    return max(found, key=len, default=None)


def _shape(array: np.ndarray | Array, *, by_id: bool) -> tuple[object, ...]:
    """What has to be alike; not how many rows, where these follow ids."""
    return array.dtype, *(array.shape[1:] if by_id else array.shape)


def _taken(
    fresh: Shaped[Array, "n *d"],
    earlier: Shaped[np.ndarray, "m *d"],
    *,
    rows: Int32[np.ndarray, " k"],
    size: int,
) -> Shaped[Array, "n *d"]:
    """A fresh table with the rows of known ids, and those out-of-vocabulary, from an earlier one.

    Those are row 0, and what stands behind the ids if that is as much as it was.
    """
    values = np.array(fresh)
    known = np.flatnonzero(rows)
    values[known + 1] = earlier[rows[known]]
    values[0] = earlier[0]
    behind = len(values) - 1 - len(rows)
    if behind > 0 and behind == len(earlier) - 1 - size:
        values[-behind:] = earlier[-behind:]
    return jnp.array(values)


def _require_shapes(
    fresh: TrainState,
    given: Mapping[str, np.ndarray],
    *,
    tables: Iterable[str],
    rows: Mapping[str, object],
) -> None:
    """Refuse tables of another width and other dense layers; other tables may come and go."""
    now = {
        f"parameters/{jax.tree_util.keystr(path, simple=True, separator='/')}": leaf
        for path, leaf in jax.tree_util.tree_leaves_with_path(fresh.parameters)
    }
    for name in (*now, *given):
        by_id, either = _table_of(name, tables) in rows, (now.get(name), given.get(name))
        want, got = (None if one is None else _shape(one, by_id=by_id) for one in either)
        both = want is not None and got is not None
        if got != want and (both or name.startswith("parameters/dense/")):
            raise ModelError(
                f"{name.removeprefix('parameters/')} of the earlier model does not fit this one",
                got=_said(got),
                expected=_said(want),
                fix="Give the model the earlier one's features and widths, or train from nothing.",
            )


def _said(shape: tuple[object, ...] | None) -> str:
    if shape is None:
        return "none"
    return f"{shape[0]}[{', '.join(map(str, shape[1:]))}]"
