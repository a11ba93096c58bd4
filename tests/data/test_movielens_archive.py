import hashlib
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from movielens_files import FILES, write_folder, write_zip

from turret.data import movielens_archive as archive
from turret.errors import DataError

REFUSED = "http://127.0.0.1:9/"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of its own, no server, no package index."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(archive, "GROUPLENS", REFUSED)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return tmp_path / "cache" / "turret" / "movielens"


@pytest.fixture
def server(served: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that takes the place of GroupLens."""
    monkeypatch.setattr(archive, "GROUPLENS", served[1])
    return served[0]


def publish(monkeypatch: pytest.MonkeyPatch, path: Path, name: str) -> bytes:
    """Makes an archive the published one of a release."""
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    release = archive.Release(len(content), digest, 3, 2, 2)
    monkeypatch.setitem(archive.RELEASES, name, release)
    return content


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def test_path_may_be_a_folder_its_parent_or_an_archive(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "given" / "ml-1m", "1m")
    packed = write_zip(tmp_path / "1m.zip", "1m", inside="ml-1m")
    for path in (folder, folder.parent, packed, str(packed)):
        said: list[str] = []
        found = archive.find("1m", path=path, say=said.append)
        assert found == (FILES["1m"], str(path), False)
        assert said == [f"MovieLens 1m: read from {path}"]


def test_path_without_the_release(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "ml-1m", "1m")
    with pytest.raises(DataError, match=r"no copy of MovieLens 20m: it lacks files"):
        archive.find("20m", path=folder, say=print)
    with pytest.raises(DataError, match="nothing there"):
        archive.find("20m", path=tmp_path / "absent", say=print)
    broken = tmp_path / "broken.zip"
    broken.write_bytes(write_zip(tmp_path / "whole.zip", "1m", inside="x").read_bytes()[:-40])
    with pytest.raises(DataError, match="cannot be read as a zip archive"):
        archive.find("1m", path=broken, say=print)


def test_damage_inside_an_archive(tmp_path: Path) -> None:
    packed = tmp_path / "damaged.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as whole:
        for name, content in FILES["1m"].items():
            whole.writestr(name, content * 50)
    content = bytearray(packed.read_bytes())
    content[60:80] = bytes(20)
    packed.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read as a zip archive"):
        archive.find("1m", path=packed, say=print)


def test_download_is_kept_and_terms_are_shown_once(
    cache: Path, server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = publish(monkeypatch, write_zip(server / "ml-1m.zip", "1m", inside="ml-1m"), "1m")
    said: list[str] = []
    found = archive.find("1m", path=None, say=said.append)
    assert found == (FILES["1m"], "GroupLens", True)
    assert (cache / "ml-1m.zip").read_bytes() == content
    assert left(cache) == {"ml-1m.zip", "terms-shown"}
    assert said.count(archive.TERMS) == 1

    (server / "ml-1m.zip").unlink()
    again: list[str] = []
    found = archive.find("1m", path=None, say=again.append)
    assert found == (FILES["1m"], str(cache / "ml-1m.zip"), True)
    assert again == [f"MovieLens 1m: read from {cache / 'ml-1m.zip'}"]


def test_damaged_archive_in_the_cache_is_fetched_anew(
    cache: Path, server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = publish(monkeypatch, write_zip(server / "ml-1m.zip", "1m", inside="ml-1m"), "1m")
    cache.mkdir(parents=True)
    (cache / "ml-1m.zip").write_bytes(content[:-30])
    assert archive.find("1m", path=None, say=print).origin == "GroupLens"
    assert (cache / "ml-1m.zip").read_bytes() == content


def test_archive_that_is_not_the_published_one_is_refused(
    cache: Path, server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(monkeypatch, write_zip(server / "ml-1m.zip", "1m", inside="ml-1m"), "1m")
    write_zip(server / "ml-1m.zip", "10m", inside="ml-1m")
    with pytest.raises(DataError, match=r"GroupLens: it sent [\d,]+ bytes instead of [\d,]+"):
        archive.find("1m", path=None, say=print)
    assert left(cache) == set()


def test_folder_in_the_cache_serves(cache: Path) -> None:
    folder = write_folder(cache / "ml-25m", "latest-small")
    assert archive.find("25m", path=None, say=print) == (FILES["latest-small"], str(folder), False)


def test_no_copy_names_each_place_and_the_way_out() -> None:
    with pytest.raises(DataError) as caught:
        archive.find("100k", path=None, say=print)
    text = str(caught.value)
    for part in ("No copy of MovieLens 100k", "cache: nothing there", "GroupLens: ", "refused"):
        assert part in text
    assert "package index: pip failed" in text
    assert "ml-100k.zip and give its path" in text


def test_cache_that_cannot_be_written(
    tmp_path: Path, server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(monkeypatch, write_zip(server / "ml-1m.zip", "1m", inside="ml-1m"), "1m")
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"cannot be written .*set XDG_CACHE_HOME"):
        archive.find("1m", path=None, say=print)


def test_many_fetch_at_once(cache: Path, server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = publish(monkeypatch, write_zip(server / "ml-1m.zip", "1m", inside="ml-1m"), "1m")
    with ThreadPoolExecutor(8) as pool:
        finds = [pool.submit(archive.find, "1m", path=None, say=lambda _: None) for _ in range(8)]
        assert all(future.result().files == FILES["1m"] for future in finds)
    assert (cache / "ml-1m.zip").read_bytes() == content
    assert left(cache) == {"ml-1m.zip", "terms-shown"}


def test_package_carries_100k(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = write_wheel(tmp_path / "wheels" / archive.RECBOLE.file)
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    with pytest.raises(DataError, match=f"what it sent has the SHA-256 {digest}"):
        archive.find("100k", path=None, say=print)
    monkeypatch.setattr(archive, "RECBOLE", archive.RECBOLE._replace(sha256=digest))
    found = archive.find("100k", path=None, say=print)
    assert found == (FILES["recbole"], "the package recbole==1.2.1", True)
    assert left(cache) == {wheel.name, "terms-shown"}
    monkeypatch.delenv("PIP_FIND_LINKS")
    assert archive.find("100k", path=None, say=print).origin == str(cache / wheel.name)


def write_wheel(path: Path) -> Path:
    write_zip(path, "recbole", inside="recbole/dataset_example/ml-100k")
    info = "recbole-1.2.1.dist-info"
    with zipfile.ZipFile(path, "a") as wheel:
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: recbole\nVersion: 1.2.1\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return path


def test_interpreter_without_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bare" / "bin" / "python"))
    with pytest.raises(DataError, match=r"package index: pip failed \(.*No module named pip\)"):
        archive.find("100k", path=None, say=print)
