"""The benchmarks by name, and how their settings are read."""

import tomllib
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from turret.benchmarks import encoding, index, recommending, training
from turret.errors import RecipeError, nearest
from turret.strict import convert

__all__ = ["names", "run", "settings_of"]

_BENCHMARKS: dict[str, tuple[type[msgspec.Struct], Callable[..., dict[str, dict[str, Any]]]]] = {
    "encoding": (encoding.EncodingSettings, encoding.run),
    "index": (index.IndexSettings, index.run),
    "recommend": (recommending.RecommendingSettings, recommending.run),
    "training": (training.TrainingSettings, training.run),
}


def names() -> tuple[str, ...]:
    """The names of the benchmarks."""
    return tuple(_BENCHMARKS)


def settings_of(name: str, texts: Sequence[str]) -> msgspec.Struct:
    """Read the settings of a benchmark.

    Args:
        name: the benchmark.
        texts: `key=value` each, the value in TOML.

    Returns:
        The settings; what no text names has its default.

    Raises:
        RecipeError: there is no such benchmark, no such key, or a value is impossible.

    Example:
        >>> settings_of("training", ["rounds=3", "dims=[32, 64]"]).dims
        (32, 64)
    """
    if name not in _BENCHMARKS:
        raise RecipeError(f"No benchmark is named {name!r}", fix=nearest(name, _BENCHMARKS))
    try:
        plain = tomllib.loads("\n".join(texts))
    except tomllib.TOMLDecodeError as error:
        fix = 'Write --set key=value, text in quotes and lists in brackets: parts=["loss"].'
        raise RecipeError(f"--set is not TOML: {error}", got=list(texts), fix=fix) from error
    return convert(plain, _BENCHMARKS[name][0], where="--set")


def run(
    name: str, texts: Sequence[str], *, say: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    """Run a benchmark on this machine.

    Args:
        name: which.
        texts: its settings, `key=value` each.
        say: told what is being measured.

    Returns:
        `figures`, `machine` and `settings`, all of which JSON can hold.

    Raises:
        RecipeError: there is no such benchmark, no such setting, or a value is impossible.
    """
    settings = settings_of(name, texts)
    return _BENCHMARKS[name][1](settings, say=say)
