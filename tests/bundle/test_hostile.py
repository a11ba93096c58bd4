"""Bundles by strangers: each is refused with a sentence that names the file, in little memory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from bundles import by_country
from hostile import MANIFESTS, SEALED
from hostile_changes import Attack, copied, resealed

from turret.bundle.bundle import Bundle
from turret.errors import BundleError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no pipes, links and sparse files there")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return by_country().save(tmp_path_factory.mktemp("bundles") / "saved")


def require_refused(path: Path, message: str) -> None:
    with pytest.raises(BundleError, match=message) as caught:
        Bundle.open(path)
    told = str(caught.value)
    assert str(path) in told and len(told) < 5000


@pytest.mark.parametrize("name", SEALED)
def test_with_right_checksums(saved: Path, tmp_path: Path, name: str) -> None:
    attack, message = SEALED[name]
    require_refused(resealed(saved, tmp_path / "bundle", attack), message)


@pytest.mark.parametrize("name", MANIFESTS)
def test_in_the_directory_and_the_manifest(saved: Path, tmp_path: Path, name: str) -> None:
    attack, message = MANIFESTS[name]
    require_refused(copied(saved, tmp_path / "bundle", attack), message)


VERIFY = """
import re, subprocess, sys
from turret.cli.app import main
for path in sys.argv[1:]:
    try:
        main(["verify", path])
    except SystemExit as end:
        print(end.code, flush=True)
peak = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())
print(int(peak[1]) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux says of a process")
def test_the_command_says_one_sentence_in_bounded_memory(saved: Path, tmp_path: Path) -> None:
    names = [*SEALED, *MANIFESTS]
    attacks: dict[str, Attack] = {name: pair[0] for name, pair in {**SEALED, **MANIFESTS}.items()}
    make = {name: resealed if name in SEALED else copied for name in names}
    places = [
        str(make[name](saved, tmp_path / str(place), attacks[name]))
        for place, name in enumerate(names)
    ]
    whole = str(saved)
    done = subprocess.run(
        [sys.executable, "-c", VERIFY, whole, *places], capture_output=True, text=True
    )
    *codes, peak = done.stdout.splitlines()
    assert codes[1:] == ["0", *["1"] * len(places)], done.stderr
    told = done.stderr.splitlines()
    assert len(told) == len(places), done.stderr
    for place, line in zip(places, told, strict=True):
        assert line.startswith("Error: ") and place in line
    # Importing alone takes 300 MiB; what may come on top is said by the format.
    assert int(peak) < 300 + 2 * 256
