"""A lock that ends with its process, on an open file or directory."""

__all__ = ["locked"]


def locked(descriptor: int) -> bool:
    """Locks what is open, for this process alone, and does not wait.

    Args:
        descriptor: of an open file or directory; the lock ends when it is closed.

    Returns:
        False where another process holds the lock, or there can be none; True also on systems
        without such locks.
    """
    try:
        import fcntl
    except ModuleNotFoundError:  # Windows
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
