import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from turret.errors import BundleError, CheckpointError
from turret.storage import sealed
from turret.storage.damage import problems

TEST = sealed.Format("test", version=1, noun="bundle", error=BundleError)


def fill(directory: Path) -> None:
    (directory / "part").mkdir()
    (directory / "part" / "one.txt").write_text("eins")
    (directory / "two.bin").write_bytes(bytes(1000))


def write(path: Path) -> Path:
    return sealed.seal(path, TEST, fill=fill)


def damages(path: Path) -> list[str]:
    return problems(path, sealed.read_manifest(path, TEST))


def test_the_manifest_to_the_byte(tmp_path: Path) -> None:
    path = write(tmp_path / "made" / "too" / "sealed")
    assert path == tmp_path / "made" / "too" / "sealed"
    assert (path / "manifest.json").read_bytes() == (
        b"{\n"
        b'  "format": "test",\n'
        b'  "format_version": 1,\n'
        b'  "files": {\n'
        b'    "part/one.txt": {\n'
        b'      "bytes": 4,\n'
        b'      "sha256": "bfd6b995588ec54ce16871bc82a7ac86dd43a2c22309ea68e479a50043683937"\n'
        b"    },\n"
        b'    "two.bin": {\n'
        b'      "bytes": 1000,\n'
        b'      "sha256": "541b3e9daa09b20bf85fa273e5cbd3e80185aa4ec298e765db87742b70138a53"\n'
        b"    }\n"
        b"  }\n"
        b"}\n"
    )
    assert damages(path) == []
    assert [child.name for child in path.parent.iterdir()] == ["sealed"]


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda p: (p / "two.bin").unlink(), "two.bin is missing"),
        (
            lambda p: (p / "two.bin").write_bytes(bytes(999)),
            "two.bin has 999 bytes instead of 1000",
        ),
        (
            lambda p: (p / "two.bin").write_bytes(bytes(999) + b"\x01"),
            "two.bin is damaged (its SHA-256 is another)",
        ),
        (lambda p: (p / "part" / "x").touch(), "part/x does not belong to it"),
        (
            lambda p: ((p / "two.bin").unlink(), (p / "two.bin").symlink_to(p / "part/one.txt")),
            "two.bin is not a regular file",
        ),
        (
            lambda p: ((p / "two.bin").unlink(), (p / "two.bin").mkdir()),
            "two.bin is missing",
        ),
    ],
)
def test_each_damage_is_named(
    tmp_path: Path, damage: Callable[[Path], object], problem: str
) -> None:
    path = write(tmp_path / "sealed")
    damage(path)
    assert damages(path) == [problem]


def test_all_damages_are_named_in_order(tmp_path: Path) -> None:
    path = write(tmp_path / "sealed")
    (path / "two.bin").unlink()
    (path / "part" / "one.txt").write_text("zwei")
    (path / "extra").touch()
    assert damages(path) == [
        "extra does not belong to it",
        "part/one.txt is damaged (its SHA-256 is another)",
        "two.bin is missing",
    ]


def test_what_is_no_sealed_directory(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="There is no bundle at"):
        damages(tmp_path / "nothing")
    with pytest.raises(BundleError, match=r"it has no manifest\.json"):
        damages(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "damaged"),
        ('{"format": "test"', "damaged"),
        ('{"format": "test", "format_version": 1}', "damaged.*`files`"),
        ('{"format": "other", "format_version": 1, "files": {}}', "got 'other', expected the form"),
        ('{"format": "test", "format_version": 2, "odd": 1}', "got 2, expected 1. Upgrade Turret"),
        ('{"format": "test", "format_version": 0, "files": {}}', "got 0, expected 1"),
        ('{"format": "test", "format_version": 1, "files": {}, "odd": 1}', "damaged.*`odd`"),
        (
            '{"format":"test","format_version":1,"files":{"../x":{"bytes":1,"sha256":"00"}}}',
            r"outside of the bundle: got '\.\./x'",
        ),
        (
            '{"format":"test","format_version":1,"files":{"/x":{"bytes":1,"sha256":"00"}}}',
            "outside of the bundle: got '/x'",
        ),
    ],
)
def test_manifests_that_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(BundleError, match=message):
        damages(tmp_path)


def test_messages_speak_of_the_kind_of_directory(tmp_path: Path) -> None:
    checkpoint = sealed.Format("test", version=1, noun="checkpoint", error=CheckpointError)
    with pytest.raises(CheckpointError, match="There is no checkpoint at"):
        sealed.verify(tmp_path / "nothing", checkpoint)
    path = write(tmp_path / "sealed")
    assert sealed.verify(path, checkpoint).files.keys() == {"part/one.txt", "two.bin"}
    (path / "two.bin").unlink()
    with pytest.raises(
        CheckpointError, match=r"checkpoint at .* two\.bin is missing; three is mis"
    ):
        sealed.verify(path, checkpoint, required=["three"])


