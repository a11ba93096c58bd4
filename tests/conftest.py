"""What holds for every test: shapes and types are checked, and JAX stays on the CPU."""

import os
import sys
from collections.abc import Iterator

import pytest

os.environ.setdefault("JAX_PLATFORMS", "cpu")

from hypothesis import settings
from jaxtyping import install_import_hook

install_import_hook("turret", "beartype.beartype")

_LEFT_OUT = pytest.StashKey[int]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that make environments of their own, unless they are asked for."""
    if os.environ.get("TURRET_ENVIRONMENTS") == "1":
        return
    left_out = [item for item in items if item.get_closest_marker("environment")]
    config.stash[_LEFT_OUT] = len(left_out)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say loudly what was left out, and how to run it."""
    number = config.stash.get(_LEFT_OUT, 0)
    if number:
        text = f"{number} tests that make environments of their own were LEFT OUT; they run with"
        terminalreporter.write_line(f"{text} TURRET_ENVIRONMENTS=1.", yellow=True)


@pytest.fixture(scope="module", autouse=True)
def forget_programs() -> Iterator[None]:
    """Give compiled programs back after each module.

    Each takes some memory maps, of which a process may have 65,530 on Linux; past them XLA crashes.
    """
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


# A test asserts values and never a time: a busy machine must not fail it.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
