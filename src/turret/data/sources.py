"""Sources: files of interactions, and data sets known by name.

Files may be CSV or TSV, Parquet or JSON lines; one file, several, a glob or a folder, all of one
kind and with the same columns. Text files carry no types. Ids in them stay exactly the text they
are (`007` is not `7`), and so does a column in which some value would not survive as a number;
other columns of numbers become numbers.
"""

import glob
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import polars as pl

from turret.data.arrays import with_arrays
from turret.data.dataset import Dataset
from turret.data.downloads import Say, say_on_stderr
from turret.data.frames import require_columns
from turret.data.movielens import movielens
from turret.data.movielens_archive import RELEASES
from turret.data.synthetic import synthetic
from turret.errors import DataError, RecipeError, nearest
from turret.recipe import data as recipe

__all__ = ["load", "read", "source_names"]

_KINDS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".jsonl": "json lines",
    ".ndjson": "json lines",
    ".json": "json lines",
}
_COMPRESSIONS = (".gz", ".zst")
_SEPARATORS = (",", "\t", ";", "|")
_SAMPLE = 10_000

Files = str | Path | Sequence[str | Path]


def load(config: recipe.Data, *, say: Say = say_on_stderr) -> Dataset:
    """Loads the data set that a recipe names.

    Args:
        config: the section `[data]`. `source` is one of `source_names()`; a release of MovieLens
            may be followed by a colon and the path of a folder or zip archive with it, as in
            `"movielens-100k:downloads/ml-100k.zip"`.
        say: is told where the data come from.

    Returns:
        The data set.

    Raises:
        RecipeError: if the source is unknown, or has no use for a key that is given.
        DataError: if the data cannot be had or read, or lack a column.
    """
    if config.source is not None:
        return _load_source(config.source, config, say=say)
    ids = [config.query_id, config.candidate_id]
    named = [
        name for name in (*ids, config.timestamp, config.weight, config.part) if name is not None
    ]

    def table(
        files: str | None, column: str, arrays: Mapping[str, str] | None
    ) -> pl.DataFrame | None:
        if files is None:
            return None
        return with_arrays(_read_with(files, [column], ids=ids), arrays or {})

    return Dataset.from_frames(
        _read_with(config.files or (), named, ids=ids),
        query_id=config.query_id,
        candidate_id=config.candidate_id,
        timestamp=config.timestamp,
        timestamp_unit=config.timestamp_unit,
        weight=config.weight,
        part=config.part,
        positive=config.positive,
        queries=table(config.queries, config.query_id, config.query_arrays),
        candidates=table(config.candidates, config.candidate_id, config.candidate_arrays),
    )


def _read_with(files: Files, columns: Sequence[str], *, ids: Sequence[str]) -> pl.DataFrame:
    """Read a table, and name its files if it lacks a column."""
    frame = read(files, ids=ids)
    require_columns(frame, columns, what=_listed(_find(files)))
    return frame


def source_names() -> tuple[str, ...]:
    """The data sets known by name.

    Example:
        >>> source_names()[0]
        'movielens-100k'
    """
    return (*(f"movielens-{name}" for name in RELEASES), "synthetic")


def _load_source(source: str, config: recipe.Data, *, say: Say) -> Dataset:
    name, colon, path = source.partition(":")
    if name not in source_names() or (name == "synthetic" and colon):
        raise RecipeError("data.source", got=source, fix=nearest(name, source_names()))
    dropped = (
        "part",
        "queries",
        "candidates",
        *(("weight", "positive") if name == "synthetic" else ()),
    )
    for key in dropped:
        if getattr(config, key) is not None:
            fix = "Leave it out, or read files instead of a source."
            raise RecipeError(f"data.{key} is not for the source {source!r}", fix=fix)
    if name == "synthetic":
        say("Drawing a synthetic world")
        return synthetic(query_id=config.query_id, candidate_id=config.candidate_id).dataset
    release = movielens(name.removeprefix("movielens-"), path=path or None, say=say)
    return release.dataset(
        query_id=config.query_id,
        candidate_id=config.candidate_id,
        timestamp=config.timestamp,
        timestamp_unit=config.timestamp_unit,
        weight=config.weight,
        positive=config.positive,
    )


def read(files: Files, *, ids: Sequence[str] = ()) -> pl.DataFrame:
    """Reads a table from files.

    Args:
        files: a path, a glob, a folder (its files of a known kind, and those of its folders; names
            that begin with a dot or an underscore are passed over), or several of these.
        ids: the columns of ids, where there are such, which stay the text they are in text files.

    Returns:
        The rows of all files, in the order of the files' paths within each given path.

    Raises:
        DataError: if nothing is there, a file is empty, damaged or of an unknown kind, or the files
            do not belong together.
    """
    paths = _find(files)
    kinds = {path: _kind(path) for path in paths}
    if len(set(kinds.values())) > 1:
        examples = {kind: str(path) for path, kind in kinds.items()}
        raise DataError(
            "The files are not all of one kind",
            got=examples,
            fix="Name files of one kind, for instance by a glob such as events/*.parquet.",
        )
    reader = _READERS[kinds[paths[0]]]
    frames = [_read_file(path, reader) for path in paths]
    for path, frame in zip(paths, frames, strict=True):
        if set(frame.columns) != set(frames[0].columns):
            raise DataError(
                f"{path} has other columns than {paths[0]}",
                got=frame.columns,
                expected=", ".join(frames[0].columns),
            )
    table = _stack([frame.select(frames[0].columns) for frame in frames], paths)
    if table.height == 0:
        raise DataError(f"{_listed(paths)} holds no rows", fix="Give at least one row.")
    if kinds[paths[0]] != "csv":
        return table
    return table.with_columns(_typed(column) for column in table if column.name not in ids)


