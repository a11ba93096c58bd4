"""Every command of docs/serving.md is run as it stands there, in its order, by real servers."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from servers import Server, running
from sources import ROOT

PAGE = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
ADDRESS = "localhost:8000"
PROGRAMS = ("bash", "curl", "openssl")
# What depends on the model, or on the moment, and not on what was asked.
MODELS_OWN = {"ids", "scores", "fields", "request_id"}
VERSIONS = {"version", "model_version"}
# A shell in which `turret` is the package under test; it becomes that process, so that signals
# reach it.
SHELL = 'turret() { exec "$PYTHON" -m turret "$@"; }; '


class Block(NamedTuple):
    kind: str
    text: str


class Terminal:
    """Runs the commands of the page in a folder; the last server that was started answers."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack
        self.environment = {
            "PYTHON": sys.executable,
            "XDG_CACHE_HOME": str(folder / "cache"),
            "JAX_PLATFORMS": "cpu",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        self.server: Server | None = None
        self.started = 0

    def served(self, text: str) -> str:
        """The same text with the address of the server that runs."""
        assert self.server is not None
        return text.replace(ADDRESS, self.server.url.removeprefix("http://"))

    def serve(self, command: str) -> None:
        """Puts another server in the place of the one that runs."""
        self.end()
        words = shlex.split(command)
        workers = int(words[words.index("--workers") + 1]) if "--workers" in words else 1
        self.started += 1
        self.server = self._stack.enter_context(
            running(
                ["bash", "-c", f"{SHELL}{command} --port 0"],
                log=self.folder / f"log{self.started}",
                event="serving" if workers == 1 else "supervising",
                environment=self.environment,
                folder=self.folder,
            )
        )
        self.server.wait_for("ready", number=workers)

    def end(self) -> None:
        if self.server is not None:
            assert self.server.stop() == 0
            self.server = None

    def run(self, command: str) -> str:
        """What a command writes; it must succeed."""
        done = subprocess.run(
            ["bash", "-c", SHELL + command],
            cwd=self.folder,
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def ask(self, command: str) -> tuple[str, int]:
        """What curl brings, and the status of the answer."""
        out = self.run(self.served(command) + " --write-out '\\n%{http_code}'")
        body, _, status = out.rpartition("\n")
        return body, int(status)


def blocks() -> list[Block]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    return [Block(*one) for one in found]


def commands(block: Block) -> list[str]:
    return block.text.replace("\\\n", " ").strip().split("\n")


def alike(shown: Any, got: Any, name: str = "", *, own: bool = False) -> None:
    """Asserts that an answer has the shape that is shown, and its values where they are fixed."""
    assert type(shown) is type(got), name
    own = own or name in MODELS_OWN
    if isinstance(shown, dict):
        assert list(shown) == list(got), name
        for key, value in shown.items():
            alike(value, got[key], key, own=own)
    elif isinstance(shown, list):
        assert len(shown) == len(got), name
        for one, other in zip(shown, got, strict=True):
            alike(one, other, name, own=own)
    elif not own and not (name in VERSIONS and not shown.isdecimal()):
        assert shown == got, name


def movielens(folder: Path) -> None:
    """A MovieLens-100K of 60 users and 40 films, where the copy of this machine would be."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    users, rated = rng.integers(1, 61, 900).tolist(), rng.integers(1, 41, 900).tolist()
    pairs = sorted(set(zip(users, rated, strict=True)))
    rows = [f"{user}\t{film}\t4\t{879024327 + user}\n" for user, film in pairs]
    (folder / "u.data").write_text("".join(rows))
    (folder / "u.user").write_text("".join(f"{n}|30|F|doctor|53211\n" for n in range(1, 61)))
    flags = "|".join("1" if place in (5, 8) else "0" for place in range(19))
    titles = ["Star Wars (1977)", *(f"Film {n} (1996)" for n in range(2, 41))]
    films = [f"{n}|{title}|01-Jan-1996||http://x|{flags}\n" for n, title in enumerate(titles, 1)]
    (folder / "u.item").write_text("".join(films))


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        message = f"not on this machine: {', '.join(missing)}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    movielens(tmp_path / "cache" / "turret" / "movielens" / "ml-100k")
    with ExitStack() as stack:
        yield Terminal(tmp_path, stack)


def test_blocks_are_commands_the_answer_to_the_last_of_them_or_python() -> None:
    kinds = [block.kind for block in blocks()]
    assert set(kinds) == {"sh", "json", "python"}
    assert PAGE.count("```") == 2 * len(kinds)
    for place, block in enumerate(blocks()):
        if block.kind == "json":
            before = blocks()[place - 1]
            assert before.kind == "sh" and commands(before)[-1].startswith("curl "), block.text


def test_every_command_runs_and_is_answered_as_it_says(terminal: Terminal) -> None:
    everything = blocks()
    for place, block in enumerate(everything):
        if block.kind == "python":
            exec(compile(terminal.served(block.text), "docs/serving.md", "exec"), {})
        if block.kind != "sh":
            continue
        after = everything[place + 1] if place + 1 < len(everything) else None
        listed = commands(block)
        for command in listed:
            shown = None
            if command is listed[-1] and after is not None and after.kind == "json":
                shown = json.loads(after.text)
            follow(terminal, command, shown)
    terminal.end()
    assert terminal.started == PAGE.count("turret serve runs") + PAGE.count("turret serve models\n")


def follow(terminal: Terminal, command: str, shown: Any) -> None:
    """Does what one line of the page says."""
    if command.startswith("pip install "):
        # It is installed already: from the checkout of this package, whose files are there.
        assert command == "pip install -e . -c constraints.txt"
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert project["name"] == "turret" and (ROOT / "constraints.txt").exists()
    elif "turret serve " in command:
        terminal.serve(command)
    elif command.startswith("curl "):
        answered(terminal, command, shown)
    else:
        terminal.run(command)


def answered(terminal: Terminal, command: str, shown: Any) -> None:
    """Asks; a version that was put into the folder just now is waited for."""
    body, status = terminal.ask(command)
    awaited = shown["version"] if shown is not None and "readyz" in command else ""
    for _ in range(300):
        if not awaited.isdecimal() or json.loads(body)["version"] == awaited:
            break
        time.sleep(0.1)
        body, status = terminal.ask(command)
    assert (status >= 400) == (shown is not None and "error" in shown), body
    if shown is not None:
        alike(shown, json.loads(body))
