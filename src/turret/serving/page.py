"""The same description as a page for people."""

import json
from html import escape
from typing import Any

__all__ = ["page"]

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
code,pre{font:14px/1.45 ui-monospace,monospace;background:#f4f4f4;border-radius:4px}
code{padding:.1em .3em}pre{padding:.8rem;overflow-x:auto}h2{margin-top:2.5rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;
border-bottom:1px solid #ddd;padding:.3rem .6rem .3rem 0}
@media(prefers-color-scheme:dark){body{background:#161616;color:#ddd}code,pre{background:#262626}
td,th{border-color:#444}a{color:#8ab4f8}}
"""


def page(document: dict[str, Any], *, version: str) -> bytes:
    """Write the page.

    Args:
        document: what `turret.serving.openapi.document` gives.
        version: the version that is served.

    Returns:
        HTML that needs nothing else.
    """
    schemas = document["components"]["schemas"]
    parts = [
        f"<h1>{escape(document['info']['title'])}</h1>",
        f"<p>{escape(document['info']['description'])} Version <code>{escape(version)}</code>."
        ' For programs: <a href="/openapi.json">/openapi.json</a>.</p>',
    ]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts.append(f"<h2><code>{method.upper()} {escape(path)}</code></h2>")
            parts.append(f"<p>{escape(operation['summary'])}.</p>")
            body = operation.get("requestBody")
            if body is not None:
                parts.append("<h3>Request</h3>")
                parts.append(_table(_named(body, schemas), schemas))
            answer = operation["responses"].get("200")
            if answer is not None and "application/json" in answer["content"]:
                parts.append("<h3>Answer</h3>")
                parts.append(_table(_named(answer, schemas), schemas))
    for name in ("Query", "Candidate", "NewCandidate"):
        if name in schemas:
            parts.append(f"<h2>{name}</h2><p>{escape(schemas[name]['description'])}</p>")
            parts.append(_table(schemas[name], schemas))
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Turret</title><meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'  # noqa: E501
    return (head + "\n".join(parts) + "</html>\n").encode()


def _named(part: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    reference: str = part["content"]["application/json"]["schema"]["$ref"]
    return schemas[reference.rpartition("/")[2]]


def _table(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    rows = [
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(_kind(inner))}</td>"
        f"<td>{escape(inner.get('description', ''))}{_default(inner)}</td></tr>"
        for name, inner in schema.get("properties", {}).items()
    ]
    return f"<table>{''.join(rows)}</table>"


def _kind(schema: dict[str, Any]) -> str:
    """A type in a few words."""
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of ({_kind(schema.get('items', {}))})"
    if kind == "object":
        return "object"
    return str(kind)


def _default(schema: dict[str, Any]) -> str:
    if "default" not in schema:
        return ""
    return f" <code>{escape(json.dumps(schema['default']))}</code> unless given."
