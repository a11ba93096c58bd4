"""The parts of a card in words: what a bundle is, its data, its limits, how to use it."""

import json
from collections.abc import Iterable, Mapping

import msgspec
import numpy as np

from turret.bundle.bundle import Bundle
from turret.card.markdown import code, table, text
from turret.evaluation.report import Report
from turret.recipe.data import Split
from turret.recipe.recipe import Recipe
from turret.recipe.towers import Tower, TwoTower

__all__ = ["data", "example", "introduction", "licence", "limits", "model", "use"]


def introduction(bundle: Bundle) -> str:
    """One paragraph on what it is."""
    versions = bundle.provenance.get("versions")
    made = text(bundle.provenance.get("created", "at an unknown time"))
    by = text(versions.get("turret", "?")) if isinstance(versions, dict) else "?"
    return (
        f"A two-tower retrieval model: of {bundle.candidates.height:,} candidates "
        f"({text(bundle.candidate_id)}) it finds those for a query ({text(bundle.query_id)}). "
        "One tower makes a vector of what is known of a query, the other one of what is known of a "
        f"candidate; the score is their inner product. Trained with Turret {by}, {made}."
    )


def model(bundle: Bundle) -> str:
    """What it is made of, and how it was trained."""
    config, recipe = bundle.config, bundle.recipe
    made = sum(array.size for array in bundle.arrays.values())
    rows = [
        ("query tower", _tower(config.query)),
        ("candidate tower", _tower(config.candidate)),
        ("vectors", _vectors(config)),
        ("parameters", f"{made:,}"),
        ("search", f"{bundle.index.kind}{_settings(bundle.index.settings)}"),
    ]
    if recipe is not None:
        rows += [
            ("loss", _loss(recipe)),
            (
                "training",
                f"{recipe.train.optimizer}, {recipe.train.epochs:,} epochs at most, batches of "
                f"{recipe.train.batch_size:,}, learning rate {recipe.train.learning_rate:g}, seed "
                f"{recipe.train.seed}",
            ),
        ]
    return _facts((name, text(value, longest=None)) for name, value in rows)


def _vectors(config: TwoTower) -> str:
    own = f"{config.embedding_dim:,} numbers{', length 1' * config.normalize}"
    more = config.width - config.embedding_dim
    return own if more == 0 else f"{own}; behind them {more:,} of a linear model"


def _tower(tower: Tower) -> str:
    features = ", ".join(
        f"{_kind(feature)} of {' and '.join(feature.reads)}" for feature in tower.features
    )
    bodies = ", ".join(map(_kind, tower.body))
    return f"{features}; then {bodies}" if bodies else features


def _kind(part: msgspec.Struct) -> str:
    return str(msgspec.to_builtins(part).get("kind", type(part).__name__.lower()))


def _settings(settings: Mapping[str, object]) -> str:
    told = ", ".join(f"{name} = {value}" for name, value in settings.items())
    return f" ({told})" if told else ""


def _loss(recipe: Recipe) -> str:
    plain: dict[str, object] = msgspec.to_builtins(recipe.loss)
    default: dict[str, object] = msgspec.to_builtins(type(recipe.loss)())
    others = {name: value for name, value in plain.items() if value != default.get(name)}
    others.pop("kind", None)
    return f"{plain.get('kind', 'softmax')}{_settings(others)}"


def data(bundle: Bundle, report: Report | None) -> str:
    """What it was trained and judged on."""
    rows: list[tuple[str, str]] = []
    recipe, told = bundle.recipe, {} if report is None else dict(report.data or {})
    notes = told.pop("notes", None)
    if recipe is not None:
        of = recipe.data
        files = (of.files,) if isinstance(of.files, str) else of.files or ()
        rows.append(("source", text(of.source or ", ".join(files))))
        if of.positive is not None:
            rows.append(("interactions that count", text(of.positive)))
        rows.append(("held back", text(_split(recipe.split))))
    told.setdefault("training_interactions", bundle.provenance.get("interactions"))
    told.setdefault("queries", bundle.queries.height)
    told.setdefault("candidates", bundle.candidates.height)
    for name, value in told.items():
        if value is not None:
            rows.append((text(name.replace("_", " ")), _value(value)))
    rows.append(("fingerprint", text(bundle.provenance.get("data_fingerprint", "unknown"))))
    drawn = _facts(rows)
    if isinstance(notes, list) and notes:
        drawn += "\n\n" + _points(map(str, notes))
    return drawn


