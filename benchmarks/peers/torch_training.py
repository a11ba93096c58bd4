"""The training step of the benchmark `training` in eager PyTorch, on request.

    python torch_training.py FOLDER BATCH_SIZE

It runs in an environment of its own (torch, numpy) and imports nothing of Turret; `model.py` beside
it says what the folder holds. A request is `plain N` or `distinct N`: take N steps. `plain` scores
the pairs of a batch against the candidates of the same pairs, as is usual; `distinct` scores each
distinct query against each distinct candidate, which gives the same loss.

The embedding tables have sparse gradients: with dense ones a step writes whole tables and takes
several times as long.
"""

import sys

import torch
from model import Task, answer
from torch import nn
from torch.nn.functional import cross_entropy

task = Task(*sys.argv[1:])


class Tower(nn.Module):
    """An embedding and two layers."""

    def __init__(self, name):
        super().__init__()
        table = torch.from_numpy(task[f"{name}_table"])
        self.table = nn.Embedding.from_pretrained(table, freeze=False, sparse=True)
        self.body = nn.Sequential(self.layer(f"{name}_0"), nn.ReLU(), self.layer(f"{name}_1"))

    @staticmethod
    def layer(name):
        weight, bias = (
            torch.from_numpy(task[f"{name}_weight"]),
            torch.from_numpy(task[f"{name}_bias"]),
        )
        layer = nn.Linear(*weight.shape)
        with torch.no_grad():
            layer.weight.copy_(weight.T)
            layer.bias.copy_(bias)
        return layer

    def forward(self, rows):
        return self.body(self.table(rows))


queries, candidates = Tower("query"), Tower("candidate")
optimizer = torch.optim.Adagrad(
    [*queries.parameters(), *candidates.parameters()],
    lr=0.05,
    initial_accumulator_value=0.1,
    eps=1e-7,
)
query_rows = torch.from_numpy(task.query_rows).long()
candidate_rows = torch.from_numpy(task.candidate_rows).long()


def plain(query, candidate):
    """The scores of all pairs of a batch with one another; the positives on the diagonal."""
    scores = queries(query) @ candidates(candidate).T
    return cross_entropy(scores, torch.arange(len(query)), reduction="sum")


def distinct(query, candidate):
    """Each distinct query and candidate once; a candidate counts as often as it stands."""
    query, pair_query = torch.unique(query, return_inverse=True)
    candidate, pair_candidate, count = torch.unique(
        candidate, return_inverse=True, return_counts=True
    )
    q, c = queries(query), candidates(candidate)
    partition = torch.logsumexp(q @ c.T + count.float().log(), dim=1)
    return (partition[pair_query] - (q[pair_query] * c[pair_candidate]).sum(1)).sum()


def step(loss, where):
    """One step of training."""
    optimizer.zero_grad(set_to_none=True)
    value = loss(query_rows[where], candidate_rows[where])
    value.backward()
    optimizer.step()
    return value.detach()


versions = {"torch": torch.__version__, "torch_threads": torch.get_num_threads()}
steps = {"plain": lambda where: step(plain, where), "distinct": lambda where: step(distinct, where)}
answer(task, versions, steps)
