"""A program without Turret that calls SavedModels: what stands on the other side of an export.

Its argument is a folder. `calls.json` there lists calls: the folder of a SavedModel, a function or
a signature of it, and the name of an `.npz` of inputs; the outputs of each are written beside it.
"""

import json
import sys
from pathlib import Path

import numpy as np


def main(folder: Path) -> None:
    import tensorflow as tf

    loaded = {}
    for call in json.loads((folder / "calls.json").read_text()):
        if call["model"] not in loaded:
            loaded[call["model"]] = tf.saved_model.load(call["model"])
        model, name = loaded[call["model"]], call["function"]
        function = model.signatures[name] if call["signature"] else getattr(model, name)
        with np.load(folder / f"{call['inputs']}.npz") as given:
            inputs = {key: tf.constant(given[key]) for key in given.files}
        try:
            found = {key: value.numpy() for key, value in function(**inputs).items()}
        except tf.errors.InvalidArgumentError as error:
            found = {"error": np.array(error.message)}
        texts = {
            key: np.array([[text.decode() for text in row] for row in value.tolist()])
            for key, value in found.items()
            if value.dtype == object
        }
        np.savez(folder / f"{call['outputs']}.npz", **{**found, **texts})
    print(json.dumps(sorted(name for name in sys.modules if name.startswith("turret."))))


if __name__ == "__main__":
    sys.modules["turret"] = None  # pyright: ignore[reportArgumentType]
    main(Path(sys.argv[1]))