def _split(split: Split) -> str:
    part = f"{split.test_fraction:g}"
    since = f"those from {split.cut} on" if split.cut is not None else f"the latest {part}"
    told = {
        "random": f"{part} of the interactions, drawn at random (seed {split.seed})",
        "temporal": f"{since} of the interactions" if split.cut is None else since,
        "leave_last_out": "the last interaction of each query",
        "given": f"what the data call {split.test!r}",
        "fold_in": f"{part} of the queries as a whole, of each of which {split.fold_in:g} is shown",
    }[split.kind]
    if split.validation_fraction > 0:
        told += f"; beside it {split.validation_fraction:g} to choose settings by"
    return told


def use(bundle: Bundle) -> str:
    """What it should and should not be asked."""
    query, candidate = text(bundle.query_id), text(bundle.candidate_id)
    return (
        f"To find, among all candidates, some that a query may be interested in: a list for each "
        f"{query}, or candidates like a {candidate}. It orders by what was chosen together in its "
        "data and knows nothing of quality, price or truth. It is not made to decide about people, "
        "and says nothing about interactions of another kind or another time than those it was "
        "trained on."
    )


def limits(bundle: Bundle, report: Report | None) -> str:
    """What it cannot do, and what the report warns of."""
    unknown = int(np.count_nonzero(~bundle.known_queries))
    new = int(np.count_nonzero(bundle.candidate_count == 0))
    share = new / max(bundle.candidate_count.shape[0], 1)
    points = [
        "A query of which training met nothing gets the most popular candidates, marked as a "
        f"fallback; of the {bundle.queries.height:,} queries in the bundle these are {unknown:,}.",
        f"{new:,} candidates ({share:.1%}) have no training interaction: they are ranked by their "
        "other features alone, if the tower reads any.",
        "Candidates and queries that came later are known by their features only, until it is "
        "trained again.",
        "Figures on held-back interactions say how well it finds what was chosen anyway, not what "
        "showing it would change.",
    ]
    if report is not None and report.lists is not None:
        name = f"coverage@{report.lists.k}"
        figure = report.lists.model.seen_excluded.get(name)
        if figure is not None:
            points.append(f"{name} is {figure:.4f}: other candidates are in no list that is shown.")
    if not bundle.index.is_exact:
        points.append(f"The search ({bundle.index.kind}) is approximate: it can miss a candidate.")
    warnings = () if report is None else report.warnings
    return _points([*points, *(f"Warning: {warning}" for warning in warnings)])


def licence(license: str, *, unknown: bool) -> str:
    """Under which licence it may be used, or that nobody said."""
    if not unknown:
        return (
            f"The model: {text(license)}. Whether the data it was trained on allow that is not "
            "recorded in the bundle."
        )
    return (
        "The bundle does not record a licence, neither of the model nor of the data it was trained "
        "on. Whoever publishes it has to say both: `turret card BUNDLE --license ID`."
    )


def example(bundle: Bundle) -> str:
    """A few lines of Python and of the command line."""
    # An id of the bundle's own may be somebody's name, and is nothing for a page that is published.
    asked = json.dumps({bundle.query_id: ["42"]})
    classes = bundle.config.custom_classes
    allow = f", allow_custom={json.dumps(list(classes))}" if classes else ""
    lines = [
        "from turret import Recommender",
        "",
        f'recommender = Recommender.load("path/to/bundle"{allow})',
        f"hits = recommender.recommend({asked}, k=10, exclude_seen=True)",
        "print(hits.ids[0], hits.scores[0])",
    ]
    drawn = code("\n".join(lines), "python")
    if classes:
        told = "Its towers are made by classes of one's own, which run when it is loaded."
        drawn = f"{told}\n\n{drawn}"
    commands = ["recommend path/to/bundle --all --output answers.parquet", "serve path/to/bundle"]
    shell = code("\n".join(f"turret {each}" for each in commands), "sh")
    return f"{drawn}\n\n{shell}"


def _facts(rows: Iterable[tuple[str, str]]) -> str:
    return table(["", ""], [(name, value) for name, value in rows]).replace("---:", "---")


def _points(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {_sentence(each)}" for each in sentences)


def _sentence(words: str) -> str:
    # Longer than what a cell shows: a warning is told whole.
    return text(words, longest=None)


def _value(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:.5f}" if isinstance(value, float) else text(value)
