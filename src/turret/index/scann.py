"""Approximate search with the ScaNN library.

Below 20,000 candidates ScaNN scores them all. Above, it divides the candidates into about sqrt(n)
partitions, scores the quantised vectors of the partitions nearest to the query, and the best of
those once more with their float32 vectors. Either way the answers are scored again here, so that
scores are true inner products and ties go to the smallest row.

Reference: Guo et al., "Accelerating Large-Scale Inference with Anisotropic Vector Quantization",
2020, https://arxiv.org/abs/1908.10396
"""

from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float32, Int64
from msgspec import Meta

from turret.cores import cores
from turret.errors import CandidateIndexError
from turret.index.base import Parameter
from turret.index.candidates import Candidates
from turret.index.parameters import whole_number
from turret.index.proposing import BRUTE_FORCE_BELOW, ProposingIndex, ProposingParameters
from turret.index.scann_files import read_assets
from turret.index.scann_layout import is_expected
from turret.index.scann_library import import_scann, without_log_lines

__all__ = ["ScannIndex", "ScannParameters"]

# ScaNN spreads a batch over its threads in portions of at most so many queries.
_PORTION = 256


class ScannParameters(ProposingParameters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of a ScaNN index.

    Attributes:
        leaves: number of partitions; 0 means none, and every candidate is scored.
        leaves_to_search: partitions that a search looks into.
        reorder: candidates of a search that are scored with their float32 vectors.
        dimensions_per_block: numbers of a vector that share one code of 4 bits.
        threshold: strength of the anisotropic quantisation, in (0, 1).
        training_sample: at most so many vectors are looked at to find the partitions.
    """

    SEARCH: ClassVar[tuple[str, ...]] = ("leaves_to_search", "reorder")

    leaves: Annotated[int, Meta(ge=0)]
    leaves_to_search: Annotated[int, Meta(ge=0)]
    reorder: Annotated[int, Meta(ge=1)]
    dimensions_per_block: Annotated[int, Meta(ge=1)]
    threshold: Annotated[float, Meta(gt=0, lt=1)]
    training_sample: Annotated[int, Meta(ge=1)]

    @classmethod
    def suited_to(
        cls, size: int, dim: int, *, given: dict[str, Parameter] | None = None
    ) -> "ScannParameters":
        """Chooses settings that find at least 95 of the best 100 in clustered vectors.

        Args:
            size: number of candidates.
            dim: length of a vector; where it is short, each number has a code of its own.
            given: settings that are decided already.

        Returns:
            All settings.

        Example:
            >>> ScannParameters.suited_to(1682, 32).leaves
            0
            >>> ScannParameters.suited_to(40_000, 32).leaves
            200
        """
        suited = 0 if size < BRUTE_FORCE_BELOW else round(size**0.5)
        number = whole_number(given, "leaves", suited)
        return cls(
            leaves=number,
            leaves_to_search=-(-number // 5),
            reorder=1000,
            dimensions_per_block=2 if dim >= 16 else 1,
            threshold=0.2,
            training_sample=100_000,
        )

    def builds(self) -> list[dict[str, Parameter]]:
        """Also codes for each number of a vector. See `ProposingParameters.builds`."""
        return [{}, {"dimensions_per_block": 1}] if self.dimensions_per_block > 1 else [{}]

    def searches(self, k: int) -> list[dict[str, Parameter]]:
        """Leaves and candidates to reorder, in steps. See `ProposingParameters.searches`."""
        shares = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 400)
        leaves = sorted({-(-self.leaves * share // 400) for share in shares})
        return [
            {"leaves_to_search": number, "reorder": times * k}
            for number in leaves
            for times in (3, 6, 9, 12, 18, 25, 50)
        ]

    @property
    def divides(self) -> bool:
        """Whether there are partitions."""
        return self.leaves > 0


class ScannIndex(ProposingIndex):
    """An index searched by ScaNN. Made by `build` or `load`."""

    kind: ClassVar[str] = "scann"
    parameters_type: ClassVar[type[ProposingParameters]] = ScannParameters
    parameters: ScannParameters

    @classmethod
    def _make(cls, candidates: Candidates, settings: ScannParameters) -> Any:
        scann = import_scann()
        if len(candidates) == 0:
            return None
        builder = scann.builder(candidates.vectors, 10, "dot_product")
        if not settings.divides:
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
                return builder.build().searcher
        except (RuntimeError, ValueError) as error:
            raise CandidateIndexError(
                f"ScaNN cannot build this index: {error}", got=settings
            ) from error

    @classmethod
    def _read(
        cls, directory: Path, candidates: Candidates, settings: ScannParameters
    ) -> tuple[Any, int]:
        scann = import_scann()
        # ScaNN's own loader would unpickle ids that lie beside the index; this one cannot.
        assets = read_assets(directory, candidates=candidates, leaves=settings.leaves)
        try:
            with without_log_lines():
                if not cls._is_expected(directory, candidates, settings):
                    # By another release, or by nobody's: the vectors say all that there is to say.
                    return cls._make(candidates, settings), len(candidates)
                searcher = scann.scann_pybind.ScannNumpy(str(directory), assets)
        except (OSError, RuntimeError, ValueError) as error:
            raise CandidateIndexError(
                f"ScaNN cannot read its files: {error}", fix="Build the index again."
            ) from error
        return searcher, searcher.size()

    @classmethod
    def _is_expected(
        cls, directory: Path, candidates: Candidates, settings: ScannParameters
    ) -> bool:
        def build(vectors: Float32[np.ndarray, "m d"]) -> Any:
            ids = [str(row) for row in range(len(vectors))]
            return cls._make(Candidates(ids, vectors), settings)

        return is_expected(
            directory,
            dim=candidates.dim,
            leaves=settings.leaves,
            block=settings.dimensions_per_block,
            build=build,
        )

    def _write(self, directory: Path) -> None:
        self._searcher.serialize(str(directory), True)

    def _propose(
        self, queries: Float32[np.ndarray, "q d"], places: int
    ) -> tuple[Int64[np.ndarray, "q p"], Bool[np.ndarray, "q p"]]:
        settings = self.parameters
        reorder = min(max(settings.reorder, places), len(self))
        # Partitions are of unequal size: four times as many candidates as are asked for.
        share = -(-4 * places * settings.leaves // len(self))
        leaves = min(settings.leaves, max(settings.leaves_to_search, share))
        number = queries.shape[0]
        if number == 1:
            found, _ = self._searcher.search(queries[0], places, reorder, leaves)
            rows = np.zeros((1, places), dtype=np.int64)
            rows[0, : len(found)] = found
            return rows, np.arange(places)[None] < len(found)
        portion = min(-(-number // cores()), _PORTION)
        rows, distances = self._searcher.search_batched(
            queries, places, reorder, leaves, True, portion
        )
        # A place that ScaNN could not fill holds row 0 at the distance NaN.
        return rows.astype(np.int64), ~np.isnan(distances)
