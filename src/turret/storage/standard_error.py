"""The standard error stream, set aside while compiled code works that writes to it on its own."""

import os
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager

__all__ = ["sifted"]


@contextmanager
def sifted(passes: Callable[[bytes], bool]) -> Generator[None]:
    """Keeps lines off the standard error stream.

    The stream is set aside at the level of the operating system, for the whole process.

    Args:
        passes: tells whether a line that was written meanwhile is passed on at the end.

    Yields:
        Nothing.
    """
    try:
        stream = os.dup(2)
    except OSError:  # a process without a standard error stream has nothing to protect
        yield
        return
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stream, 2)
            os.close(stream)
            kept.seek(0)
            rest = b"".join(line for line in kept if passes(line))
            if rest:
                os.write(2, rest)
