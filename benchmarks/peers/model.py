"""What both peers of the training benchmark read, and how they answer.

A folder holds `query_table.npy` and `candidate_table.npy`; `query_0_weight.npy`,
`query_0_bias.npy`, `query_1_...` and the same for `candidate`: the initial parameters, matrices as
`[in, out]`; and `query_rows.npy` and `candidate_rows.npy`: the pairs in the order of the batches.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np


class Task:
    """The arrays of a folder, and the batches in their order, again and again."""

    def __init__(self, folder, batch_size):
        self.folder, self.batch_size = Path(folder), int(batch_size)
        self.query_rows, self.candidate_rows = self["query_rows"], self["candidate_rows"]
        self.done = 0

    def __getitem__(self, name):
        return np.load(self.folder / f"{name}.npy")

    def next(self):
        """Where the next batch lies among the pairs."""
        start = self.done * self.batch_size % len(self.query_rows)
        self.done += 1
        return slice(start, start + self.batch_size)


def answer(task, versions, steps):
    """For each line, the name of a kind of step and a number, take so many and print their time."""
    print(json.dumps(versions), flush=True)
    for line in sys.stdin:
        kind, number = line.split()
        start = time.perf_counter()
        losses = [steps[kind](task.next()) for _ in range(int(number))]
        losses = [float(one) for one in losses]
        seconds = time.perf_counter() - start
        print(json.dumps({"seconds": seconds, "losses": losses}), flush=True)
