"""The training step of the benchmark `training` on TensorFlow Recommenders, on request.

    python tfrs_training.py FOLDER BATCH_SIZE

It runs in an environment of its own (tensorflow, tf-keras, tensorflow-recommenders) and imports
nothing of Turret; `model.py` beside it says what the folder holds. A request is `plain N`: take N
steps. The model's own `train_step` runs as one compiled function on batches that are ready in
memory, without metrics: less than `fit` does.
"""

import os
import sys

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tensorflow as tf
import tensorflow_recommenders as tfrs
from model import Task, answer

task = Task(*sys.argv[1:])


def tower(name):
    """An embedding and two layers."""
    table = task[f"{name}_table"]
    layers = [tf.keras.layers.Embedding(*table.shape)]
    for number, activation in enumerate(("relu", None)):
        width = task[f"{name}_{number}_bias"].shape[0]
        layers.append(tf.keras.layers.Dense(width, activation))
    model = tf.keras.Sequential(layers)
    model(tf.zeros([1], tf.int32))
    layers[0].set_weights([table])
    for number in range(2):
        parts = [task[f"{name}_{number}_{part}"] for part in ("weight", "bias")]
        layers[number + 1].set_weights(parts)
    return model


class TwoTower(tfrs.Model):
    """Two towers and the retrieval task, without its metric."""

    def __init__(self):
        super().__init__()
        self.queries, self.candidates = tower("query"), tower("candidate")
        self.task = tfrs.tasks.Retrieval()

    def compute_loss(self, features, training=False):
        """The in-batch softmax, summed over the batch."""
        query, candidate = self.queries(features["query"]), self.candidates(features["candidate"])
        return self.task(query, candidate, compute_metrics=False)


model = TwoTower()
model.compile(
    optimizer=tf.keras.optimizers.legacy.Adagrad(0.05, initial_accumulator_value=0.1, epsilon=1e-7)
)
train = tf.function(model.train_step)


def plain(where):
    """One step of training."""
    query, candidate = tf.constant(task.query_rows[where]), tf.constant(task.candidate_rows[where])
    return train({"query": query, "candidate": candidate})["total_loss"]


answer(task, {"tensorflow": tf.__version__}, {"plain": plain})
