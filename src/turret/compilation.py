"""Keeps compiled programs between processes, so that the second start is a quick one."""

import os
from pathlib import Path

import jax

__all__ = ["cache_folder", "keep_compiled_programs"]


def cache_folder() -> Path:
    """Return the folder in the user's cache where Turret keeps what can be made again.

    Returns:
        `$XDG_CACHE_HOME/turret`, or `~/.cache/turret` when that variable is unset. It may not
        exist.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "turret"


def keep_compiled_programs() -> None:
    """Turn JAX's persistent compilation cache on, under the user's cache folder.

    A folder that is set already, in JAX or by `JAX_COMPILATION_CACHE_DIR`, stays. Programs call
    this at their start; a library leaves the choice to its user.
    """
    if jax.config.values["jax_compilation_cache_dir"] is None:
        jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "jax"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
