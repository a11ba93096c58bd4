"""Fitting the encoders of both towers on training data."""

from dataclasses import replace

import numpy as np
import polars as pl
from jaxtyping import Int32

from turret.data.dataset import Dataset
from turret.data.encoders.categorical import CategoricalEncoder
from turret.data.encoders.history import HistoryEncoder
from turret.data.encoders.kinds import with_vocabulary
from turret.data.encoders.tower import TowerEncoder
from turret.data.vocabulary import Vocabulary
from turret.errors import DataError
from turret.recipe.features.base import table_name
from turret.recipe.features.feature import Feature
from turret.recipe.features.history import History
from turret.recipe.towers import Tower, TwoTower

__all__ = ["fit_encoders"]


def fit_encoders(config: TwoTower, train: Dataset) -> tuple[TowerEncoder, TowerEncoder]:
    """Fit both towers' encoders on the queries and candidates that training interactions name.

    Features that share a table share its vocabulary: it is fitted on the values of all their
    columns. A history adds none to a table that others make; its own holds the candidates of the
    training interactions.

    Args:
        config: The two towers.
        train: The training part; rows of its tables that no interaction names are not looked at.

    Returns:
        The query tower's encoder and the candidate tower's.

    Raises:
        DataError: When a feature's column is absent from its table, or a history shares the rows
            of another column than the candidates' ids.
    """
    sides = {
        "query": (config.query, train.queries, train.interactions.query_row),
        "candidate": (config.candidate, train.candidates, train.interactions.candidate_row),
    }
    values: dict[str, list[pl.Series]] = {}
    rules: dict[str, Feature] = {}
    for name, (tower, frame, rows) in sides.items():
        _require_columns(name, tower, frame)
        for feature in tower.features:
            if not isinstance(feature, History):
                table = table_name(name, feature)
                used = _used(feature, frame, rows)
                values.setdefault(table, []).append(CategoricalEncoder.ids(feature, used))
                rules.setdefault(table, feature)
    history = config.history
    if history is not None:
        table = table_name("query", history)
        if table in values:
            _require_candidate_ids(config, history, train)
        else:
            values[table] = [train.candidate_ids.gather(train.interactions.candidate_row)]
            rules[table] = history
    vocabularies = {
        table: Vocabulary.fit(
            pl.concat(columns), min_count=rules[table].min_count, max_size=rules[table].max_size
        )
        for table, columns in values.items()
    }

    def encoder(name: str, tower: Tower) -> TowerEncoder:
        encoders = {
            f.key: with_vocabulary(f, vocabularies[table_name(name, f)]) for f in tower.features
        }
        return TowerEncoder(name, tuple(tower.features), encoders)

    candidate = encoder("candidate", config.candidate)
    return _with_candidates(encoder("query", config.query), candidate, train), candidate


def _with_candidates(query: TowerEncoder, candidate: TowerEncoder, train: Dataset) -> TowerEncoder:
    """Give a history that the candidate tower reads what that tower is to read."""
    encoders = dict(query.encoders)
    for key, one in encoders.items():
        if isinstance(one, HistoryEncoder) and not one.feature.has_table:
            places = Vocabulary(train.candidate_ids).rows(one.vocabulary.ids) - 1
            columns = train.candidates.select(candidate.columns)[places]
            encoders[key] = replace(one, candidates=columns)
    return replace(query, encoders=encoders)


def _used(feature: Feature, frame: pl.DataFrame, rows: Int32[np.ndarray, " n"]) -> pl.DataFrame:
    """What training shows of a feature: its rows once, or as often as interactions name them."""
    counted = feature.min_count > 1 or feature.max_size is not None
    return frame.select(feature.reads)[rows if counted else np.unique(rows)]


def _require_candidate_ids(config: TwoTower, history: History, train: Dataset) -> None:
    """Refuse a history on a table of other values: none of its ids would be found there."""
    table = table_name("query", history)
    columns = [f.column for f in config.candidate.features if table_name("candidate", f) == table]
    if train.candidate_id not in columns:
        raise DataError(
            f"the history {history.key!r} shares the table {table!r}, which has no candidate ids",
            got=f"a table of {', '.join(map(repr, columns)) or 'query features'}",
            expected=f"one of {train.candidate_id!r}",
            fix="Leave `table` out: the history then has a table of its own.",
        )


def _require_columns(name: str, tower: Tower, frame: pl.DataFrame) -> None:
    for feature in tower.features:
        for column in feature.reads:
            if column not in frame.columns:
                raise DataError(
                    f"the {name} tower has a feature on a column that the {name} table does not "
                    "have",
                    got=column,
                    expected=f"one of {', '.join(frame.columns)}",
                    fix=f"Name another column, or give a table with it as `{name}` table.",
                )
