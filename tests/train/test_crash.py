"""Trainings that are killed for real: a few of what `benchmarks/crash_safety.py` does."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "crash_safety.py"

RUNS, IN_A_SAVE = 6, 2


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux, to kill the right process")
def test_killed_at_any_moment_and_resumed_the_bytes_are_the_same():
    spec = importlib.util.spec_from_file_location("crash_safety", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    told: list[str] = []
    figures = module.run(RUNS, IN_A_SAVE, say=told.append)["figures"]
    assert figures == {
        "runs": RUNS,
        "killed_in_a_save": IN_A_SAVE,
        "identical": RUNS,
        "whole": RUNS,
    }, told
