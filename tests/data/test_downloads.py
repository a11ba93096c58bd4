import hashlib
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from movielens_files import write_zip

from turret.data import downloads
from turret.data.downloads import Unavailable, download
from turret.errors import DataError

Server = tuple[Path, str]


@pytest.fixture
def content(served: Server) -> bytes:
    """The content of `a.zip`, which the server has."""
    return write_zip(served[0] / "a.zip", "10m", inside="x").read_bytes()


def fetch(url: str, target: Path, *, size: int | None = None, sha256: str | None = None) -> None:
    download(url, target, size=size, sha256=sha256, say=lambda _: None)


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def test_download(served: Server, content: bytes, tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "kept.zip"
    said: list[str] = []
    digest = hashlib.sha256(content).hexdigest()
    download(served[1] + "a.zip", target, size=len(content), sha256=digest, say=said.append)
    assert target.read_bytes() == content
    assert left(target.parent) == {"kept.zip"}
    assert target.stat().st_mode & 0o777 == 0o644
    assert said == [f"Fetching {served[1]}a.zip (0 MB)"]


@pytest.mark.parametrize(
    ("name", "size", "sha256", "message"),
    [
        ("a.zip", 7, None, r"it sent [\d,]+ bytes instead of 7\.$"),
        ("a.zip", None, "0" * 64, r"what it sent has the SHA-256 [0-9a-f]{64}\.$"),
        ("page.zip", None, None, "what it sent is no zip archive"),
        ("absent.zip", None, None, "HTTP Error 404: File not found"),
        ("short/a.zip", None, None, r"100 bytes"),
    ],
)
def test_wrong_content_leaves_nothing(
    served: Server,
    content: bytes,
    tmp_path: Path,
    name: str,
    size: int | None,
    sha256: str | None,
    message: str,
) -> None:
    (served[0] / "page.zip").write_text("<html>Sorry</html>")
    (served[0] / "short").mkdir()
    (served[0] / "short" / "a.zip").write_bytes(content)
    target = tmp_path / "cache" / "kept.zip"
    with pytest.raises(Unavailable, match=message):
        fetch(served[1] + name, target, size=size, sha256=sha256)
    assert left(target.parent) == set()


def test_failure_leaves_what_was_there(served: Server, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "kept.zip").write_bytes(b"before")
    with pytest.raises(Unavailable):
        fetch(served[1] + "a.zip", tmp_path / "kept.zip", size=7)
    assert (tmp_path / "kept.zip").read_bytes() == b"before"


def test_server_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "CONNECT_SECONDS", 0.2)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        started = time.monotonic()
        with pytest.raises(Unavailable, match="no answer within 0.2 seconds"):
            fetch(f"http://127.0.0.1:{listening.getsockname()[1]}/a.zip", tmp_path / "kept.zip")
        assert time.monotonic() - started < 2


def test_server_that_refuses(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="refused"):
        fetch("http://127.0.0.1:9/a.zip", tmp_path / "kept.zip")


def test_many_at_once(served: Server, content: bytes, tmp_path: Path) -> None:
    target = tmp_path / "cache" / "kept.zip"
    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(fetch, served[1] + "a.zip", target) for _ in range(8)]:
            future.result()
    assert target.read_bytes() == content
    assert left(target.parent) == {"kept.zip"}


def test_what_a_killed_process_left_is_swept(
    served: Server, content: bytes, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    old, fresh = cache / ".kept.zip.old.part", cache / ".kept.zip.new.part"
    for part in (old, fresh):
        part.write_bytes(b"half")
    os.utime(old, (0, 0))
    fetch(served[1] + "a.zip", cache / "kept.zip")
    assert left(cache) == {"kept.zip", fresh.name}


def test_folder_that_cannot_be_made(served: Server, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Unavailable, match=r"cannot be written .*set XDG_CACHE_HOME"):
        fetch(served[1] + "a.zip", tmp_path / "file" / "kept.zip")


def test_unavailable_is_a_data_error() -> None:
    assert issubclass(Unavailable, DataError)


def test_say_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    downloads.say_on_stderr("A sentence")
    assert capsys.readouterr() == ("", "A sentence\n")
