"""Stopping between two steps: on Ctrl-C, and on the signal that asks a process to end."""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Interruption", "graceful"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Whether somebody asked for an end.

    Attributes:
        signal: The number of the signal that came; None while none has.
    """

    def __init__(self) -> None:
        """Nobody has."""
        self.signal: int | None = None
        self._at_once = False

    @property
    def exit_code(self) -> int:
        """What a process ends with after the signal: 128 and its number."""
        return 128 + (self.signal or signal.SIGINT)

    @contextmanager
    def at_once(self) -> Generator[None]:
        """Let a signal raise KeyboardInterrupt meanwhile: what runs may be dropped halfway."""
        self._at_once = True
        try:
            yield
        finally:
            self._at_once = False

    def came(self, number: int, frame: FrameType | None) -> None:
        """Note a signal; a second one, or one that need not wait, raises KeyboardInterrupt."""
        again, self.signal = self.signal is not None, number
        if again or self._at_once:
            raise KeyboardInterrupt


@contextmanager
def graceful() -> Generator[Interruption]:
    """Turn the first Ctrl-C into a note, so that a step can be finished.

    In another thread than the main one, where signals cannot be caught, nothing changes.

    Yields:
        What tells whether a signal came.
    """
    asked = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        signal.signal(number, asked.came)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            # None stands for one that was not set from Python; such a one cannot be put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
