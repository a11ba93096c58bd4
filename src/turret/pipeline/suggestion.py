"""A starting recipe for a table: what each column looks like, and what to begin with."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import msgspec
import numpy as np
import polars as pl
import tomli_w

from turret import toml
from turret.data.dataset import Dataset
from turret.data.profiling import looks_like
from turret.data.roles import Role
from turret.data.splits import split
from turret.errors import SplitError
from turret.recipe.data import Data, Split
from turret.recipe.recipe import Recipe

__all__ = ["Suggested", "Suggestion", "suggest"]

_FEW_EVENTS = 1000
_FEW_CANDIDATES = 50_000


@dataclass(frozen=True)
class Suggested:
    """What is suggested for a column.

    Attributes:
        table: "queries", "candidates", or "interactions".
        column: its name.
        use: the kind of feature it becomes, or the key of `[data]` it belongs to; None where it is
            left out.
        why: what it looks like.
        keys: what else the feature is told.
    """

    table: str
    column: str
    use: str | None
    why: str
    keys: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True)
class Suggestion:
    """A starting recipe.

    Attributes:
        text: the recipe as TOML, with comments that say why.
        columns: what became of each column.
    """

    text: str
    columns: tuple[Suggested, ...]

    @property
    def recipe(self) -> Recipe:
        """The recipe itself."""
        return toml.loads(self.text, where="the suggestion")


def suggest(
    data: Data,
    dataset: Dataset,
    *,
    roles: Mapping[str, Role],
    events: pl.DataFrame | None = None,
) -> Suggestion:
    """Writes a recipe to begin with.

    Args:
        data: where the data come from and which columns they have.
        dataset: these data.
        roles: for a key of `[data]` its column and why; "positive" and "weight" are suggestions.
        events: the table of events as it was read, for what is said of its other columns.

    Returns:
        The recipe, which loads and trains.
    """
    chosen = _split(data, dataset)
    towers = {
        "query": list(_features("queries", dataset.queries, dataset.query_id)),
        "candidate": list(_features("candidates", dataset.candidates, dataset.candidate_id)),
    }
    left = [] if events is None else list(_left(events, dataset, data=data, roles=roles))
    lines = [
        f"# A starting recipe for {len(dataset.interactions):,} interactions of"
        f" {dataset.num_queries:,} queries and {dataset.num_candidates:,} candidates.",
        "# Each column was judged by its name and its values: what is wrong is yours to mend.",
        *_data(data, roles),
        *_model(towers),
        *_history(dataset),
        *(_unused(one) for one in left),
        "",
        *_settings(dataset, chosen),
    ]
    said = [Suggested("interactions", role.column, key, role.why) for key, role in roles.items()]
    columns = (*said, *towers["query"], *towers["candidate"], *left)
    return Suggestion("\n".join(lines) + "\n", columns)


def _features(table: str, frame: pl.DataFrame, id_column: str) -> Iterator[Suggested]:
    distinct = f"the id: one vector for each of {frame.height:,}"
    yield Suggested(table, id_column, "categorical", distinct)
    for column in frame.get_columns():
        if column.name == id_column:
            continue
        looks = looks_like(column)
        yield Suggested(table, column.name, looks.kind, looks.why, looks.keys)


def _left(
    events: pl.DataFrame, dataset: Dataset, *, data: Data, roles: Mapping[str, Role]
) -> Iterator[Suggested]:
    """The columns of events that belong neither to queries nor to candidates."""
    used = {data.query_id, data.candidate_id, *dataset.queries.columns, *dataset.candidates.columns}
    used |= {role.column for role in roles.values()}
    for name in events.columns:
        if name in used:
            continue
        shares = {
            noun: _steady(events[name], events[of])
            for noun, of in (("candidate", data.candidate_id), ("query", data.query_id))
        }
        noun = max(shares, key=lambda one: shares[one])
        why = "it differs within queries and within candidates"
        if shares[noun] >= 0.8:
            option = "--candidates" if noun == "candidate" else "--queries"
            why = f"{shares[noun]:.1%} of the {noun} ids have one value of it, not all: give a file"
            why += f" with one row a {noun} ({option}) to use it"
        yield Suggested("interactions", name, None, why)


def _steady(column: pl.Series, ids: pl.Series) -> float:
    """The share of ids that have one value of a column alone."""
    if column.dtype.is_nested():
        return 0.0
    distinct = pl.DataFrame({"id": ids, "value": column}).unique()
    sizes = distinct.group_by("id").len()
    return sizes.filter(pl.col("len") == 1).height / max(sizes.height, 1)


def _split(data: Data, dataset: Dataset) -> Split:
    """By time where there are times, with a validation part where there are enough events."""
    validation = 0.1 if len(dataset.interactions) >= _FEW_EVENTS else 0.0
    if data.timestamp is not None:
        temporal = Split(kind="temporal", test_fraction=0.2, validation_fraction=validation)
        try:
            split(dataset, temporal)
        except SplitError:
            pass
        else:
            return temporal
    return Split(kind="random", test_fraction=0.2, validation_fraction=validation)


def _data(data: Data, roles: Mapping[str, Role]) -> Iterator[str]:
    yield from ("", "[data]")
    for key, value in msgspec.to_builtins(data).items():
        if value is None or (key == "timestamp_unit" and data.timestamp is None):
            continue
        why = roles[key].why if key in roles else ""
        yield _line(key, value, why)
    for key in ("positive", "weight"):
        if key in roles and getattr(data, key) is None:
            role = roles[key]
            yield "# " + _line(key, role.condition or role.column, role.why)


def _model(towers: Mapping[str, list[Suggested]]) -> Iterator[str]:
    yield from ("", "[model]", "embedding_dim = 32", "normalize = true")
    for tower, columns in towers.items():
        for one in columns:
            if one.use is None:
                yield from ("", _unused(one))
                continue
            yield from ("", f"[[model.{tower}.features]]", _line("kind", one.use, one.why))
            yield _line("column", one.column)
            yield from (_line(key, value) for key, value in one.keys.items())
    yield ""


def _history(dataset: Dataset) -> Iterator[str]:
    """The feature that answers queries never met, to be switched on by whoever has them."""
    yield "# What a query chose so far serves queries never met, if their requests bring it:"
    yield "# [[model.query.features]]"
    yield "# " + _line("kind", "history")
    yield "# " + _line("column", "history")
    yield "# " + _line("table", f"candidate/{dataset.candidate_id}")
    yield ""


def _unused(one: Suggested) -> str:
    return f"# Not used, of the {one.table}: {_plain(one.column)}: {_plain(one.why)}."


def _settings(dataset: Dataset, chosen: Split) -> Iterator[str]:
    events, candidates = len(dataset.interactions), dataset.num_candidates
    yield from ("[split]", _line("kind", chosen.kind, _WHY_SPLIT[chosen.kind]))
    yield _line("test_fraction", chosen.test_fraction)
    if chosen.validation_fraction:
        yield _line("validation_fraction", chosen.validation_fraction, "tells when to stop")
    yield from ("", "[loss]", 'kind = "softmax"')
    if candidates <= _FEW_CANDIDATES:
        yield _line("candidates", "all", f"all {candidates:,} compete in every step")
    else:
        yield _line("candidates", "batch", f"{candidates:,} are too many to compete in every step")
        yield _line("logq", "estimated", "popular candidates are in more batches")
        yield _line("remove_accidental_hits", True)
    yield _line("temperature", 0.2)
    steps = 2 ** int(np.clip(np.log2(max(events, 1) / 50), 6, 13))
    yield from ("", "[train]", _line("epochs", 30), _line("batch_size", steps))
    yield from (_line("batch_unit", "pairs"), _line("learning_rate", 0.01))
    if chosen.validation_fraction:
        yield from ("", "[train.early_stopping]", _line("metric", "ndcg@20"), _line("patience", 3))


_WHY_SPLIT = {
    "temporal": "trained on the past, judged by what came after it",
    "random": "drawn by chance, since there are no times to split by",
}


def _line(key: str, value: object, why: str = "") -> str:
    line = tomli_w.dumps({key: value}).strip().replace("\n", " ")
    return f"{line}  # {_plain(why)}" if why else line


def _plain(text: str) -> str:
    """Text that stays in its line and that a comment may hold."""
    return "".join(char if char.isprintable() else " " for char in text)
