"""The library TensorFlow, imported when a model is exported and not before."""

import importlib
import os
import warnings
from typing import Any

__all__ = ["import_tensorflow"]


def import_tensorflow() -> Any:  # the library has no types
    """Import TensorFlow.

    ScaNN may be loaded in this process already, or be loaded later: `turret.index.scann_library`
    hides one from the other.

    Returns:
        The module `tensorflow`.
    """
    # The library reads this when it is loaded: what it tells of the processor is left out.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    with warnings.catch_warnings():
        # What the library warns of while it is imported is not the business of who exports.
        warnings.simplefilter("ignore")
        return importlib.import_module("tensorflow")
