"""Fitting the encoders of both towers on training data."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import polars as pl
from jaxtyping import Int32

from turret.data.dataset import Dataset
from turret.data.encoders.history import HistoryEncoder
from turret.data.encoders.kinds import encoder_class
from turret.data.encoders.tower import Group, TowerEncoder, group_of
from turret.data.vocabulary import Vocabulary
from turret.errors import DataError
from turret.recipe.features.base import Vocabularied
from turret.recipe.features.feature import Feature
from turret.recipe.features.history import History
from turret.recipe.towers import Tower, TwoTower

__all__ = ["fit_encoders"]


def fit_encoders(config: TwoTower, train: Dataset) -> tuple[TowerEncoder, TowerEncoder]:
    """Fit both towers' encoders on the queries and candidates that training interactions name.

    Features that share a table are fitted together, on the values of all their columns. A history
    adds none to a table that others make; its own holds the candidates of the training
    interactions.

    Args:
        config: The two towers.
        train: The training part; rows of its tables that no interaction names are not looked at.

    Returns:
        The query tower's encoder and the candidate tower's.

    Raises:
        DataError: When a feature's column is absent from its table or is not what the feature
            reads, or a history shares the rows of another column than the candidates' ids.
    """
    towers = {"query": config.query, "candidate": config.candidate}
    _require_columns(towers, train)
    gathered: dict[Group, list[object]] = {}
    first: dict[Group, Feature] = {}
    for name, feature, frame in _used(towers, train):
        group = group_of(name, feature)
        if isinstance(feature, History) and group in gathered:
            _require_candidate_ids(config, feature, train)
            continue
        first.setdefault(group, feature)
        gathered.setdefault(group, []).append(encoder_class(feature).gathered(feature, frame))
    fitted = {
        group: encoder_class(feature).fit(feature, gathered[group])
        for group, feature in first.items()
    }
    query, candidate = (
        TowerEncoder(
            name,
            tuple(tower.features),
            {f.key: encoder_class(f)(f, fitted[group_of(name, f)]) for f in tower.features},
        )
        for name, tower in towers.items()
    )
    return _with_candidates(query, candidate, train), candidate


def _used(towers: dict[str, Tower], train: Dataset) -> Iterator[tuple[str, Feature, pl.DataFrame]]:
    """For each feature, histories last, the rows of its columns that training shows."""
    events = train.interactions
    sides = {
        "query": (train.queries, events.query_row),
        "candidate": (train.candidates, events.candidate_row),
    }
    features = [(name, feature) for name, tower in towers.items() for feature in tower.features]
    for name, feature in sorted(features, key=lambda one: isinstance(one[1], History)):
        frame, rows = sides[name]
        if isinstance(feature, History):
            met = train.candidate_ids.gather(events.candidate_row)
            yield name, feature, met.alias(feature.column).implode().to_frame()
        else:
            yield name, feature, frame.select(feature.reads)[_rows(feature, rows)]


def _rows(feature: Feature, rows: Int32[np.ndarray, " n"]) -> Int32[np.ndarray, " m"]:
    """Each row once, or as often as interactions name it where the feature counts."""
    counted = isinstance(feature, Vocabularied) and (
        feature.min_count > 1 or feature.max_size is not None
    )
    return rows if counted else np.unique(rows)


def _with_candidates(query: TowerEncoder, candidate: TowerEncoder, train: Dataset) -> TowerEncoder:
    """Give a history that the candidate tower reads what that tower is to read."""
    encoders = dict(query.encoders)
    for key, one in encoders.items():
        if isinstance(one, HistoryEncoder) and not one.feature.has_table:
            places = Vocabulary(train.candidate_ids).rows(one.vocabulary.ids) - 1
            columns = train.candidates.select(candidate.columns)[places]
            encoders[key] = replace(one, candidates=columns)
    return replace(query, encoders=encoders)


def _require_candidate_ids(config: TwoTower, history: History, train: Dataset) -> None:
    """Refuse a history on a table of other values: none of its ids would be found there."""
    group = group_of("query", history)
    shared = [f for f in config.candidate.features if group_of("candidate", f) == group]
    columns = [column for feature in shared for column in feature.reads]
    if train.candidate_id not in columns:
        raise DataError(
            f"the history {history.key!r} shares the table {history.table!r}, which has no "
            "candidate ids",
            got=f"a table of {', '.join(map(repr, columns)) or 'query features'}",
            expected=f"one of {train.candidate_id!r}",
            fix="Leave `table` out: the history then has a table of its own.",
        )


def _require_columns(towers: dict[str, Tower], train: Dataset) -> None:
    for (name, tower), frame in zip(towers.items(), (train.queries, train.candidates), strict=True):
        for feature in tower.features:
            for column in () if isinstance(feature, History) else feature.reads:
                if column not in frame.columns:
                    raise DataError(
                        f"the {name} tower has a feature on a column that the {name} table does "
                        "not have",
                        got=column,
                        expected=f"one of {', '.join(frame.columns)}",
                        fix=f"Name another column, or give a table with it as `{name}` table.",
                    )
