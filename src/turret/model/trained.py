"""A trained model: two towers with their encoders and parameters, from raw columns to vectors."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from jaxtyping import Array, Bool, Float, Float32, Shaped

from turret.data.batch import pad
from turret.data.encoders.history import HistoryEncoder
from turret.data.encoders.tower import Encoded, TowerEncoder
from turret.errors import ModelError, QueryError
from turret.model.features.embedding import CANDIDATES
from turret.model.towers import (
    Dense,
    Parameters,
    Tables,
    candidate_vectors,
    initialize,
    query_vectors,
)
from turret.padding import padded_size
from turret.recipe.towers import TwoTower

__all__ = ["TrainedModel", "require_parameters"]

_BLOCK = 16_384


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """Everything that turns raw queries and candidates into vectors.

    Attributes:
        config: The two towers.
        query_encoder: Encodes query columns.
        candidate_encoder: Encodes candidate columns.
        parameters: Tables and dense parameters.
    """

    config: TwoTower
    query_encoder: TowerEncoder
    candidate_encoder: TowerEncoder
    parameters: Parameters = field(repr=False)

    @property
    def query_columns(self) -> tuple[str, ...]:
        """Columns that a query needs."""
        return self.query_encoder.columns

    @property
    def candidate_columns(self) -> tuple[str, ...]:
        """Columns that a candidate needs."""
        return self.candidate_encoder.columns

    def query_vectors(self, queries: pl.DataFrame) -> Float32[np.ndarray, "n d"]:
        """Vectors of raw queries.

        Args:
            queries: One query a row; holds `query_columns`.

        Returns:
            Shape `[n, config.width]`. A row's vector does not depend on the other rows.

        Raises:
            QueryError: When a column is absent.
        """
        missing = [c for c in self.query_columns if c not in queries.columns]
        if missing:
            raise QueryError(
                "a query lacks features",
                got=queries.columns,
                expected=f"{', '.join(map(repr, missing))} too",
            )
        return self.encoded_query_vectors(self.query_encoder.encode(queries))

    def candidate_vectors(self, candidates: pl.DataFrame) -> Float32[np.ndarray, "n d"]:
        """Vectors of raw candidates.

        Args:
            candidates: One candidate a row; holds `candidate_columns`.

        Returns:
            Shape `[n, config.width]`. A row's vector does not depend on the other rows.

        Raises:
            DataError: When a column is absent.
        """
        encoded = self.candidate_encoder.encode(candidates)
        return _blocks(self.config, "candidate", self.parameters, encoded)

    def met_vectors(self) -> Float32[np.ndarray, "rows d"] | None:
        """What the candidate tower makes of the candidates that a history may hold.

        Row 0, of what is none of them, is zero; features of kind `linear` have no part in it. None
        where no history asks the candidate tower.
        """
        for one in self.query_encoder.encoders.values():
            if isinstance(one, HistoryEncoder) and one.candidates is not None:
                dim = self.config.embedding_dim
                vectors = self.candidate_vectors(one.candidates)[:, :dim]
                return np.concatenate([np.zeros((1, dim), np.float32), vectors])
        return None

    @cached_property
    def _tables_of_queries(self) -> Parameters:
        """The parameters, and beside the tables the vectors of candidates that histories hold."""
        vectors = self.met_vectors()
        if vectors is None:
            return self.parameters
        tables = self.parameters.tables | {CANDIDATES: jnp.asarray(vectors)}
        return self.parameters._replace(tables=tables)

    def encoded_query_vectors(self, encoded: Encoded) -> Float32[np.ndarray, "n d"]:
        """Vectors of queries that `query_encoder` has encoded."""
        return _blocks(self.config, "query", self._tables_of_queries, encoded)

    def known_queries(self, queries: pl.DataFrame) -> Bool[np.ndarray, " n"]:
        """Whether training says something about at least one feature of each query."""
        return self.query_encoder.known(self.query_encoder.encode(queries))

    def arrays(self) -> dict[str, np.ndarray]:
        """Every parameter by its path, such as "dense/query/body/weights/0"."""
        return {
            _path_name(path): np.asarray(leaf)
            for path, leaf in jax.tree_util.tree_leaves_with_path(self.parameters)
        }

    @classmethod
    def from_arrays(
        cls,
        config: TwoTower,
        *,
        query_encoder: TowerEncoder,
        candidate_encoder: TowerEncoder,
        arrays: Mapping[str, np.ndarray],
    ) -> "TrainedModel":
        """The model of which `arrays()` is given.

        Raises:
            ModelError: When an array is absent, superfluous, or of another shape than the
                configuration asks for.
        """
        like = require_parameters(config, (query_encoder, candidate_encoder), arrays)
        leaves = [
            jnp.asarray(arrays[_path_name(path)])
            for path, _ in jax.tree_util.tree_leaves_with_path(like)
        ]
        parameters = jax.tree_util.tree_unflatten(jax.tree_util.tree_structure(like), leaves)
        return cls(config, query_encoder, candidate_encoder, parameters)


def require_parameters(
    config: TwoTower,
    encoders: tuple[TowerEncoder, TowerEncoder],
    arrays: Mapping[str, np.ndarray],
) -> Parameters:
    """Refuse parameters that are not those of two towers.

    Args:
        config: The two towers.
        encoders: That of the query tower and that of the candidate tower.
        arrays: Every parameter by its path; their numbers are not looked at.

    Returns:
        What the parameters are like: shapes and types without numbers.

    Raises:
        ModelError: When an array is absent, superfluous, or of another shape or type than the
            configuration asks for.
    """
    like = eqx.filter_eval_shape(
        lambda key: initialize(key, config, encoders=encoders), jax.random.key(0)
    )
    expected = {_path_name(p): x for p, x in jax.tree_util.tree_leaves_with_path(like)}
    if expected.keys() != arrays.keys():
        raise ModelError(
            "the parameters do not belong to this model",
            got=sorted(arrays.keys() - expected.keys()),
            expected=f"{sorted(expected.keys() - arrays.keys())} instead",
        )
    for name, want in expected.items():
        got = arrays[name]
        if got.shape != want.shape or got.dtype != want.dtype:
            raise ModelError(
                f"parameter {name!r} has the wrong shape",
                got=f"{got.dtype}{list(got.shape)}",
                expected=f"{want.dtype}{list(want.shape)}",
            )
    return like


def _path_name(path: tuple) -> str:
    return "/".join(str(getattr(p, "name", getattr(p, "key", getattr(p, "idx", p)))) for p in path)


def _blocks(
    config: TwoTower,
    side: str,
    parameters: Parameters,
    encoded: Encoded,
) -> Float32[np.ndarray, "n d"]:
    n = len(next(iter(encoded.values())))
    if n == 0:
        return np.zeros((0, config.width), np.float32)
    parts = []
    for start in range(0, n, _BLOCK):
        block = {name: values[start : start + _BLOCK] for name, values in encoded.items()}
        size = min(_BLOCK, n - start)
        room = padded_size(size)
        padded = {name: pad(values, room) for name, values in block.items()}
        vectors = _forward(config, side, parameters.tables, parameters.dense, padded)
        parts.append(np.asarray(vectors)[:size])
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


@partial(jax.jit, static_argnums=(0, 1))
def _forward(
    config: TwoTower,
    side: str,
    tables: Tables,
    dense: Dense,
    encoded: dict[str, Shaped[Array, "n ..."]],
) -> Float[Array, "n d"]:
    tower = query_vectors if side == "query" else candidate_vectors
    return tower(config, tables=tables, dense=dense, encoded=encoded)
