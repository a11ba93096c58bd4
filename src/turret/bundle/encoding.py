"""The files in `encoders/`: what each feature was fitted to, written and read again."""

from pathlib import Path

import polars as pl

from turret.data.encoders.base import AnyEncoder
from turret.data.encoders.history import HistoryEncoder
from turret.data.encoders.kinds import restored
from turret.data.encoders.tower import TowerEncoder
from turret.recipe.towers import Tower, TwoTower
from turret.storage import files
from turret.storage.parquet import Allowance

__all__ = ["read_encoders", "require_encodable", "write_encoder"]


def _file(tower: str, number: int) -> str:
    # By number: a column may have any name, a file may not.
    return f"encoders/{tower}-{number}.parquet"


def write_encoder(directory: Path, encoder: TowerEncoder) -> None:
    """Writes what a tower's features were fitted to.

    Args:
        directory: of the bundle; it has the folder `encoders`.
        encoder: of the tower.
    """
    for number, state in enumerate(encoder.states()):
        files.write_table(directory / _file(encoder.name, number), state)


def read_encoders(
    directory: Path, config: TwoTower, *, allowance: Allowance
) -> tuple[TowerEncoder, TowerEncoder]:
    """Reads what both towers' features were fitted to.

    Args:
        directory: of the bundle.
        config: the two towers.
        allowance: what tables may take in memory.

    Returns:
        The encoder of the query tower and that of the candidate tower.

    Raises:
        BundleError: if a file is missing, or holds something else; it is named.
    """

    def one(name: str, tower: Tower) -> TowerEncoder:
        encoders: dict[str, AnyEncoder] = {}
        for number, feature in enumerate(tower.features):
            path = directory / _file(name, number)
            state = files.read_table(path, [], allowance=allowance)
            with files.reading(path):
                encoders[feature.key] = restored(feature, state)
        return TowerEncoder(name, tuple(tower.features), encoders)

    return one("query", config.query), one("candidate", config.candidate)


def require_encodable(
    directory: Path,
    encoders: tuple[TowerEncoder, TowerEncoder],
    *,
    queries: pl.DataFrame,
    candidates: pl.DataFrame,
) -> None:
    """Refuses columns of a type that the features cannot read.

    Args:
        directory: of the bundle.
        encoders: of the query tower and the candidate tower.
        queries: the table of queries.
        candidates: the table of candidates, which need not have what its tower reads.

    Raises:
        BundleError: if there is such a column; its file is named.
    """
    query, candidate = encoders
    # Types show in a table without rows, too.
    with files.reading(directory / "queries.parquet"):
        query.encode(queries.clear())
    if set(candidate.columns) <= set(candidates.columns):
        with files.reading(directory / "candidates.parquet"):
            candidate.encode(candidates.clear())
    for number, feature in enumerate(query.features):
        one = query.encoders[feature.key]
        if isinstance(one, HistoryEncoder) and one.candidates is not None:
            with files.reading(directory / _file("query", number)):
                candidate.encode(one.candidates.clear())