def test_leftovers_are_removed_by_name_or_pattern(tmp_path: Path) -> None:
    for name in (".one.0f.partial", ".two.0f.partial", ".three.0f.partial", "four"):
        (tmp_path / name).mkdir()
    sealed.remove_leftovers(tmp_path, "one")
    sealed.remove_leftovers(tmp_path, "t*")
    assert [path.name for path in tmp_path.iterdir()] == ["four"]


def test_only_its_own_kind_is_replaced(tmp_path: Path) -> None:
    other = tmp_path / "notes"
    other.mkdir()
    (other / "notes.txt").write_text("dear diary")
    with pytest.raises(BundleError, match="notes exists and is not a bundle"):
        write(other)
    (other / "manifest.json").write_text(json.dumps({"format": "web", "format_version": 1}))
    with pytest.raises(BundleError, match="notes exists and is not a bundle"):
        write(other)
    with pytest.raises(BundleError, match=r"notes\.txt exists and is not a bundle"):
        write(other / "notes.txt")
    assert sorted(path.name for path in other.iterdir()) == ["manifest.json", "notes.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["notes"]


def test_an_empty_directory_is_filled(tmp_path: Path) -> None:
    assert damages(write(tmp_path)) == []


@pytest.mark.parametrize("can_exchange", [True, False])
def test_its_own_kind_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_exchange: bool
) -> None:
    if not can_exchange:
        monkeypatch.setattr("turret.storage.sealed._exchange", lambda one, other: False)
    path = write(tmp_path / "sealed")
    (path / "two.bin").unlink()
    before = sealed.identity(path)
    assert damages(write(path)) == []
    assert sealed.identity(path) != before
    assert [child.name for child in tmp_path.iterdir()] == ["sealed"]


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to(tmp_path / "sealed")
    assert write(tmp_path / "latest") == tmp_path / "sealed"
    assert (tmp_path / "latest").is_symlink()


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def fail(directory: Path) -> None:
        fill(directory)
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        sealed.seal(tmp_path / "sealed", TEST, fill=fail)
    assert list(tmp_path.iterdir()) == []


ENDLESS = """
import sys, time
from pathlib import Path
from turret.errors import BundleError
from turret.storage import sealed
from turret.storage.damage import problems
TEST = sealed.Format("test", version=1, noun="bundle", error=BundleError)
number = 0
def fill(directory):
    for part in range(8):
        (directory / f"{part}.txt").write_text(f"{number} " * 20_000)
while True:
    print(time.monotonic(), flush=True)
    sealed.seal(Path(sys.argv[1]), TEST, fill=fill)
    number += 1
"""


@pytest.mark.parametrize("first", [True, False])
def test_killed_at_any_moment_it_is_whole_or_not_there(tmp_path: Path, first: bool) -> None:
    """Kills a process that writes one directory over and over, at 12 moments of a write."""
    path = tmp_path / "sealed"
    for attempt in range(12):
        if first and path.exists():
            shutil.rmtree(path)
        process = subprocess.Popen(
            [sys.executable, "-c", ENDLESS, str(path)], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        # The third write is the one that is killed, or the very first; each takes so long:
        starts = [float(process.stdout.readline()) for _ in range(1 if first else 3)]
        duration = 0.01 if first else starts[-1] - starts[-2]
        time.sleep(duration * attempt / 11)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert first or path.exists()
        if path.exists():
            assert damages(path) == []
            texts = {child.read_text() for child in path.glob("*.txt")}
            assert len(texts) == 1
            assert first or int(texts.pop().split()[0]) >= 1
        assert len([child for child in tmp_path.iterdir() if child != path]) <= 1
    write(path)
    assert damages(path) == []
    assert [child.name for child in tmp_path.iterdir()] == ["sealed"]


def test_nothing_is_written_into_a_sealed_directory(tmp_path: Path) -> None:
    kind = sealed.Format("turret-test", version=1, noun="export", error=BundleError)
    sealed.seal(tmp_path / "whole", kind, fill=fill)
    (tmp_path / "link").symlink_to(tmp_path / "whole" / "part")
    for place in ("whole/README.md", "whole/part/more", "link/more"):
        with pytest.raises(CheckpointError, match=r"inside of .*whole, whose manifest\.json names"):
            sealed.require_outside(tmp_path / place, error=CheckpointError)
        with pytest.raises(BundleError, match="nothing is written there"):
            write(tmp_path / place)
    sealed.require_outside(tmp_path / "whole", error=BundleError)
    sealed.seal(tmp_path / "whole", kind, fill=fill)
    assert problems(tmp_path / "whole", sealed.read_manifest(tmp_path / "whole", kind)) == []
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(BundleError, match="txt exists and is not an export"):
        sealed.seal(tmp_path / "notes.txt", kind, fill=fill)