def _find(files: Files) -> list[Path]:
    """The files that paths, globs and folders name."""
    found: list[Path] = []
    for given in [files] if isinstance(files, str | Path) else files:
        place = Path(given).expanduser()
        if place.is_dir():
            below = sorted(path for path in place.rglob("*") if _is_data(path, place))
            if not below:
                raise DataError(
                    f"The folder {place} holds no data", expected=f"files {_known_endings()}"
                )
            found += below
        elif place.is_file():
            found.append(place)
        else:
            globbed = (Path(match) for match in glob.glob(str(place), recursive=True))
            # A link to nothing matches its own name, and so does what is neither file nor folder.
            matches = sorted(path for path in globbed if path.is_file() or path.is_dir())
            if not matches:
                raise DataError(
                    f"{place} does not exist",
                    fix=f"Check the path; it counts from {Path.cwd()} unless it begins with '/'.",
                )
            found += _find(matches)
    if not found:
        raise DataError("No files are given", expected="a path, a glob or a folder")
    return found


def _is_data(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
    return not hidden and path.is_file() and _ending(path) in _KINDS


def _ending(path: Path) -> str:
    """The ending that tells the kind, without that of a compression."""
    name = path.name.lower()
    for compression in _COMPRESSIONS:
        name = name.removesuffix(compression)
    return Path(name).suffix


def _known_endings() -> str:
    return f"ending in {', '.join(_KINDS)}, perhaps followed by {' or '.join(_COMPRESSIONS)}"


def _kind(path: Path) -> str:
    ending = _ending(path)
    if ending not in _KINDS:
        raise DataError(
            f"{path} is of an unknown kind", got=ending, expected=f"a name {_known_endings()}"
        )
    return _KINDS[ending]


def _listed(paths: Sequence[Path]) -> str:
    return str(paths[0]) if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"


def _read_file(path: Path, reader: Callable[[Path], pl.DataFrame]) -> pl.DataFrame:
    try:
        if path.stat().st_size == 0:
            raise DataError(f"{path} is empty", fix="Remove it, or give a file with rows.")
        return reader(path)
    except (pl.exceptions.PolarsError, OSError, UnicodeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise DataError(f"{path} cannot be read ({reason})", fix=_remedy(path)) from error


def _remedy(path: Path) -> str:
    kind = _kind(path)
    if kind == "parquet":
        return "The file is cut short, damaged or no Parquet at all; write it anew."
    advice = {
        "csv": "It must be UTF-8 text with a header, and in each line as many values as names.",
        "json lines": "Each line must hold one whole JSON object, in UTF-8.",
    }[kind]
    try:
        lines = _lines(path)
    except (pl.exceptions.PolarsError, OSError):
        return advice
    broken = lines.str.contains("\ufffd")
    if kind == "csv":
        separator = max(_SEPARATORS, key=str(lines[0]).count)
        # What is quoted does not count, neither do separators in it.
        bare = lines.str.replace_all(r'"[^"]*"', "")
        values = bare.str.count_matches(separator, literal=True)
        broken = broken | (values > values[0])
    else:
        broken = broken | ~lines.str.contains(r"^\s*(\{.*\}\s*)?$")
    if not broken.any():
        return advice
    number = int(broken.arg_max() or 0)
    return f"Line {number + 1:,} is {str(lines[number])[:80]!r}. {advice}"


def _lines(path: Path, *, most: int | None = None) -> pl.Series:
    """The lines of a text file, what is no UTF-8 in it replaced."""
    table = pl.read_csv(
        path,
        has_header=False,
        separator="\x01",
        quote_char=None,
        n_rows=most,
        infer_schema=False,
        empty_string_is_null=False,
        encoding="utf8-lossy",
    )
    return table.to_series()


def _read_csv(path: Path) -> pl.DataFrame:
    line = str(_lines(path, most=1)[0])
    separator = "\t" if _ending(path) == ".tsv" else max(_SEPARATORS, key=line.count)
    table = pl.read_csv(path, separator=separator, infer_schema=False).rename(str.strip)
    for name in table.columns:
        if name.endswith("_duplicated_0"):
            twice = name.removesuffix("_duplicated_0")
            raise DataError(f"{path} has two columns of one name", got=twice, fix="Rename one.")
    return table


def _read_parquet(path: Path) -> pl.DataFrame:
    return pl.read_parquet(path, glob=False)


def _read_json_lines(path: Path) -> pl.DataFrame:
    return pl.read_ndjson(path, infer_schema_length=None)


_READERS: dict[str, Callable[[Path], pl.DataFrame]] = {
    "csv": _read_csv,
    "parquet": _read_parquet,
    "json lines": _read_json_lines,
}


def _stack(frames: list[pl.DataFrame], paths: Sequence[Path]) -> pl.DataFrame:
    try:
        return pl.concat(frames, how="vertical_relaxed")
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"The types of the columns of {_listed(paths)} do not go together ({error})",
            fix="Write the files with one schema.",
        ) from error


def _typed(column: pl.Series) -> pl.Series:
    """A column of text as numbers, if each of its values survives that."""
    missing, sample = column.null_count(), column.head(_SAMPLE)
    sampled = sample.cast(pl.Float64, strict=False)
    if missing == len(column) or sampled.null_count() > sample.null_count():
        return column
    integers = column.cast(pl.Int64, strict=False)
    if (integers.cast(pl.String).eq_missing(column)).all():
        return integers
    numbers = column.cast(pl.Float64, strict=False)
    # Leading zeros, and more digits than a floating-point number holds, belong to names.
    if numbers.null_count() > missing or column.str.contains(r"^[+-]?(0\d|\d{16,}$)").any():
        return column
    return numbers
