"""A folder of versions: the newest whole one answers, and no request fails when it changes."""

import json
import re
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from bundles import bundle_of, dataset, model
from hostile import MANIFESTS, SEALED
from hostile_changes import copied, resealed
from servers import Server, serving

from turret.errors import ServingError
from turret.recommender.recommender import Recommender
from turret.serving.logs import Log
from turret.serving.settings import Settings
from turret.serving.version import Version
from turret.serving.versions import Versions


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Bundles whose scores differ."""
    folder, data = tmp_path_factory.mktemp("made"), dataset()
    return {dim: bundle_of(data, model(data, dim=dim)).save(folder / str(dim)) for dim in (2, 3, 4)}


@pytest.fixture
def server(made: dict[int, Path], tmp_path: Path) -> Iterator[Server]:
    put(made[2], tmp_path / "models" / "1")
    (tmp_path / "models" / "notes").mkdir()
    with serving(tmp_path / "models", "--poll", "0.1", log=tmp_path / "log") as running:
        yield running


def put(bundle: Path, place: Path) -> None:
    place.parent.mkdir(exist_ok=True)
    shutil.copytree(bundle, place.with_name("copying"))
    place.with_name("copying").rename(place)


def damage(bundle: Path) -> None:
    path = bundle / "vectors.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_versions_come_and_go_without_a_failed_request(
    server: Server, made: dict[int, Path], tmp_path: Path
) -> None:
    models = tmp_path / "models"
    answers: list[dict[str, Any]] = []
    done = threading.Event()

    def ask() -> None:
        with httpx.Client() as client:
            while not done.is_set():
                got = client.post(server.url + "/v1/recommend", json={"queries": [3, 17], "k": 5})
                assert got.status_code == 200, got.text
                answers.append(got.json())

    def answered() -> None:
        before = len(answers)
        while len(answers) < before + 3 and asking.is_alive():
            done.wait(0.01)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        answered()
        put(made[3], models / "2")
        server.wait_for("version_served")
        answered()
        put(made[4], models / "copy")
        damage(models / "copy")
        (models / "copy").rename(models / "4")
        assert "vectors.safetensors" in server.wait_for("version_refused")["reason"]
        assert server.get("/readyz").json()["version"] == "2"
        put(made[4], models / "3")
        server.wait_for("version_served", number=2)
        answered()
        shutil.rmtree(models / "3")
        server.wait_for("version_served", number=3)
        shutil.rmtree(models / "4")
        put(made[4], models / "10")
        server.wait_for("version_served", number=4)
        shutil.rmtree(models)
        answered()
    finally:
        done.set()
        asking.join()
    served = [line["version"] for line in server.lines("version_served")]
    assert served == ["2", "3", "2", "10"]
    assert server.get("/readyz").json()["version"] == "10"
    assert "turret_reload_failures_total 1.0" in server.get("/metrics").text
    by = {"1": 2, "2": 3, "3": 4, "10": 4}
    expected = {
        name: Recommender.load(made[dim]).recommend({"user": ["3", "17"]}, 5)
        for name, dim in by.items()
    }
    assert {answer["model_version"] for answer in answers} == {"1", "2", "3", "10"}
    for answer in answers:
        hits = expected[answer["model_version"]]
        assert answer["ids"] == hits.ids.tolist()
        np.testing.assert_allclose(answer["scores"], hits.scores, rtol=1e-5)


def test_a_damaged_version_is_passed_over_at_the_start_and_tried_again_when_it_changes(
    made: dict[int, Path], tmp_path: Path
) -> None:
    put(made[2], tmp_path / "models" / "1")
    put(made[3], tmp_path / "models" / "2")
    damage(tmp_path / "models" / "2")
    (tmp_path / "models" / "3").mkdir()
    failures: list[None] = []
    with (tmp_path / "log").open("wb") as file:
        versions = Versions(
            tmp_path / "models",
            lambda path, number: Version.load(path, Settings(), number=number),
            log=Log(file),
            failed=lambda: failures.append(None),
        )
        assert versions.first().name == "1"
        assert versions.newer() is None and len(failures) == 1
        damage(tmp_path / "models" / "2")
        mended = versions.newer()
        assert mended is not None and (mended.name, mended.number) == ("2", 2)
        assert versions.newer() is None


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes, links and sparse files there")
def test_versions_by_somebody_who_means_ill_are_refused_and_the_old_one_stays(
    made: dict[int, Path], tmp_path: Path
) -> None:
    models = tmp_path / "models"
    put(made[2], models / "1")
    chosen = ["pipe", "manifest that is a pipe", "manifest of gigabytes", "name in no encoding"]
    chosen += ["folder that is a link to its own", "link that leads nowhere"]
    attacks = [(copied, MANIFESTS[name]) for name in chosen]
    attacks += [
        (resealed, SEALED[name]) for name in ("rows without end", "JSON nested without end")
    ]
    with (tmp_path / "log").open("wb") as file:
        versions = Versions(
            models,
            lambda path, number: Version.load(path, Settings(), number=number),
            log=Log(file),
        )
        assert versions.first().number == 1
        for number, (make, (attack, _)) in enumerate(attacks, start=2):
            make(made[2], models / str(number), attack)
            assert versions.newer() is None, number
    lines = [json.loads(line) for line in (tmp_path / "log").read_bytes().splitlines()]
    refused = {line["version"]: line["reason"] for line in lines}
    assert len(lines) == len(refused) == len(attacks)
    for number, (_, (_, message)) in enumerate(attacks, start=2):
        assert re.search(message, refused[str(number)])


def test_a_folder_without_versions_is_refused(tmp_path: Path) -> None:
    (tmp_path / "01").mkdir()
    versions = Versions(tmp_path, lambda path, number: pytest.fail("none"), log=Log())
    with pytest.raises(ServingError, match="neither a bundle nor a folder .* got \\['01'\\]"):
        versions.first()
