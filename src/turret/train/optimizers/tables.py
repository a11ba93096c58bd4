"""The update of all embedding tables in one step: gather, update, scatter."""

from collections.abc import Mapping
from typing import NamedTuple

from jaxtyping import Array, Float, Int32

from turret.model.tables import gather, scatter
from turret.recipe.features.base import looks_up, table_name
from turret.recipe.towers import TwoTower
from turret.train.optimizers.base import Slots, TableOptimizer

__all__ = ["Matrices", "Updated", "table_rates", "update_tables"]

Matrices = dict[str, Float[Array, "_ _"]]
"""For each table the whole of it, or some of its rows."""


class Updated(NamedTuple):
    """Tables after a step.

    Attributes:
        tables: The whole tables.
        slots: The whole state of each table's optimizer.
        rows: The new values of the rows that were touched.
    """

    tables: Matrices
    slots: dict[str, Slots]
    rows: Matrices


def table_rates(config: TwoTower) -> dict[str, float]:
    """What each table's learning rate is multiplied by: its features' `learning_rate`.

    Features that share a table agree in it, or they would be no `TwoTower`.

    Example:
        >>> from turret.recipe.features.categorical import Categorical
        >>> from turret.recipe.towers import Tower
        >>> slow = Categorical("item_id", learning_rate=0.5)
        >>> table_rates(TwoTower(query=Tower([Categorical("user_id")]), candidate=Tower([slow])))
        {'query/user_id': 1.0, 'candidate/item_id': 0.5}
    """
    towers = {"query": config.query, "candidate": config.candidate}
    return {
        table_name(name, feature): feature.learning_rate
        for name, tower in towers.items()
        for feature in tower.features
        if looks_up(feature)
    }


def update_tables(
    optimizer: TableOptimizer,
    *,
    tables: Matrices,
    slots: dict[str, Slots],
    touched: Matrices,
    gradient: Matrices,
    rows: Mapping[str, Int32[Array, "_"] | None],
    learning_rate: Mapping[str, Float[Array, ""]],
) -> Updated:
    """Update the rows that a batch touches, and their state, and no others.

    Args:
        optimizer: The rule.
        tables: The whole tables; with donated buffers they are updated in place.
        slots: The whole state of each table's optimizer.
        touched: The gathered rows of each table.
        gradient: The gradient with respect to them.
        rows: Which rows those are; None stands for all.
        learning_rate: Of each table in this step; one without stays as it is, and so does its
            state.

    Returns:
        The tables, their optimizers' state, and the new rows.
    """
    new_tables, new_slots, new_rows = {}, {}, {}
    for name, table in tables.items():
        if name not in learning_rate:
            new_tables[name], new_slots[name], new_rows[name] = table, slots[name], touched[name]
            continue
        where = rows[name]
        new_rows[name], changed = optimizer.update(
            gradient[name],
            rows=touched[name],
            slots={key: gather(slot, where) for key, slot in slots[name].items()},
            learning_rate=learning_rate[name],
        )
        new_tables[name] = scatter(table, where, new_rows[name])
        new_slots[name] = {
            key: scatter(slot, where, changed[key]) for key, slot in slots[name].items()
        }
    return Updated(new_tables, new_slots, new_rows)
