"""An environment with TensorFlow and what Turret requires, but without Turret."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]


def interpreter() -> Path:
    """The interpreter of the environment, which is kept in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = cache / "turret" / "environments" / f"tensorflow-{version}"
    wanted = (ROOT / "constraints.txt").read_text() + (ROOT / "pyproject.toml").read_text()
    made_for = folder / "made-for.txt"
    python = folder / "bin" / "python"
    if not made_for.exists() or made_for.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True, symlinks=True)
        install = [python, "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt"]
        subprocess.run([*install, f"{ROOT}[tensorflow]"], check=True)
        subprocess.run([python, "-m", "pip", "uninstall", "-y", "-q", "turret"], check=True)
        made_for.write_text(wanted)
    return python
