"""Kills what writes bundles, and flips bits of bundles: nothing but whole bundles may be opened.

    python benchmarks/bundle_faults.py OLD NEW [--kills 200] [--flips 1000] [--seed 0] [--json]

OLD and NEW are two bundles with different content. A process that saves NEW, at an empty place and
over OLD in turn, is killed (SIGKILL) at a moment that is uniform over the time that a save takes.
What stands there must then be what stood there before, or NEW, to the byte, and open; the next save
must leave nothing else behind.

Each flip is of one bit, uniform over the bytes of all files of NEW, the manifest included; half as
many again are flips in the manifest alone. Opening must refuse the bundle and name the file.
"""

import argparse
import hashlib
import json
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from turret.bundle.bundle import Bundle
from turret.errors import TurretError
from turret.storage.damage import MANIFEST

SERVER = """
import os, sys
from turret.bundle.bundle import Bundle
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        bundle = Bundle.open(sys.argv[1])
        print("started", flush=True)
        bundle.save(line.rstrip("\\n"))
        print("saved", flush=True)
        os._exit(0)
    print(child, flush=True)
    sys.stdin.readline()
    os.waitpid(child, 0)
    print("over", flush=True)
"""


def digest(bundle: Path) -> str:
    """One number for all files of a directory and their names."""
    found = hashlib.sha256()
    for path in sorted(path for path in bundle.rglob("*") if path.is_file()):
        found.update(f"{path.relative_to(bundle)}\0".encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


class Saver:
    """Saves a bundle, each time in a process of its own, forked from one that has imported all."""

    def __init__(self, bundle: Path):
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", SERVER, str(bundle)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, place: Path) -> int:
        """Let it save; returns the number of the process when it begins."""
        self._tell(str(place))
        child = int(self.hear())
        assert self.hear() == "started"
        return child

    def hear(self) -> str:
        """Wait for what it says next."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def end(self) -> None:
        """Wait until the process that saves is gone."""
        self._tell("")
        # It may have said that it was done.
        while self.hear() != "over":
            pass

    def close(self) -> None:
        """End it all."""
        self._process.communicate()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()


def seconds_of_a_save(saver: Saver, place: Path, *, times: int = 5) -> float:
    """How long a save takes that nobody kills: the longest of a few."""
    found: list[float] = []
    for _ in range(times):
        saver.start(place)
        began = time.monotonic()
        assert saver.hear() == "saved"
        found.append(time.monotonic() - began)
        saver.end()
    return max(found)


def kills(
    old: Path, new: Path, *, number: int, seed: int, folder: Path
) -> Iterator[dict[str, Any]]:
    """Kill saves; says of each what was found."""
    rng, place = random.Random(seed), folder / "target"
    # What was written by an earlier Turret may be written in more files now.
    names = {digest(old): "old", digest(Bundle.open(new).save(folder / "new")): "new"}
    saver = Saver(new)
    span = seconds_of_a_save(saver, folder / "measured")
    for turn in range(number):
        replaces = turn % 2 == 1
        shutil.rmtree(place, ignore_errors=True)
        if replaces:
            shutil.copytree(old, place)
        child = saver.start(place)
        after = rng.random() * span
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
        saver.end()
        found = "nothing"
        if place.exists():
            found = names.get(digest(place), "something else")
            Bundle.open(place)
        left = _left(folder)
        allowed = ("old", "new") if replaces else ("nothing", "new")
        yield {
            "replaces": replaces,
            "seconds": after,
            "found": found,
            "right": found in allowed and len(left) <= 1,
            "left": len(left),
        }
    saver.start(place)
    assert saver.hear() == "saved"
    saver.end()
    saver.close()
    assert not _left(folder), f"the save after the last kill left {_left(folder)}"


def _left(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".target.")]


def flips(
    bundle: Path, *, number: int, seed: int, folder: Path, only: str = ""
) -> Iterator[dict[str, Any]]:
    """Flip one bit at a time; says of each whether it was told."""
    rng, copy = random.Random(seed), folder / "flipped"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(bundle, copy)
    files = sorted(path for path in copy.rglob("*") if path.is_file() and only in path.name)
    sizes = [path.stat().st_size for path in files]
    for _ in range(number):
        (path,) = rng.choices(files, weights=sizes)
        whole = path.read_bytes()
        at, bit = rng.randrange(len(whole)), rng.randrange(8)
        flipped = bytearray(whole)
        flipped[at] ^= 1 << bit
        path.write_bytes(flipped)
        yield {"at": at, "bit": bit, **told(copy, path)}
        path.write_bytes(whole)
    assert digest(copy) == digest(bundle)


def told(bundle: Path, damaged: Path) -> dict[str, Any]:
    """Whether opening names the damaged file."""
    name = damaged.relative_to(bundle).as_posix()
    try:
        Bundle.open(bundle)
    except TurretError as error:
        said = str(error).replace(str(bundle), "")
        return {"file": name, "detected": True, "named": name in said, "said": said}
    return {"file": name, "detected": False, "named": False, "said": ""}


def run(
    old: Path,
    new: Path,
    *,
    kill: int,
    flip: int,
    seed: int = 0,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """All of it; the figures in the shape that every benchmark has."""
    killed: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for one in kills(old, new, number=kill, seed=seed, folder=folder):
            killed.append(one)
            say(f"{len(killed)}/{kill} {one}")
        flipped = list(flips(new, number=flip, seed=seed, folder=folder))
        manifest = list(flips(new, number=flip // 2, seed=seed + 1, folder=folder, only=MANIFEST))
    for one in [*flipped, *manifest]:
        if not one["named"]:
            say(f"not named: {one}")
    return {
        "figures": {
            "kills": len(killed),
            "right_after_kill": sum(one["right"] for one in killed),
            **{
                f"found_{what.replace(' ', '_')}": sum(one["found"] == what for one in killed)
                for what in ("nothing", "old", "new", "something else")
            },
            "killed_with_a_part_left": sum(one["left"] for one in killed),
            "flips": len(flipped),
            "flips_in_the_manifest": len(manifest),
            "detected": sum(one["detected"] for one in [*flipped, *manifest]),
            "named": sum(one["named"] for one in [*flipped, *manifest]),
        },
        "machine": {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count()},
        "settings": {
            "seed": seed,
            "bytes": sum(p.stat().st_size for p in new.rglob("*") if p.is_file()),
        },
    }


def main() -> None:
    """Read the arguments, run, and say what was found."""
    parser = argparse.ArgumentParser(description="Kill saves of bundles, and flip their bits.")
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--flips", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    say = partial(print, file=sys.stderr, flush=True)
    result = run(
        options.old, options.new, kill=options.kills, flip=options.flips, seed=options.seed, say=say
    )
    figures = result["figures"]
    print(json.dumps(result, indent=2) if options.json else figures)
    flips_done = figures["flips"] + figures["flips_in_the_manifest"]
    whole = figures["right_after_kill"] == figures["kills"] and figures["named"] == flips_done
    sys.exit(0 if whole else 1)


if __name__ == "__main__":
    main()
