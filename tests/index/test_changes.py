import os
import signal
import subprocess
import sys
import time
import zlib
from datetime import date
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from turret.errors import CandidateIndexError
from turret.index.changes import (
    Change,
    ChangeLog,
    columns_of,
    forgetting,
    put,
    removal,
    sight,
    vectors_of,
)
from turret.index.records import HEAD

ONE = put(("a", "b"), np.array([[1, 2], [3, 4]], dtype=np.float32))
TWO = removal(("a",))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    log = ChangeLog(tmp_path / "new folder" / "x.log", belongs_to="x")
    log.append(ONE)
    log.append(TWO)
    log.close()
    return log.path


def read(path: Path) -> list[Change]:
    log = ChangeLog(path, belongs_to="x")
    log.close()
    assert ChangeLog.peek(path, belongs_to="x") == log.changes
    return log.changes


def test_changes_come_back(path: Path) -> None:
    assert read(path) == [ONE, TWO]
    assert vectors_of(ONE, 2).tolist() == [[1, 2], [3, 4]]
    assert path.read_bytes().startswith(b"turret-changes 1 x\n")


def test_columns_come_back_with_their_types() -> None:
    table = pl.DataFrame({"when": [date(2020, 1, 2)], "tags": [["a", None]], "n": [None]})
    back = columns_of(put(("a",), np.zeros((1, 2), dtype=np.float32), table))
    assert back is not None
    assert back.equals(table) and back.schema == table.schema
    assert columns_of(ONE) is None


def test_whatever_a_crash_leaves_of_the_last_record_is_dropped(path: Path) -> None:
    whole = path.read_bytes()
    path.unlink()
    log = ChangeLog(path, belongs_to="x")
    log.append(ONE)
    log.close()
    for length in range(path.stat().st_size, len(whole)):
        path.write_bytes(whole[:length])
        assert read(path) == [ONE]
    log = ChangeLog(path, belongs_to="x")
    log.append(TWO)
    log.close()
    assert read(path) == [ONE, TWO]


def test_a_crash_while_the_first_line_is_written(path: Path) -> None:
    for length in range(len(b"turret-changes 1 x\n")):
        path.write_bytes(b"turret-changes 1 x\n"[:length])
        assert read(path) == []


def test_damage_before_the_end_is_told(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[40] ^= 1
    path.write_bytes(whole)
    with pytest.raises(CandidateIndexError, match="damaged at byte 19"):
        ChangeLog(path, belongs_to="x")


def test_a_flipped_bit_is_told_wherever_it_is(path: Path) -> None:
    whole = path.read_bytes()
    start = whole.index(b"\n") + 1
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        told = "damaged at byte" if bit >= 8 * start else "is not the log of these candidates"
        for opened in (ChangeLog, ChangeLog.peek):
            with pytest.raises(CandidateIndexError, match=told):
                opened(path, belongs_to="x")
        assert path.read_bytes() == bytes(damaged)


def test_a_length_in_ruins_is_told_by_what_follows_far_behind(path: Path) -> None:
    log = ChangeLog(path, belongs_to="x")
    start = path.stat().st_size
    numbers = np.random.default_rng(0).normal(size=(1, 1_000_000)).astype(np.float32)
    log.append(put(("large",), numbers), TWO)
    log.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:start] + b"\xff\xff\xff\xff" + whole[start + 4 :])
    with pytest.raises(CandidateIndexError, match=f"damaged at byte {start}"):
        ChangeLog.peek(path, belongs_to="x")
    # Without what follows, and with its length, a crash cut it short.
    path.write_bytes(whole[: start + 3_000_000])
    assert read(path) == [ONE, TWO]


@pytest.mark.parametrize("change", [ONE, TWO, sight("q", ("a",)), forgetting("q")])
def test_every_record_begins_alike(change: Change) -> None:
    assert msgspec.msgpack.encode(change).startswith(b"\x85\xa2op")


def test_zeros_that_a_crash_left_are_dropped(path: Path) -> None:
    before = read(path)
    path.write_bytes(path.read_bytes() + bytes(100))
    assert read(path) == before


def test_a_record_that_is_no_change_is_told(path: Path) -> None:
    for payload in (b"\x01", b"\x81\xa2op\xa1\xff", b"\x91" * 100_000 + b"\x01"):
        with path.open("ab") as file:
            file.write(HEAD.pack(len(payload), zlib.crc32(payload)) + payload)
        with pytest.raises(CandidateIndexError, match="no change"):
            ChangeLog.peek(path, belongs_to="x")


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.log")
    with pytest.raises(CandidateIndexError, match="no regular file"):
        ChangeLog(tmp_path / "x.log", belongs_to="x")
    with pytest.raises(CandidateIndexError, match="not a regular file"):
        ChangeLog.peek(tmp_path / "x.log", belongs_to="x")


def test_columns_and_vectors_that_cannot_be_are_told() -> None:
    change = put(("a",), np.full((1, 2), np.nan, dtype=np.float32))
    with pytest.raises(CandidateIndexError, match="not finite"):
        vectors_of(change, 2)
    with pytest.raises(CandidateIndexError, match="columns that cannot be read"):
        columns_of(Change(op="put", ids=("a",), columns=b"ARROW1 nothing"))


def test_the_log_of_something_else_is_refused(path: Path) -> None:
    with pytest.raises(CandidateIndexError, match="not the log of these candidates"):
        ChangeLog(path, belongs_to="y")


def test_two_writers_are_refused(path: Path) -> None:
    log = ChangeLog(path, belongs_to="x")
    with pytest.raises(CandidateIndexError, match="another writer"):
        ChangeLog(path, belongs_to="x")
    log.close()
    assert read(path) == [ONE, TWO]


WRITER = """
import sys
import numpy as np
from pathlib import Path
from turret.index.changes import ChangeLog, put
log = ChangeLog(Path(sys.argv[1]), belongs_to="x")
for number in range(len(log.changes), 10**9):
    log.append(put((str(number),), np.full((1, 8), number, dtype=np.float32)))
    print(number, flush=True)
"""


def test_every_acknowledged_change_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    for turn in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        told = [process.stdout.readline()]
        time.sleep(0.05 * turn)
        os.kill(process.pid, signal.SIGKILL)
        told += process.stdout.read().splitlines()
        process.wait()
        process.stdout.close()
        last = int(told[-1])
        changes = read(path)
        assert [change.ids for change in changes] == [(str(n),) for n in range(len(changes))]
        assert len(changes) in (last + 1, last + 2)
