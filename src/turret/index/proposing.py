"""What the approximate kinds share: a library proposes candidates, which are then reranked."""

from abc import ABCMeta, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import numpy as np
from jaxtyping import Bool, Float, Float32, Int64, Integer

from turret.errors import CandidateIndexError
from turret.index.base import Index, Parameter, check_search
from turret.index.candidates import Candidates
from turret.index.description import read_description, write_description
from turret.index.filters import Filter
from turret.index.hits import RowHits
from turret.index.parameters import with_overrides
from turret.index.reranking import search_proposed

__all__ = ["BRUTE_FORCE_BELOW", "ProposingIndex", "ProposingParameters"]

BRUTE_FORCE_BELOW = 20_000
"""With fewer candidates than this, an index that was not told otherwise scores them all."""

# Candidates that stand for those which are not there yet.
_MANY, _LONG = 1_000_000, 64


class _AbstractStruct(msgspec.StructMeta, ABCMeta):
    """Of structs that leave methods to their subclasses."""


class ProposingParameters(
    msgspec.Struct,
    metaclass=_AbstractStruct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
):
    """The settings of an approximate index.

    A subclass names its settings, and gives those that suit `size` vectors of length `dim` by
    `suited_to`.
    """

    SEARCH: ClassVar[tuple[str, ...]] = ()
    """The settings that a search reads: others may be tried without building the index again."""

    @classmethod
    @abstractmethod
    def suited_to(
        cls, size: int, dim: int, *, given: dict[str, Parameter] | None = None
    ) -> "ProposingParameters":
        """Chooses settings.

        Args:
            size: number of candidates.
            dim: length of a vector.
            given: settings that are decided already, on which others may depend.

        Returns:
            All settings; those that are given are not yet looked at otherwise.
        """
        ...

    def builds(self) -> list[dict[str, Parameter]]:
        """Gives settings worth building an index with when it is tuned; the first ones are these.

        Returns:
            Settings by name, in place of those that suit the candidates.
        """
        return [{}]

    @abstractmethod
    def searches(self, k: int) -> list[dict[str, Parameter]]:
        """Gives settings of the search worth trying when an index is tuned.

        Args:
            k: answers of a query.

        Returns:
            Settings out of `SEARCH` by name, from the fastest to the most thorough.
        """
        ...

    @property
    @abstractmethod
    def divides(self) -> bool:
        """Whether the library prepares more than the vectors themselves."""
        ...


class ProposingIndex(Index):
    """An index whose library proposes candidates, which are then scored with their own vectors.

    Args:
        candidates: what it searches.
        parameters: the settings it was built with.
        searcher: what the library searches with; None when there are no candidates.
    """

    is_exact: ClassVar[bool] = False
    parameters_type: ClassVar[type[ProposingParameters]]

    def __init__(
        self, candidates: Candidates, *, parameters: ProposingParameters, searcher: Any
    ) -> None:
        """Keep the parts."""
        self.candidates = candidates
        self.parameters = parameters
        self._searcher = searcher

    @classmethod
    def build(cls, candidates: Candidates, **parameters: Parameter) -> "ProposingIndex":
        """Builds the index; parameters are those of its `parameters_type`. See `Index.build`."""
        settings = cls._settings(candidates, parameters)
        searcher = cls._make(candidates, settings)
        return cls(candidates, parameters=settings, searcher=searcher)

    @classmethod
    def check_parameters(cls, parameters: Mapping[str, Parameter]) -> None:
        """Refuses what its `parameters_type` has not. See `Index.check_parameters`."""
        suited = cls.parameters_type.suited_to(_MANY, _LONG, given=dict(parameters))
        with_overrides(suited, parameters)

    @classmethod
    def load(cls, directory: Path, candidates: Candidates) -> "ProposingIndex":
        """Reads what `save` wrote. See `Index.load`."""
        description = read_description(directory, kind=cls.kind, candidates=candidates)
        settings = cls._settings(candidates, description.parameters)
        if not settings.divides or len(candidates) == 0:
            # Scoring every candidate needs nothing but the vectors.
            searcher = cls._make(candidates, settings)
        else:
            searcher, size = cls._read(directory, candidates, settings)
            if size != len(candidates):
                raise CandidateIndexError(
                    f"the files in {directory} belong to other candidates",
                    got=size,
                    expected=f"{len(candidates)} vectors",
                    fix="Build the index again.",
                )
        return cls(candidates, parameters=settings, searcher=searcher)

    @property
    def settings(self) -> dict[str, Parameter]:
        """Every parameter by name. See `Index.settings`."""
        return msgspec.structs.asdict(self.parameters)

    def save(self, directory: Path) -> None:
        """Writes the description and the library's files. See `Index.save`."""
        write_description(
            directory,
            kind=self.kind,
            candidates=self.candidates,
            parameters=self.settings,
        )
        if self.parameters.divides and len(self) > 0:
            self._write(directory)

    def searching_with(self, **parameters: Parameter) -> "ProposingIndex":
        """The same index with other settings of the search.

        Args:
            **parameters: settings out of `parameters.SEARCH`, by name.

        Returns:
            An index that shares everything else.

        Raises:
            CandidateIndexError: if the index would have to be built again, or a value cannot be
                used.
        """
        for name in parameters:
            if name not in self.parameters.SEARCH:
                raise CandidateIndexError(
                    "this setting cannot change without building the index again",
                    got=name,
                    expected=f"one of {', '.join(self.parameters.SEARCH)}",
                )
        settings = with_overrides(self.parameters, parameters)
        return type(self)(self.candidates, parameters=settings, searcher=self._searcher)

    def search_rows(
        self,
        queries: Float[np.ndarray, "q d"],
        k: int,
        *,
        exclude_rows: Sequence[Integer[np.ndarray, " ..."]] | None = None,
        among: Filter | None = None,
    ) -> RowHits:
        """Finds good candidates by row. See `Index.search_rows`."""
        checked = check_search(queries, dim=self.dim, k=k, exclude=exclude_rows)
        return search_proposed(
            self.vectors,
            checked,
            k,
            propose=self._propose,
            exclude_rows=exclude_rows,
            among=among,
            settle_ties=not self.parameters.divides,
        )

    @classmethod
    def _settings(cls, candidates: Candidates, given: dict[str, Parameter]) -> ProposingParameters:
        suited = cls.parameters_type.suited_to(len(candidates), candidates.dim, given=given)
        return with_overrides(suited, given)

    @classmethod
    @abstractmethod
    def _make(cls, candidates: Candidates, settings: Any) -> Any:
        """Builds what the library searches with."""

    @classmethod
    @abstractmethod
    def _read(cls, directory: Path, candidates: Candidates, settings: Any) -> tuple[Any, int]:
        """Reads what the library searches with, and how many vectors it is for.

        The files may be by anybody: what the library would believe of them is checked first.
        """

    @abstractmethod
    def _write(self, directory: Path) -> None:
        """Writes what the library searches with."""

    @abstractmethod
    def _propose(
        self, queries: Float32[np.ndarray, "q d"], places: int
    ) -> tuple[Int64[np.ndarray, "q p"], Bool[np.ndarray, "q p"]]:
        """Searches approximately; see `turret.index.reranking.Propose`."""
