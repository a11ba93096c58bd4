"""Exporting SavedModels in one process, and calling them in another, which has no Turret."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ALONE = Path(__file__).with_name("tensorflow_alone.py")
EXPORTING = Path(__file__).with_name("tensorflow_exporting.py")


def run(*arguments: str | Path, python: str | Path = sys.executable) -> str:
    """Run Python, and give what it prints."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    command = [str(python), *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass
class Calls:
    """Calls of SavedModels, which are made together."""

    folder: Path
    calls: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self, model: Path, function: str, inputs: Mapping[str, Any], *, signature: bool = False
    ) -> str:
        """Note a call; its outputs are found by what is given back."""
        name = str(len(self.calls))
        given = {
            key: value.astype(str) if value.dtype == object else value
            for key, value in ((key, np.asarray(value)) for key, value in inputs.items())
        }
        np.savez(self.folder / f"in-{name}.npz", allow_pickle=False, **given)
        call = {"model": str(model), "function": function, "signature": signature}
        self.calls.append({**call, "inputs": f"in-{name}", "outputs": f"out-{name}"})
        return name

    def made(self, python: str | Path = sys.executable) -> Sequence[str]:
        """Make all calls; says which modules of Turret the process has."""
        (self.folder / "calls.json").write_text(json.dumps(self.calls))
        return json.loads(run("-I", ALONE, self.folder, python=python))

    def outputs(self, name: str) -> dict[str, np.ndarray]:
        """The outputs of a call."""
        with np.load(self.folder / f"out-{name}.npz") as found:
            return dict(found)
