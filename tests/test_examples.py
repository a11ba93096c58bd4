"""The examples run, and what they say is so."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

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
