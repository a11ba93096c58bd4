"""Files of ScaNN by strangers: what can be checked of them before the library reads them.

That is the list of the files, and the arrays: their types, shapes and row numbers. The protocol
buffers are looked at in `turret.index.scann_layout`.
"""

import re
from pathlib import Path

from turret.errors import CandidateIndexError
from turret.index.candidates import Candidates
from turret.index.scann_layout import CENTRES, CODEBOOK, CONFIG, PARTITIONER
from turret.storage import regular
from turret.storage.tensors import mapped_numpy

__all__ = ["read_assets"]

_LIST = "scann_assets.pbtxt"
_MOST_LIST = 64 * 1024
_ENTRY = re.compile(r'\s*assets\s*\{\s*asset_type:\s*(\w+)\s*asset_path:\s*"([^"]*)"\s*\}')
_FILES = {
    "AH_CENTERS": CODEBOOK,
    "PARTITIONER": PARTITIONER,
    "TOKENIZATION_NPY": "datapoint_to_token.npy",
    "AH_DATASET_NPY": "hashed_dataset.npy",
    "DATASET_NPY": "dataset.npy",
}


def read_assets(directory: Path, *, candidates: Candidates, leaves: int) -> str:
    """Reads ScaNN's list of its files, and looks at these.

    Args:
        directory: where they lie.
        candidates: what is searched.
        leaves: number of partitions.

    Returns:
        The list, as the library takes it.

    Raises:
        CandidateIndexError: if a file is missing, or belongs to another index.
    """
    path = directory / _LIST
    try:
        text = regular.read_bytes(path, most=_MOST_LIST).decode("utf-8")
    except (OSError, ValueError) as error:
        raise CandidateIndexError(
            f"{path} cannot be read: {error}", fix="Build the index again."
        ) from error
    entries = dict(_ENTRY.findall(text))
    if entries != _FILES or _ENTRY.sub("", text).strip():
        strange = [name for kind, name in entries.items() if _FILES.get(kind) != name]
        raise CandidateIndexError(
            f"{path} names other files than those of this index",
            got=(strange or [text])[0][:200],
            expected=", ".join(_FILES.values()),
            fix="Build the index again.",
        )
    for name in (CONFIG, *_FILES.values()):
        if not (directory / name).is_file() or (directory / name).is_symlink():
            raise CandidateIndexError(
                f"{path} names a file that is not in its directory",
                got=name,
                fix="Build the index again.",
            )
    n, d = len(candidates), candidates.dim
    if leaves > n:
        raise CandidateIndexError(
            f"{path} has more partitions than there are candidates", got=leaves, expected=f"{n}"
        )
    _require_array(directory / "dataset.npy", "float32", rows=n, columns=(d, d))
    _require_array(directory / "hashed_dataset.npy", "uint8", rows=n, columns=(1, d), below=CENTRES)
    _require_array(directory / "datapoint_to_token.npy", "int32", rows=n, below=leaves)
    return text


def _require_array(
    path: Path,
    dtype: str,
    *,
    rows: int,
    columns: tuple[int, int] | None = None,
    below: int | None = None,
) -> None:
    """Refuses an array of another type or shape, or with a number outside of `[0, below)`."""
    try:
        array = mapped_numpy(path)
    except (OSError, ValueError) as error:
        raise CandidateIndexError(
            f"{path} cannot be read: {error}", fix="Build the index again."
        ) from error
    wide = array.shape[1:] == () if columns is None else array.ndim == 2
    if columns is not None and wide:
        wide = columns[0] <= array.shape[1] <= columns[1]
    outside = (
        below is not None and array.size > 0 and (int(array.min()) < 0 or int(array.max()) >= below)
    )
    if array.dtype.name != dtype or array.shape[:1] != (rows,) or not wide or outside:
        raise CandidateIndexError(
            f"{path} belongs to another index",
            got=f"{array.dtype.name}{list(array.shape)}",
            expected=f"{dtype}, {rows} rows" + ("" if below is None else f", below {below}"),
            fix="Build the index again.",
        )
