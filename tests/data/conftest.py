"""What the tests of fetching share: a server of their own."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest


class Served(NamedTuple):
    folder: Path
    url: str


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder; a file whose path has `short` in it loses its end on the way."""

    def log_message(self, format: str, *args: object) -> None:
        pass

    def copyfile(self, source, outputfile) -> None:
        content = source.read()
        outputfile.write(content[:100] if "short" in self.path else content)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A folder, and the address under which its files can be fetched."""
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        yield Served(folder, f"http://127.0.0.1:{http.server_port}/")
        http.shutdown()
        thread.join()
