"""A process that times NumPy's square float32 product, once for each line on standard input.

    python -m turret.benchmarks.numpy_product SIDE

It imports nothing else: the threads of other libraries stay out of its way.
"""

import json
import sys
import time

import numpy as np

__all__ = ["main"]


def main(arguments: list[str]) -> None:
    """Answer requests until standard input ends.

    Args:
        arguments: the side of the square matrices.
    """
    side = int(arguments[0])
    rng = np.random.default_rng(0)
    a = rng.random((side, side), dtype=np.float32)
    b = rng.random((side, side), dtype=np.float32)
    out = np.empty_like(a)
    np.matmul(a, b, out=out)
    print(json.dumps({"numpy": np.__version__}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        np.matmul(a, b, out=out)
        print(json.dumps({"seconds": time.perf_counter() - start}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
