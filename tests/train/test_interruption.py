import os
import signal
import threading

import pytest

from turret.train.interruption import graceful


def send(number: int) -> None:
    os.kill(os.getpid(), number)


def handlers() -> list:
    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_is_noted_and_the_second_raises(number, code):
    before = handlers()
    with pytest.raises(KeyboardInterrupt), graceful() as asked:
        assert asked.signal is None
        send(number)
        assert (asked.signal, asked.exit_code) == (number, code)
        send(number)
    assert handlers() == before


def test_what_may_be_dropped_halfway_is():
    with graceful() as asked:
        with pytest.raises(KeyboardInterrupt), asked.at_once():
            send(signal.SIGINT)
        assert asked.signal == signal.SIGINT
    with graceful() as asked:
        with asked.at_once():
            pass
        send(signal.SIGINT)
        assert asked.signal == signal.SIGINT


def test_another_thread_changes_nothing():
    found = []

    def run() -> None:
        before = handlers()
        with graceful() as asked:
            found.append((handlers() == before, asked.signal))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [(True, None)]
