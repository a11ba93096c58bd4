"""Keeps compiled programs between processes, so that the second start is a quick one."""

import jax

from turret.caching import cache_folder

__all__ = ["keep_compiled_programs"]


def keep_compiled_programs() -> None:
    """Turn JAX's persistent compilation cache on, under the user's cache folder.

    A folder that is set already, in JAX or by `JAX_COMPILATION_CACHE_DIR`, stays. Programs call
    this at their start; a library leaves the choice to its user.
    """
    if jax.config.values["jax_compilation_cache_dir"] is None:
        jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "jax"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
