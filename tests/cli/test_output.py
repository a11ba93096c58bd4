import json
from pathlib import Path

import pytest

from turret.cli.output import json_value, mapping, nearby, say, show, table


def test_json_goes_to_standard_output_alone(capsys: pytest.CaptureFixture[str]) -> None:
    json_value({"a": [1, float("nan")], "é": "ü"})
    out, err = capsys.readouterr()
    assert json.loads(out) == {"a": [1, None], "é": "ü"}
    assert err == ""


def test_what_is_said_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    say("Done.")
    assert capsys.readouterr() == ("", "Done.\n")


def test_a_table_is_plain_text_and_uncut(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 100
    show(table(("name", "score"), [[long, 0.5], ["b", float("nan")], ["c", None]], title="Best"))
    out, err = capsys.readouterr()
    assert err == ""
    assert "\x1b" not in out
    lines = [line.split() for line in out.splitlines() if line.strip()]
    assert lines[0] == ["Best"]
    assert lines[1] == ["name", "score"]
    assert lines[-3:] == [[long, "0.5000"], ["b", "-"], ["c", "-"]]


def test_names_and_values(capsys: pytest.CaptureFixture[str]) -> None:
    mapping({"a": 1000, "long": True, "list": ["x", "y"], "none": None}, title="Head")
    assert capsys.readouterr().out.splitlines() == [
        "Head",
        "  a     1,000",
        "  long  yes",
        "  list  x, y",
        "  none  -",
    ]


def test_a_path_as_seen_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert nearby(tmp_path / "runs" / "one") == "runs/one"
    assert nearby(Path("runs/one")) == "runs/one"
    assert nearby(tmp_path.parent / "other") == str(tmp_path.parent / "other")
