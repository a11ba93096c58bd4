"""Workers: processes that answer requests, one line of JSON for each line they are sent."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from turret.errors import BenchmarkError

__all__ = ["Worker"]


class Worker:
    """A process of its own that measures on request.

    It prints one line of JSON when it is ready and one for each request, a line on its standard
    input; it ends when that is closed.

    Args:
        command: what to run.
        without: environment variables that it must not see.

    Attributes:
        ready: what it said when it was ready.

    Raises:
        BenchmarkError: it cannot be started, or ended before it was ready; the message holds the
            end of what it wrote to standard error.
    """

    def __init__(self, command: Sequence[str], *, without: Iterable[str] = ()) -> None:
        """Start the process and wait until it is ready."""
        hidden = set(without)
        self._command = list(command)
        self._errors = tempfile.TemporaryFile()
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
                env={name: value for name, value in os.environ.items() if name not in hidden},
            )
        except OSError as error:
            self._errors.close()
            reason = f"A measuring process cannot be started: {error.strerror}"
            raise BenchmarkError(reason, got=self._command[0]) from error
        self.ready = self._answer()

    def ask(self, request: str) -> dict[str, Any]:
        """Send a request and wait for the answer.

        Args:
            request: one line.

        Returns:
            The answer.

        Raises:
            BenchmarkError: the process ended instead.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(request + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._fail()
        return self._answer()

    def close(self) -> None:
        """End the process."""
        try:
            self._process.communicate()
        finally:
            self._errors.close()

    def __enter__(self) -> "Worker":
        """The worker itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._fail()
        return json.loads(line)

    def _fail(self) -> NoReturn:
        code = self._process.wait()
        self._errors.seek(0)
        written = self._errors.read().decode(errors="replace").split("\n")
        last = next((line for line in reversed(written) if line.strip()), None)
        self.close()
        raise BenchmarkError(
            f"A measuring process ended with code {code}",
            got=" ".join(self._command),
            fix=last and f"It wrote last: {last}",
        )
