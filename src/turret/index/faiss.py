"""Approximate search with the FAISS library, for machines that ScaNN has no wheel for.

Below 20,000 candidates FAISS scores them all. Above, it divides the candidates into about sqrt(n)
lists and scores those in the lists nearest to the query. The answers are scored again here, so
that scores are true inner products and ties go to the smallest row.

Reference: Douze et al., "The Faiss library", 2024, https://arxiv.org/abs/2401.08281
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import msgspec
import numpy as np
from jaxtyping import Bool, Float, Float32, Int64, Integer

from turret.errors import CandidateIndexError, MissingPartError
from turret.index.base import Candidates, Index, RowHits, check_search
from turret.index.description import read_description, write_description
from turret.index.parameters import with_overrides
from turret.index.reranking import search_proposed

__all__ = ["FaissIndex", "FaissParameters"]

_BRUTE_FORCE_BELOW = 20_000
_FILE = "lists.faiss"


class FaissParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of a FAISS index.

    Attributes:
        lists: number of inverted lists; 0 means none, and every candidate is scored.
        lists_to_search: lists that a search looks into.
    """

    lists: Annotated[int, msgspec.Meta(ge=0)]
    lists_to_search: Annotated[int, msgspec.Meta(ge=0)]

    @classmethod
    def suited_to(cls, size: int, *, lists: int | float | None = None) -> "FaissParameters":
        """Chooses settings for a number of candidates.

        Args:
            size: number of candidates.
            lists: the number of lists, when it is given.

        Returns:
            Settings that find at least 95 of the best 100 in 50,000 clustered vectors.

        Example:
            >>> FaissParameters.suited_to(1682).lists, FaissParameters.suited_to(40_000).lists
            (0, 200)
        """
        suited = 0 if size < _BRUTE_FORCE_BELOW else round(size**0.5)
        number = suited if lists is None else math.ceil(lists)
        return cls(lists=number, lists_to_search=-(-number // 6))


def _import_faiss() -> Any:  # the library has no types
    try:
        import faiss
    except ModuleNotFoundError as error:
        raise MissingPartError("faiss", extra="faiss") from error
    return faiss


class FaissIndex(Index):
    """An index searched by FAISS. Made by `build` or `load`.

    Args:
        candidates: what it searches.
        parameters: the settings it was built with.
        searcher: FAISS' own index over the same vectors.
    """

    kind: ClassVar[str] = "faiss"
    is_exact: ClassVar[bool] = False

    def __init__(
        self, candidates: Candidates, *, parameters: FaissParameters, searcher: Any
    ) -> None:
        """Keep the parts."""
        self.candidates = candidates
        self.parameters = parameters
        self._searcher = searcher

    @classmethod
    def build(cls, candidates: Candidates, **parameters: int | float) -> "FaissIndex":
        """Builds the index; parameters are those of `FaissParameters`. See `Index.build`."""
        suited = FaissParameters.suited_to(len(candidates), lists=parameters.get("lists"))
        settings = with_overrides(suited, parameters)
        faiss = _import_faiss()
        searcher = faiss.IndexFlatIP(candidates.dim)
        if settings.lists > 0:
            searcher = faiss.IndexIVFFlat(
                searcher, candidates.dim, settings.lists, faiss.METRIC_INNER_PRODUCT
            )
            try:
                searcher.train(candidates.vectors)
            except RuntimeError as error:
                raise CandidateIndexError(
                    "FAISS cannot divide the candidates into so many lists",
                    got=settings.lists,
                    expected=f"at most {len(candidates)}",
                ) from error
        searcher.add(candidates.vectors)
        return cls(candidates, parameters=settings, searcher=searcher)

    @classmethod
    def load(cls, directory: Path, candidates: Candidates) -> "FaissIndex":
        """Reads what `save` wrote. See `Index.load`."""
        description = read_description(directory, kind=cls.kind, candidates=candidates)
        settings = with_overrides(
            FaissParameters.suited_to(len(candidates)), description.parameters
        )
        if settings.lists == 0:
            # Scoring every candidate needs nothing but the vectors.
            return cls.build(candidates, **description.parameters)
        faiss = _import_faiss()
        path = directory / _FILE
        try:
            searcher = faiss.read_index(str(path))
        except RuntimeError as error:
            raise CandidateIndexError(
                f"FAISS cannot read {path}", fix="Build the index again."
            ) from error
        if (searcher.ntotal, searcher.d) != (len(candidates), candidates.dim):
            raise CandidateIndexError(
                f"{path} belongs to other candidates",
                got=f"{searcher.ntotal} vectors of length {searcher.d}",
                expected=f"{len(candidates)} of length {candidates.dim}",
                fix="Build the index again.",
            )
        return cls(candidates, parameters=settings, searcher=searcher)

    def save(self, directory: Path) -> None:
        """Writes the description and the inverted lists. See `Index.save`."""
        write_description(
            directory,
            kind=self.kind,
            candidates=self.candidates,
            parameters=msgspec.structs.asdict(self.parameters),
        )
        if self.parameters.lists > 0:
            _import_faiss().write_index(self._searcher, str(directory / _FILE))

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
            settle_ties=self.parameters.lists == 0,
        )

    def _propose(
        self, queries: Float32[np.ndarray, "q d"], places: int
    ) -> tuple[Int64[np.ndarray, "q p"], Bool[np.ndarray, "q p"]]:
        settings = self.parameters
        if settings.lists == 0:
            _, rows = self._searcher.search(queries, places)
        else:
            faiss = _import_faiss()
            # Lists are of unequal length: four times as many candidates as are asked for.
            share = -(-4 * places * settings.lists // len(self))
            lists = min(settings.lists, max(settings.lists_to_search, share))
            chosen = faiss.SearchParametersIVF(nprobe=lists)
            _, rows = self._searcher.search(queries, places, params=chosen)
        # A place that FAISS could not fill holds -1.
        return rows, rows >= 0
