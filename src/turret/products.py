"""How many processors a matrix product uses."""

import threading
from collections.abc import Generator
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController

__all__ = ["products_by_one"]

_lock = threading.Lock()
_inside = 0
_limiter = None


@contextmanager
def products_by_one() -> Generator[None]:
    """Lets each matrix product of NumPy use one processor, so that several can run side by side.

    The threads of a product share it out and wait for each other; where the products are small,
    that costs more than it gains. Any number of threads may be inside at once; when the last one
    leaves, products use as many processors as before.

    Yields:
        Nothing.
    """
    global _inside, _limiter
    with _lock:
        if _inside == 0:
            _limiter = ThreadpoolController().limit(limits=1, user_api="blas")
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0 and _limiter is not None:
                _limiter.restore_original_limits()
                _limiter = None
