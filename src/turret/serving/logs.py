"""The log: one JSON object a line, on standard error."""

import contextlib
import logging
import sys
import threading
from datetime import UTC, datetime
from typing import BinaryIO

import msgspec

__all__ = ["Log"]


class Log:
    """Writes lines.

    Args:
        file: where to; None is standard error.
    """

    def __init__(self, file: BinaryIO | None = None) -> None:
        """Keep the file."""
        self._file = sys.stderr.buffer if file is None else file
        self._encode = msgspec.json.Encoder(enc_hook=repr).encode
        self._lock = threading.Lock()

    def write(self, level: str, event: str, **fields: object) -> None:
        """Write one line.

        Args:
            level: "info", "warning" or "error".
            event: what happened, in a word or two.
            **fields: what more is known.
        """
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = self._encode({"time": time, "level": level, "event": event, **fields})
        # Nobody may read it any more; that is no reason to end what writes it.
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._file.write(line + b"\n")
            self._file.flush()

    def take(self, logger: logging.Logger) -> None:
        """Write the errors of a library as lines of this log.

        Args:
            logger: the library's.
        """
        logger.addHandler(_Lines(self))
        logger.setLevel(logging.ERROR)
        logger.propagate = False


class _Lines(logging.Handler):
    """Passes records on."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        self._log.write(record.levelname.lower(), "library", source=record.name, message=text)
