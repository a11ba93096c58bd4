import json
import threading
from pathlib import Path

import msgspec
import numpy as np
import pytest

from turret.errors import CheckpointError
from turret.train.checkpoint import (
    BestRecord,
    Checkpoint,
    Checkpoints,
    EpochRecord,
    Identity,
    Record,
)
from turret.train.snapshot import Snapshot

IDENTITY = Identity(settings={"train": {"seed": 1, "rate": 0.5}, "hidden": [8, 4]}, data="aa")


def checkpoint(step: int, identity: Identity = IDENTITY, best: bool = True) -> Checkpoint:
    record = Record(
        identity=identity,
        step=step,
        epoch_seconds=0.1 + 0.2,
        history=(
            EpochRecord(
                seconds=1.5, validation={"ndcg@20": None, "x": 0.1}, validation_seconds=2.0
            ),
            EpochRecord(seconds=1.5, validation=None, validation_seconds=None),
        ),
        best=BestRecord(value=0.1, epoch=1, without_improvement=1, weak=("b",)),
        weak=("b",),
    )
    state = Snapshot(
        {"a/b": np.arange(step, dtype=np.float32), "n": np.array(step)}, frozenset("b")
    )
    losses = {"loss": np.linspace(0, 1, step, dtype=np.float32)}
    return Checkpoint(record, state, losses, state if best else None)


def save(checkpoints: Checkpoints, step: int, keep: int | None = 2, **options) -> None:
    checkpoints.save(lambda: checkpoint(step, **options), step, keep=keep)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("best", [True, False])
def test_a_checkpoint_comes_back_as_it_was(tmp_path, best):
    checkpoints = Checkpoints(tmp_path / "made")
    save(checkpoints, 7, best=best)
    read, notes = checkpoints.resume(IDENTITY)
    written = checkpoint(7, best=best)
    assert read is not None and notes == ()
    assert read.record == written.record
    assert read.state.weak == {"b"}
    assert (read.best is not None) == best
    for one, other in ((read.state.arrays, written.state.arrays), (read.losses, written.losses)):
        assert one.keys() == other.keys()
        for name, array in other.items():
            assert (one[name].dtype, one[name].shape) == (array.dtype, array.shape)
            np.testing.assert_array_equal(one[name], array)
    files = names(tmp_path / "made" / "step-000000000007")
    wanted = ["losses.safetensors", "manifest.json", "progress.json", "state.safetensors"]
    assert files == sorted(wanted + ["best.safetensors"] * best)


def test_the_newest_remain(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for step in (10, 20, 30, 40):
        save(checkpoints, step)
    assert checkpoints.last == tmp_path / "step-000000000040"
    assert checkpoints.steps() == [30, 40]
    assert names(tmp_path) == ["step-000000000030", "step-000000000040"]


def test_those_of_an_earlier_training_go_with_the_first_one_that_was_due(tmp_path):
    earlier = Checkpoints(tmp_path)
    save(earlier, 50)
    earlier.wait()
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.last is None
    # Somebody pressed Ctrl-C right at the start: nothing of the earlier one is lost.
    save(checkpoints, 3, keep=None)
    checkpoints.wait()
    assert checkpoints.steps() == [3, 50]
    save(checkpoints, 10)
    checkpoints.wait()
    assert checkpoints.steps() == [3, 10]


def test_a_resumed_training_counts_what_it_started_from_as_its_own(tmp_path):
    earlier = Checkpoints(tmp_path)
    for step in (10, 20):
        save(earlier, step)
    earlier.wait()
    checkpoints = Checkpoints(tmp_path)
    checkpoints.resume(IDENTITY)
    assert checkpoints.last == tmp_path / "step-000000000020"
    save(checkpoints, 30)
    checkpoints.wait()
    assert checkpoints.steps() == [20, 30]


def test_clearing_leaves_what_is_not_a_checkpoint(tmp_path):
    checkpoints = Checkpoints(tmp_path / "one")
    save(checkpoints, 1)
    checkpoints.clear()
    assert names(tmp_path) == []
    save(checkpoints, 1)
    checkpoints.wait()
    (tmp_path / "one" / "notes.txt").write_text("mine")
    checkpoints.clear()
    assert names(tmp_path / "one") == ["notes.txt"]
    checkpoints.clear()


def test_nothing_to_resume_is_nothing(tmp_path):
    assert Checkpoints(tmp_path / "none").resume(IDENTITY) == (None, ())
    assert Checkpoints(tmp_path).resume(IDENTITY) == (None, ())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train": {"seed": 2, "rate": 0.5}, "hidden": [8, 4]}, "train.seed was 1 and is 2 now"),
        ({"train": {"rate": 0.5}, "hidden": [8, 4]}, "train.seed was 1 and is None now"),
        ({"train": {"seed": 1, "rate": 0.5}, "hidden": [8]}, r"hidden \(length\) was 2 and is 1"),
        ({"train": {"seed": 1, "rate": 0.5}, "hidden": [8, 5]}, r"hidden\[1\] was 4 and is 5 now"),
    ],
)
def test_other_settings_are_refused_by_name(tmp_path, change, message):
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, 7)
    with pytest.raises(
        CheckpointError, match=f"step-000000000007 is of another training: {message}"
    ):
        checkpoints.resume(Identity(settings=change, data="aa"))


