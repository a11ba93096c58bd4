"""Approximate search with the ScaNN library.

Below 20,000 candidates ScaNN scores them all. Above, it divides the candidates into about sqrt(n)
partitions, scores the quantised vectors of the partitions nearest to the query, and the best of
those once more with their float32 vectors. Either way the answers are scored again here, so that
scores are true inner products and ties go to the smallest row.

Reference: Guo et al., "Accelerating Large-Scale Inference with Anisotropic Vector Quantization",
2020, https://arxiv.org/abs/1908.10396
"""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import msgspec
import numpy as np
from jaxtyping import Bool, Float, Float32, Int64, Integer

from turret.errors import CandidateIndexError
from turret.index.base import Candidates, Index, RowHits, check_search
from turret.index.description import read_description, write_description
from turret.index.parameters import with_overrides
from turret.index.reranking import search_proposed
from turret.index.scann_library import import_scann, without_log_lines

__all__ = ["ScannIndex", "ScannParameters"]

_BRUTE_FORCE_BELOW = 20_000
_ASSETS = "scann_assets.pbtxt"
# ScaNN spreads a batch over threads in portions; a smaller batch is not worth waking them.
_PARALLEL_FROM = 64


class ScannParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of a ScaNN index.

    Attributes:
        leaves: number of partitions; 0 means none, and every candidate is scored.
        leaves_to_search: partitions that a search looks into.
        reorder: candidates of a search that are scored with their float32 vectors.
        dimensions_per_block: numbers of a vector that share one code of 4 bits.
        threshold: strength of the anisotropic quantisation, in (0, 1).
        training_sample: at most so many vectors are looked at to find the partitions.
    """

    leaves: Annotated[int, msgspec.Meta(ge=0)]
    leaves_to_search: Annotated[int, msgspec.Meta(ge=0)]
    reorder: Annotated[int, msgspec.Meta(ge=1)]
    dimensions_per_block: Annotated[int, msgspec.Meta(ge=1)]
    threshold: Annotated[float, msgspec.Meta(gt=0, lt=1)]
    training_sample: Annotated[int, msgspec.Meta(ge=1)]

    @classmethod
    def suited_to(cls, size: int, *, leaves: int | float | None = None) -> "ScannParameters":
        """Chooses settings for a number of candidates.

        Args:
            size: number of candidates.
            leaves: the number of partitions, when it is given.

        Returns:
            Settings that find at least 95 of the best 100 in 50,000 clustered vectors.

        Example:
            >>> ScannParameters.suited_to(1682).leaves, ScannParameters.suited_to(40_000).leaves
            (0, 200)
        """
        suited = 0 if size < _BRUTE_FORCE_BELOW else round(size**0.5)
        number = suited if leaves is None else math.ceil(leaves)
        return cls(
            leaves=number,
            leaves_to_search=-(-number // 5),
            reorder=1000,
            dimensions_per_block=2,
            threshold=0.2,
            training_sample=100_000,
        )


class ScannIndex(Index):
    """An index searched by ScaNN. Made by `build` or `load`.

    Args:
        candidates: what it searches.
        parameters: the settings it was built with.
        searcher: ScaNN's own searcher over the same vectors; None when there are none.
    """

    kind: ClassVar[str] = "scann"
    is_exact: ClassVar[bool] = False

    def __init__(
        self, candidates: Candidates, *, parameters: ScannParameters, searcher: Any
    ) -> None:
        """Keep the parts."""
        self.candidates = candidates
        self.parameters = parameters
        self._searcher = searcher

    @classmethod
    def build(cls, candidates: Candidates, **parameters: int | float) -> "ScannIndex":
        """Builds the index; parameters are those of `ScannParameters`. See `Index.build`."""
        suited = ScannParameters.suited_to(len(candidates), leaves=parameters.get("leaves"))
        settings = with_overrides(suited, parameters)
        scann = import_scann()
        if len(candidates) == 0:
            return cls(candidates, parameters=settings, searcher=None)
        builder = scann.builder(candidates.vectors, 10, "dot_product")
        if settings.leaves == 0:
            builder = builder.score_brute_force()
        else:
            builder = (
                builder.tree(
                    settings.leaves,
                    settings.leaves_to_search,
                    training_sample_size=settings.training_sample,
                )
                .score_ah(
                    settings.dimensions_per_block,
                    anisotropic_quantization_threshold=settings.threshold,
                    training_sample_size=settings.training_sample,
                )
                .reorder(settings.reorder)
            )
        try:
            with without_log_lines():
                searcher = builder.build().searcher
        except (RuntimeError, ValueError) as error:
            raise CandidateIndexError(
                f"ScaNN cannot build this index: {error}", got=settings
            ) from error
        return cls(candidates, parameters=settings, searcher=searcher)

    @classmethod
    def load(cls, directory: Path, candidates: Candidates) -> "ScannIndex":
        """Reads what `save` wrote. See `Index.load`."""
        description = read_description(directory, kind=cls.kind, candidates=candidates)
        settings = with_overrides(
            ScannParameters.suited_to(len(candidates)), description.parameters
        )
        if settings.leaves == 0 or len(candidates) == 0:
            # Scoring every candidate needs nothing but the vectors.
            return cls.build(candidates, **description.parameters)
        scann = import_scann()
        # ScaNN's own loader would unpickle ids that lie beside the index; this one cannot.
        assets = _read_assets(directory)
        try:
            with without_log_lines():
                searcher = scann.scann_pybind.ScannNumpy(str(directory), assets)
        except (RuntimeError, ValueError) as error:
            raise CandidateIndexError(
                f"ScaNN cannot read its files: {error}", fix="Build the index again."
            ) from error
        if searcher.size() != len(candidates):
            raise CandidateIndexError(
                f"the ScaNN files in {directory} belong to other candidates",
                got=searcher.size(),
                expected=f"{len(candidates)} vectors",
                fix="Build the index again.",
            )
        return cls(candidates, parameters=settings, searcher=searcher)

    def save(self, directory: Path) -> None:
        """Writes the description and ScaNN's files. See `Index.save`."""
        write_description(
            directory,
            kind=self.kind,
            candidates=self.candidates,
            parameters=msgspec.structs.asdict(self.parameters),
        )
        if self.parameters.leaves > 0 and len(self) > 0:
            self._searcher.serialize(str(directory), True)

    def search_rows(
        self,
        queries: Float[np.ndarray, "q d"],
        k: int,
        *,
        exclude_rows: Sequence[Integer[np.ndarray, " ..."]] | None = None,
    ) -> RowHits:
        """Finds good candidates by row. See `Index.search_rows`."""
        checked = check_search(queries, dim=self.dim, k=k, exclude=exclude_rows)
        return search_proposed(
            self.vectors,
            checked,
            k,
            propose=self._propose,
            exclude_rows=exclude_rows,
            settle_ties=self.parameters.leaves == 0,
        )

    def _propose(
        self, queries: Float32[np.ndarray, "q d"], places: int
    ) -> tuple[Int64[np.ndarray, "q p"], Bool[np.ndarray, "q p"]]:
        settings = self.parameters
        reorder = max(settings.reorder, places)
        # Partitions are of unequal size: four times as many candidates as are asked for.
        share = -(-4 * places * settings.leaves // len(self))
        leaves = min(settings.leaves, max(settings.leaves_to_search, share))
        parallel = queries.shape[0] >= _PARALLEL_FROM
        rows, distances = self._searcher.search_batched(
            queries, places, reorder, leaves, parallel, 256
        )
        # A place that ScaNN could not fill holds row 0 at the distance NaN.
        return rows.astype(np.int64), ~np.isnan(distances)


def _read_assets(directory: Path) -> str:
    """Reads ScaNN's list of its files, each of which must lie in the same directory."""
    path = directory / _ASSETS
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CandidateIndexError(
            f"{path} cannot be read: {error}", fix="Build the index again."
        ) from error
    for name in re.findall(r'asset_path:\s*"([^"]*)"', text):
        if "/" in name or not (directory / name).is_file():
            raise CandidateIndexError(
                f"{path} names a file that is not in its directory",
                got=name,
                fix="Build the index again.",
            )
    return text
