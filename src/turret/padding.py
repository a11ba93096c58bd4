"""Padding to few sizes, so that a program is compiled a few times and not for each batch."""

__all__ = ["padded_size"]


def padded_size(n: int) -> int:
    """The smallest size of a fixed ladder that is at least `n`.

    The ladder has eight steps an octave (8, 9, ..., 16, 18, 20, ..., 32, 36, ...), so at most an
    eighth is padding and a stream of sizes meets few distinct ones.

    Args:
        n: How many there are, at least 0.

    Returns:
        The padded size, at least 1.

    Example:
        >>> [padded_size(n) for n in (0, 1, 17, 943, 8192)]
        [1, 1, 18, 960, 8192]
    """
    step = 1 << max(0, max(n - 1, 0).bit_length() - 4)
    return max(1, -(-n // step) * step)
