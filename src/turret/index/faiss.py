"""Approximate search with the FAISS library, for machines that ScaNN has no wheel for.

Below 20,000 candidates FAISS scores them all. Above, it divides the candidates into about sqrt(n)
lists and scores those in the lists nearest to the query; or, where `links` is given, it walks a
graph in which each candidate is linked to others near to it (HNSW). The answers are scored again
here, so that scores are true inner products and ties go to the smallest row.

Reference: Douze et al., "The Faiss library", 2024, https://arxiv.org/abs/2401.08281; Malkov and
Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable
Small World graphs", 2016, https://arxiv.org/abs/1603.09320
"""

from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float32, Int64
from msgspec import Meta

from turret.errors import CandidateIndexError, MissingPartError
from turret.index.base import Parameter
from turret.index.candidates import Candidates
from turret.index.faiss_file import require_readable
from turret.index.parameters import whole_number
from turret.index.proposing import BRUTE_FORCE_BELOW, ProposingIndex, ProposingParameters

__all__ = ["FaissIndex", "FaissParameters"]

_LISTS = "lists.faiss"
_GRAPH = "graph.faiss"


class FaissParameters(ProposingParameters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of a FAISS index; without lists and links every candidate is scored.

    Attributes:
        lists: number of inverted lists; 0 means none.
        lists_to_search: lists that a search looks into.
        links: links of a candidate in the graph; 0 means that there is no graph. A graph finds
            more in the same time, and takes many times as long to build.
        breadth_of_build: candidates kept in sight while the graph is built.
        breadth: candidates kept in sight while the graph is searched.
    """

    SEARCH: ClassVar[tuple[str, ...]] = ("lists_to_search", "breadth")

    lists: Annotated[int, Meta(ge=0)]
    lists_to_search: Annotated[int, Meta(ge=0)]
    links: Annotated[int, Meta(ge=0)]
    breadth_of_build: Annotated[int, Meta(ge=1)]
    breadth: Annotated[int, Meta(ge=1)]

    @classmethod
    def suited_to(
        cls, size: int, dim: int, *, given: dict[str, Parameter] | None = None
    ) -> "FaissParameters":
        """Chooses settings that find at least 95 of the best 100 in clustered vectors.

        Args:
            size: number of candidates.
            dim: length of a vector; no setting depends on it.
            given: settings that are decided already; with `links` there are no lists.

        Returns:
            All settings.

        Example:
            >>> FaissParameters.suited_to(1682, 32).lists
            0
            >>> FaissParameters.suited_to(40_000, 32).lists
            200
        """
        links = whole_number(given, "links", 0)
        suited = 0 if size < BRUTE_FORCE_BELOW or links > 0 else round(size**0.5)
        number = whole_number(given, "lists", suited)
        return cls(
            lists=number,
            lists_to_search=-(-number // 6),
            links=links,
            breadth_of_build=200,
            breadth=200,
        )

    def searches(self, k: int) -> list[dict[str, Parameter]]:
        """Lists, or the breadth, in steps. See `ProposingParameters.searches`."""
        if self.links > 0:
            return [{"breadth": times * k} for times in (1, 2, 4, 8, 16, 32)]
        shares = (2, 4, 8, 16, 32, 64, 128, 256, 400)
        numbers = sorted({-(-self.lists * share // 400) for share in shares})
        return [{"lists_to_search": number} for number in numbers]

    @property
    def divides(self) -> bool:
        """Whether there are lists or a graph."""
        return self.lists > 0 or self.links > 0


def _import_faiss() -> Any:  # the library has no types
    try:
        import faiss
    except ModuleNotFoundError as error:
        raise MissingPartError("faiss", extra="faiss") from error
    return faiss


class FaissIndex(ProposingIndex):
    """An index searched by FAISS. Made by `build` or `load`."""

    kind: ClassVar[str] = "faiss"
    parameters_type: ClassVar[type[ProposingParameters]] = FaissParameters
    parameters: FaissParameters

    @classmethod
    def _make(cls, candidates: Candidates, settings: FaissParameters) -> Any:
        if settings.lists > 0 and settings.links > 0:
            raise CandidateIndexError(
                "FAISS divides into lists or links a graph, not both", got=settings
            )
        faiss = _import_faiss()
        product = faiss.METRIC_INNER_PRODUCT
        searcher = faiss.IndexFlatIP(candidates.dim)
        if settings.links > 0:
            searcher = faiss.IndexHNSWFlat(candidates.dim, settings.links, product)
            searcher.hnsw.efConstruction = settings.breadth_of_build
        elif settings.lists > 0:
            searcher = faiss.IndexIVFFlat(searcher, candidates.dim, settings.lists, product)
            try:
                searcher.train(candidates.vectors)
            except RuntimeError as error:
                raise CandidateIndexError(
                    "FAISS cannot divide the candidates into so many lists",
                    got=settings.lists,
                    expected=f"at most {len(candidates)}",
                ) from error
        searcher.add(candidates.vectors)
        return searcher

    @classmethod
    def _read(
        cls, directory: Path, candidates: Candidates, settings: FaissParameters
    ) -> tuple[Any, int]:
        path = directory / (_GRAPH if settings.links > 0 else _LISTS)
        faiss = _import_faiss()
        require_readable(
            path,
            size=len(candidates),
            dim=candidates.dim,
            lists=settings.lists,
            links=settings.links,
        )
        try:
            searcher = faiss.read_index(str(path))
        except RuntimeError as error:
            raise CandidateIndexError(
                f"FAISS cannot read {path}", fix="Build the index again."
            ) from error
        return searcher, searcher.ntotal

    def _write(self, directory: Path) -> None:
        name = _LISTS if self.parameters.lists > 0 else _GRAPH
        _import_faiss().write_index(self._searcher, str(directory / name))

    def _propose(
        self, queries: Float32[np.ndarray, "q d"], places: int
    ) -> tuple[Int64[np.ndarray, "q p"], Bool[np.ndarray, "q p"]]:
        settings = self.parameters
        if not settings.divides:
            _, rows = self._searcher.search(queries, places)
        elif settings.links > 0:
            breadth = min(max(settings.breadth, places), len(self))
            chosen = _import_faiss().SearchParametersHNSW(efSearch=breadth)
            _, rows = self._searcher.search(queries, places, params=chosen)
        else:
            # Lists are of unequal length: four times as many candidates as are asked for.
            share = -(-4 * places * settings.lists // len(self))
            lists = min(settings.lists, max(settings.lists_to_search, share))
            chosen = _import_faiss().SearchParametersIVF(nprobe=lists)
            _, rows = self._searcher.search(queries, places, params=chosen)
        # A place that FAISS could not fill holds -1.
        return rows, rows >= 0
