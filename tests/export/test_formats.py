"""The registry of formats, and the command `turret export`, as far as every format has it alike."""

import importlib.util
from pathlib import Path

import pytest

from turret.cli.app import main
from turret.errors import ExportError, MissingPartError
from turret.export.formats import FORMATS, export


def test_a_format_that_is_not_there() -> None:
    with pytest.raises(ExportError, match="Did you mean 'saved-model'"):
        export("bundle", "out", format="savedmodel")


def test_no_answers() -> None:
    with pytest.raises(ExportError, match="k: got 0, expected at least 1"):
        export("bundle", "out", format="onnx", k=0)


@pytest.mark.parametrize("name", [name for name, kind in FORMATS.items() if kind.libraries])
def test_a_library_that_is_missing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda library: None)
    with pytest.raises(MissingPartError, match=rf"pip install 'turret\[{FORMATS[name].extra}\]'"):
        export("bundle", "out", format=name)


def test_every_format_has_a_writer() -> None:
    for kind in FORMATS.values():
        assert hasattr(importlib.import_module(kind.module), "fill")


def test_what_is_no_export_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("mine")
    with pytest.raises(ExportError, match="own.txt|exists and is not a"):
        export(tmp_path / "bundle", tmp_path, format="vectors")
    assert (tmp_path / "own.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--format", "pickle"], 2, "'pickle' is not one of"),
        (["--format", "vectors", "-k", "0"], 2, "'-k'"),
        (["--format", "vectors"], 1, "There is no bundle at"),
    ],
)
def test_the_command_says_what_is_wrong(
    arguments: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["export", str(tmp_path / "none"), *arguments, "--output", str(tmp_path / "out")])
    assert ended.value.code == code
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
