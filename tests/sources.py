"""The source files as syntax trees, for the tests that hold rules over all of them."""

import ast
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "turret"


@dataclass(frozen=True)
class Source:
    path: Path
    name: str
    text: str = field(repr=False)
    tree: ast.Module = field(repr=False)

    @property
    def exported(self) -> list[str] | None:
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                if node.targets[0].id == "__all__":
                    return ast.literal_eval(node.value)
        return None

    @property
    def defined(self) -> list[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
        return [
            node
            for node in self.tree.body
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        ]


@cache
def sources() -> tuple[Source, ...]:
    found: list[Source] = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = path.read_text(encoding="utf-8")
        found.append(Source(path=path, name=name, text=text, tree=ast.parse(text)))
    return tuple(found)


def imported(source: Source) -> dict[str, set[str]]:
    """Names taken from each module that a file imports; an import of a whole module takes none."""
    modules = {other.name for other in sources()}
    taken: dict[str, set[str]] = {}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                taken.setdefault(alias.name, set())
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                if whole in modules:
                    taken.setdefault(whole, set())
                else:
                    taken.setdefault(base, set()).add(alias.name)
    return taken