def test_other_data_are_refused(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, 7)
    with pytest.raises(CheckpointError, match="of other training data. Go on with the data"):
        checkpoints.resume(Identity(settings=IDENTITY.settings, data="bb"))


def test_one_of_another_training_is_passed_over_for_an_older_one_that_fits(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, 5, keep=None)
    save(checkpoints, 9, keep=None, identity=Identity(settings={}, data="aa"))
    read, notes = checkpoints.resume(IDENTITY)
    assert read is not None and (read.record.step, notes) == (5, ())


def test_a_damaged_one_is_passed_over_and_named(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for step in (5, 9):
        save(checkpoints, step)
    checkpoints.wait()
    damaged = tmp_path / "step-000000000009" / "state.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    read, notes = checkpoints.resume(IDENTITY)
    assert read is not None and read.record.step == 5
    assert len(notes) == 1 and "state.safetensors is damaged" in notes[0]
    (tmp_path / "step-000000000005" / "progress.json").unlink()
    with pytest.raises(
        CheckpointError, match=r"No checkpoint in .* is whole: .*state\.safetensors"
    ):
        checkpoints.resume(IDENTITY)


def test_a_newer_format_is_refused(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, 5)
    checkpoints.wait()
    manifest = tmp_path / "step-000000000005" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format_version": 2}))
    with pytest.raises(CheckpointError, match="has a format version that this Turret cannot read"):
        checkpoints.resume(IDENTITY)


def test_what_a_killed_process_left_half_written_goes(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, 5)
    checkpoints.wait()
    (tmp_path / ".step-000000000009.abcdef.partial").mkdir()
    checkpoints.resume(IDENTITY)
    assert names(tmp_path) == ["step-000000000005"]


def test_it_is_written_by_a_thread_and_a_failure_is_told_at_the_next_occasion(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    free = threading.Event()

    def late() -> Checkpoint:
        assert free.wait(10)
        return checkpoint(1)

    checkpoints.save(late, 1, keep=1)
    assert checkpoints.steps() == []
    free.set()
    assert checkpoints.last == tmp_path / "step-000000000001"

    def failing() -> Checkpoint:
        raise OSError(28, "No space left on device")

    checkpoints.save(failing, 2, keep=1)
    with pytest.raises(OSError, match="No space left"):
        save(checkpoints, 3)
    assert checkpoints.steps() == [1]


def test_the_record_is_json_that_decodes_strictly():
    text = msgspec.json.encode(checkpoint(3).record)
    assert msgspec.json.decode(text, type=Record) == checkpoint(3).record
