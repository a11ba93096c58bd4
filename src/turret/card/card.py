"""The card of a bundle."""

import msgspec

from turret.bundle.bundle import Bundle
from turret.card import sections
from turret.card.figures import figures, metadata
from turret.card.markdown import front_matter, text
from turret.evaluation.report import Report

__all__ = ["UNKNOWN", "card"]

UNKNOWN = "unknown"
"""The licence of a bundle of which none is said."""


def card(bundle: Bundle, *, name: str, license: str = UNKNOWN) -> str:
    """Writes what a bundle is, how it was made and how good it is.

    Everything comes from the bundle: a part that it lacks is left out, and it is said that a model
    without a report was never judged.

    Args:
        bundle: the bundle.
        name: what the model is called.
        license: under which licence it may be used: an SPDX identifier in lower case, such as
            `"apache-2.0"`.

    Returns:
        Markdown, with the metadata of a model repository before it in YAML.

    Raises:
        EvaluationError: if the report in the bundle is none.
    """
    stored = bundle.report
    report = None if stored is None else Report.from_json(msgspec.json.encode(stored))
    parts = [
        front_matter(metadata(bundle, report, name=name, license=license)),
        f"# {text(name)}",
        sections.introduction(bundle),
        "## The model",
        sections.model(bundle),
        "## The data",
        sections.data(bundle, report),
        "## How good it is",
        *figures(report),
        "## What it is for",
        sections.use(bundle),
        "## Limits",
        sections.limits(bundle, report),
        "## Licence",
        sections.licence(license, unknown=license == UNKNOWN),
        "## How to use it",
        sections.example(bundle),
    ]
    return "\n\n".join(parts) + "\n"
