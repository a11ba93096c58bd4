"""The movie retrieval tutorial on TensorFlow Recommenders, as a process that runs on request.

It runs in an environment of its own (tensorflow, tf-keras, tensorflow-recommenders) and imports
nothing of Turret. It reads a folder with `pairs.tsv` (user id, film title: the training pairs in
their order, then the test pairs) and `titles.txt`; the number of training pairs is an argument.
For each line on standard input, `epoch`, `evaluate` or `query`, it runs that once and prints one
line of JSON.
"""

import json
import os
import sys
import time
from importlib.metadata import version

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

folder, num_train = sys.argv[1], int(sys.argv[2])
with open(f"{folder}/pairs.tsv", encoding="utf-8") as lines:
    users, films = zip(*(line.rstrip("\n").split("\t") for line in lines), strict=True)
with open(f"{folder}/titles.txt", encoding="utf-8") as lines:
    titles = [line.rstrip("\n") for line in lines]

tf.random.set_seed(42)
events = tf.data.Dataset.from_tensor_slices(
    {"user_id": np.array(users), "movie_title": np.array(films)}
)
train = events.take(num_train).batch(8192).cache()
test = events.skip(num_train).batch(4096).cache()
candidates = tf.data.Dataset.from_tensor_slices(np.array(titles))


def tower(values):
    """An id lookup and an embedding of 32."""
    lookup = tf.keras.layers.StringLookup(vocabulary=np.unique(values), mask_token=None)
    return tf.keras.Sequential([lookup, tf.keras.layers.Embedding(lookup.vocabulary_size(), 32)])


class Tutorial(tfrs.Model):
    """Two towers, their factorised top-k metric, and no metric while training."""

    def __init__(self):
        super().__init__()
        self.users, self.films = tower(users), tower(titles)
        metric = tfrs.metrics.FactorizedTopK(candidates=candidates.batch(128).map(self.films))
        self.task = tfrs.tasks.Retrieval(metrics=metric)

    def compute_loss(self, features, training=False):
        """The in-batch softmax, summed over the batch."""
        queries, positives = self.users(features["user_id"]), self.films(features["movie_title"])
        return self.task(queries, positives, compute_metrics=not training)


model = Tutorial()
model.compile(optimizer=tf.keras.optimizers.legacy.Adagrad(0.1))
index = None


def epoch():
    """One pass over the training pairs."""
    start = time.perf_counter()
    history = model.fit(train, epochs=1, verbose=0)
    return {"seconds": time.perf_counter() - start, "loss": float(history.history["loss"][-1])}


def evaluate():
    """Top-k accuracy of the test pairs over all candidates."""
    start = time.perf_counter()
    result = model.evaluate(test, return_dict=True, verbose=0)
    seconds = time.perf_counter() - start
    accuracy = {
        key.split("/")[1].split("_")[1]: float(value)
        for key, value in result.items()
        if key.startswith("factorized_top_k")
    }
    return {"seconds": seconds, "top_k_accuracy": accuracy}


def query():
    """The median of 200 calls of the brute-force index with one user."""
    global index
    if index is None:
        index = tfrs.layers.factorized_top_k.BruteForce(model.users)
        vectors = candidates.batch(128).map(model.films)
        index.index_from_dataset(tf.data.Dataset.zip((candidates.batch(128), vectors)))
    one = tf.constant(["42"])
    index(one)
    seconds = []
    for _ in range(200):
        start = time.perf_counter()
        index(one)
        seconds.append(time.perf_counter() - start)
    return {"seconds": float(np.median(seconds))}


names = ("tensorflow", "tensorflow-recommenders")
print(json.dumps({name: version(name) for name in names}), flush=True)
requests = {"epoch": epoch, "evaluate": evaluate, "query": query}
for line in sys.stdin:
    print(json.dumps(requests[line.strip()]()), flush=True)
