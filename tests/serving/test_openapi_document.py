"""Requests drawn from the OpenAPI document: no server error, and every answer as it says."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from servers import serving

TOKEN = "0123456789abcdef"
# Some requests of the right shape name candidates or columns that there are not, and some of a
# wrong one are too large to be looked at: which of them is refused is for other tests.
LEFT_OUT = "positive_data_acceptance,negative_data_rejection"


def test_every_answer_is_one_that_the_document_describes(bundle: Path, tmp_path: Path) -> None:
    pytest.importorskip("schemathesis")
    own = shutil.copytree(bundle, tmp_path / "films")
    given = {"TURRET_WRITE_TOKENS": TOKEN}
    with serving(own, "--writable", log=tmp_path / "log", environment=given) as server:
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json"]
        command += ["--header", f"Authorization: Bearer {TOKEN}", "--exclude-checks", LEFT_OUT]
        command += ["--max-examples", "40", "--seed", "1", "--no-color"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stdout[-5000:]
        assert "Tested: 10" in done.stdout
        generated, passed = re.findall(r"(\d+) generated, (\d+) passed", done.stdout)[0]
        assert generated == passed and int(passed) > 500
        assert not server.lines("failed") and not server.lines("library")
        assert server.post("/v1/recommend", {"queries": [1]}).status_code == 200
