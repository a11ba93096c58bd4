"""The examples run, and what they say is so."""

import ast
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from bundles import by_country

from turret.recommender.recommender import Recommender

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_one_warm_epoch_reaches_what_takes_many_from_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    runpy.run_path(str(EXAMPLES / "warm_start.py"), run_name="__main__")
    out = capsys.readouterr().out

    def figures(pattern: str) -> list[float]:
        return [float(one) for one in re.findall(pattern + r".*NDCG@10 ([\d.]+)", out)]

    (before,), (warm,) = figures("as it is"), figures("warm, 1 epoch")
    new, everything = figures("epochs over the new"), figures("epochs over all")
    # One epoch makes the model better, and far better than the new events alone could.
    assert before < warm and max(new) < warm / 2
    assert everything[1] < warm
    (epochs, times) = map(int, *re.findall(r"over all events it takes (\d+) epochs: (\d+)", out))
    assert epochs > 4 and times > 34
    assert "over the new events it is not reached in 16 epochs" in out
    assert "ids keep their rows" in out


def test_towers_of_ones_own_answer_alike_in_another_process() -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "custom_tower.py")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (here,) = re.findall(r"^this process: +(.*)$", done.stdout, flags=re.MULTILINE)
    (other,) = re.findall(r"^other process: +(.*)$", done.stdout, flags=re.MULTILINE)
    assert here == other and here.count("item") == 3
    assert "refused: the bundle's towers need code that is not in it" in done.stdout


WITHOUT_TURRET = """
import runpy, sys
for name in ("turret", "polars", "pyarrow", "pandas", "jax", "msgspec", "faiss", "scann"):
    sys.modules[name] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_a_bundle_is_read_with_numpy_and_safetensors_alone(tmp_path: Path) -> None:
    example = EXAMPLES / "read_bundle.py"
    tree = ast.parse(example.read_text(encoding="utf-8"))
    code = [line for line in ast.unparse(tree).splitlines() if line.strip()]
    assert len(code) - sum(line.count('"""') for line in code) <= 40
    recommender = Recommender(by_country())
    place = recommender.save(tmp_path / "bundle")

    def told(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-c", WITHOUT_TURRET, str(example), str(place), *arguments]
        return subprocess.run(command, capture_output=True, encoding="utf-8")

    # One that is known, the one without an event, whose country was met, and nobody.
    for query in ("3", "39", "nobody"):
        done = told(query, "130")
        assert done.returncode == 0, done.stderr
        lines = [line.split("\t") for line in done.stdout.splitlines()]
        hits = recommender.recommend({"user": [query]}, 130, exclude_seen=True)
        count = hits.counts[0]
        assert [name for _, name in lines] == hits.ids[0, :count].tolist()
        scores = [float(score) for score, _ in lines]
        assert scores == pytest.approx(hits.scores[0, :count].tolist(), abs=2e-6)
    (place / "seen.safetensors").write_bytes(b"")
    assert told("3").stderr == f"{place / 'seen.safetensors'} is damaged.\n"
