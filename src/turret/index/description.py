"""`index.json`: what a saved index says about itself, so that it can be loaded and not mixed up."""

from pathlib import Path

import msgspec

from turret.errors import CandidateIndexError
from turret.index.base import Parameter
from turret.index.candidates import Candidates
from turret.storage import regular
from turret.storage.plain_json import decoded

__all__ = ["Description", "peek_kind", "read_description", "write_description"]

_FILE = "index.json"


class Description(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of `index.json`.

    Attributes:
        kind: the kind of index.
        size: number of candidates.
        dim: length of a vector.
        parameters: the settings it was built with, by name.
    """

    kind: str
    size: int
    dim: int
    parameters: dict[str, Parameter]


def write_description(
    directory: Path, *, kind: str, candidates: Candidates, parameters: dict[str, Parameter]
) -> None:
    """Writes `index.json`.

    Args:
        directory: where the index is saved.
        kind: the kind of index.
        candidates: what it searches.
        parameters: the settings it was built with.
    """
    description = Description(
        kind=kind, size=len(candidates), dim=candidates.dim, parameters=parameters
    )
    text = msgspec.json.format(msgspec.json.encode(description))
    (directory / _FILE).write_bytes(text + b"\n")


def _read(directory: Path) -> Description:
    path = directory / _FILE
    try:
        return decoded(regular.read_bytes(path), Description)
    except (OSError, msgspec.MsgspecError) as error:
        raise CandidateIndexError(
            f"{path} cannot be read as the description of an index: {error}",
            fix="Build the index again.",
        ) from error


def peek_kind(directory: Path) -> str:
    """Says which kind of index a directory holds.

    Args:
        directory: a directory that an index was saved in.

    Returns:
        The name of the kind.

    Raises:
        CandidateIndexError: if there is no readable description.
    """
    return _read(directory).kind


def read_description(directory: Path, *, kind: str, candidates: Candidates) -> Description:
    """Reads `index.json` and compares it with what is about to be loaded.

    Args:
        directory: a directory that an index was saved in.
        kind: the kind that is being loaded.
        candidates: the candidates it will search.

    Returns:
        The description.

    Raises:
        CandidateIndexError: if the description is missing, damaged, of another kind, or made for
            candidates of another number or length.
    """
    description = _read(directory)
    if description.kind != kind:
        raise CandidateIndexError(
            f"{directory} holds another kind of index", got=description.kind, expected=repr(kind)
        )
    if (description.size, description.dim) != (len(candidates), candidates.dim):
        raise CandidateIndexError(
            f"the index in {directory} belongs to other candidates",
            got=f"{description.size} vectors of length {description.dim}",
            expected=f"{len(candidates)} of length {candidates.dim}",
            fix="Build the index again.",
        )
    return description
