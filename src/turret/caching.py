"""Where Turret keeps what can be made or fetched again."""

import os
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """Return the folder of Turret in the user's cache.

    Returns:
        `$XDG_CACHE_HOME/turret`, or `~/.cache/turret` when that variable is unset. It may not
        exist.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "turret"
