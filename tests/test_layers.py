"""The order of the modules, and the other rules that hold over all source files."""

import ast
import subprocess
import sys

import pytest
from sources import PACKAGE, ROOT, Source, imported, sources

# Each imports only from those before it, or from its own folder.
LAYERS = (
    "errors",
    "strict",
    "cores",
    "products",
    "padding",
    "caching",
    "compilation",
    "doctor",
    "storage",
    "recipe",
    "toml",
    "data",
    "model",
    "train",
    "evaluation",
    "index",
    "bundle",
    "recommender",
    "card",
    "pipeline",
    "serving",
    "export",
    "benchmarks",
    "cli",
    "__main__",
)
WITHOUT_JAX = (
    "errors",
    "strict",
    "cores",
    "products",
    "caching",
    "storage",
    "recipe",
    "toml",
    "data",
    "evaluation.metrics",
    "index",
    "cli",
)
JAX = ("jax", "jaxlib", "equinox", "optax")
CANNOT_TRAIN = ("bundle", "recommender", "serving")
MODULES = [source for source in sources() if source.name != "turret"]


def layer(module: str) -> str:
    return module.split(".")[1]


def ids(source: Source) -> str:
    return source.name


def own(module: str) -> bool:
    return module == "turret" or module.startswith("turret.")


@pytest.mark.parametrize("source", MODULES, ids=ids)
def test_imports_point_upwards(source: Source) -> None:
    assert layer(source.name) in LAYERS, f"Give {layer(source.name)} its place in LAYERS."
    for module in filter(own, imported(source)):
        assert module != "turret", f"{source.name} imports from the package itself"
        if layer(module) != layer(source.name):
            above = LAYERS.index(layer(module)) < LAYERS.index(layer(source.name))
            assert above, f"{source.name} imports {module}, which stands below it"


def reached(start: str) -> set[str]:
    """Every module that importing one brings in, itself and the packages above it too."""
    by_name = {source.name: source for source in sources()}
    todo, found = [start], set[str]()
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found.add(name)
        if name in by_name:
            todo.extend(top_imports(by_name[name]))
        if "." in name:
            todo.append(name.rpartition(".")[0])
    return found


def top_imports(source: Source) -> list[str]:
    """Modules imported when the file is, so not those imported inside its functions."""
    top = ast.Module(body=[node for node in source.tree.body], type_ignores=[])
    bodies = [node for node in top.body if isinstance(node, ast.Import | ast.ImportFrom)]
    tree = ast.Module(body=list(bodies), type_ignores=[])
    return list(imported(Source(source.path, source.name, source.text, tree)))


@pytest.mark.parametrize("place", WITHOUT_JAX)
def test_no_jax(place: str) -> None:
    prefix = f"turret.{place}"
    for source in sources():
        if source.name == prefix or source.name.startswith(prefix + "."):
            direct = {module.split(".")[0] for module in imported(source)}
            assert not direct & set(JAX), source.name
            brought = {module.split(".")[0] for module in reached(source.name)}
            assert not brought & set(JAX), source.name


@pytest.mark.parametrize("place", CANNOT_TRAIN)
def test_answering_loads_no_trainer(place: str) -> None:
    prefix = f"turret.{place}"
    for source in sources():
        if source.name == prefix or source.name.startswith(prefix + "."):
            brought = reached(source.name)
            assert not {name for name in brought if name.startswith("turret.train")}, source.name
            assert "optax" not in brought, source.name


@pytest.mark.parametrize("source", sources(), ids=ids)
def test_nobody_takes_what_is_private(source: Source) -> None:
    aliases: dict[str, str] = {}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom) and own(node.module or ""):
            for alias in node.names:
                private = alias.name.startswith("_") and not alias.name.startswith("__")
                assert not private, f"{source.name} takes {alias.name} from {node.module}"
                if f"{node.module}.{alias.name}" in {other.name for other in sources()}:
                    aliases[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            private = node.attr.startswith("_") and not node.attr.startswith("__")
            assert not (private and node.value.id in aliases), f"{source.name}: {node.attr}"


@pytest.mark.parametrize("source", MODULES, ids=ids)
def test_all_is_what_is_public(source: Source) -> None:
    if source.path.name == "__init__.py" and source.exported is None:
        assert len(source.tree.body) == 1, f"{source.name} needs an __all__"
        return
    exported = source.exported
    assert exported is not None, f"{source.name} needs an __all__"
    assert len(set(exported)) == len(exported)
    public = {node.name for node in source.defined if not node.name.startswith("_")}
    assert public <= set(exported), f"{source.name}: {public - set(exported)} not in __all__"
    assigned = [n for n in source.tree.body if isinstance(n, ast.Assign | ast.AnnAssign)]
    names = [name for node in assigned for name in ast.walk(node) if isinstance(name, ast.Name)]
    bound = public | {name.id for name in names if isinstance(name.ctx, ast.Store)}
    assert set(exported) <= bound, f"{source.name}: {set(exported) - bound} not defined there"


@pytest.mark.parametrize("source", sources(), ids=ids)
def test_public_names_have_docstrings(source: Source) -> None:
    assert ast.get_docstring(source.tree), f"{source.name} has no docstring"
    for node in source.defined:
        if node.name in (source.exported or ()):
            assert ast.get_docstring(node), f"{source.name}.{node.name} has no docstring"
            for method in node.body if isinstance(node, ast.ClassDef) else ():
                function = isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)
                if function and not method.name.startswith("_"):
                    where = f"{source.name}.{node.name}.{method.name}"
                    assert ast.get_docstring(method), f"{where} has no docstring"


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    assert node.end_lineno is not None
    lines = node.end_lineno - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node) is not None and first.end_lineno is not None:
        lines -= first.end_lineno - first.lineno + 1
    return lines


@pytest.mark.parametrize("source", sources(), ids=ids)
def test_functions_are_short(source: Source) -> None:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert code_lines(node) < 50, f"{source.name}.{node.name}: {code_lines(node)} lines"


def test_files_are_short() -> None:
    folders = [PACKAGE, ROOT / "tests", ROOT / "examples", ROOT / "benchmarks"]
    for folder in folders:
        for path in folder.rglob("*.py"):
            lines = len(path.read_text(encoding="utf-8").splitlines())
            assert lines <= 400, f"{path.relative_to(ROOT)} has {lines} lines"


def test_importing_the_package_brings_nothing_heavy() -> None:
    code = "import sys, turret; print([m for m in ('jax', 'numpy', 'polars') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "[]\n", result.stderr
