"""Warm start: train for many epochs once, and every day after that for one.

A world with a log of a year, in which tastes drift. Yesterday's model was trained on the first
80 percent of the log for sixteen epochs. Now 10 percent more have come, with new users and new
items among them. The next model must answer for what follows. It may start from yesterday's, with
one epoch over the new events; or from nothing, over the new events alone, or over all there are.

    python examples/warm_start.py
"""

import numpy as np

import turret
from turret import Categorical, Softmax, Tower, Train, TwoTower
from turret.evaluation.measure import measure
from turret.train.warm import Earlier, optimizer_arrays

EPOCHS = 16
METRIC = "ndcg@10"

# 1. The log in the order of time. Each day knows the users and items that occur in it or before.
world = turret.synthetic(num_queries=600, num_candidates=300, num_interactions=40_000, seed=3)
log = world.dataset
events = len(log.interactions)
first, new, both, next_day = (
    log.with_interactions(log.interactions.take(np.arange(round(a * events), round(b * events))))
    for a, b in ((0.0, 0.8), (0.8, 0.9), (0.0, 0.9), (0.9, 1.0))
)

# Some users and items are new: yesterday's log does not have them.
young = np.random.default_rng(0).random(log.num_queries) < 0.05
fresh = np.random.default_rng(1).random(log.num_candidates) < 0.05
known = ~(young[first.interactions.query_row] | fresh[first.interactions.candidate_row])
first = first.with_interactions(first.interactions.take(np.flatnonzero(known)))

model = TwoTower(
    query=Tower([Categorical("user_id")]),
    candidate=Tower([Categorical("item_id")]),
    embedding_dim=32,
    normalize=True,
)
loss = Softmax(candidates="all", temperature=0.2)


def settings(epochs: int) -> Train:
    """The same for all trainings, but for the number of epochs."""
    return Train(epochs=epochs, batch_size=1024, batch_unit="pairs", learning_rate=0.005)


def judged(trained: turret.TrainedModel) -> float:
    """NDCG@10 on the day that follows, what was seen in the new events left in."""
    return measure(trained, next_day, ks=(10,)).seen_included.figures[METRIC]


# 2. Yesterday: many epochs on all there was. A bundle keeps the model and the optimizer's state;
#    here they stay in memory. On the command line: turret train recipe.toml --from runs/yesterday
yesterday = turret.fit(first, model, loss=loss, train=settings(EPOCHS))
print(f"yesterday's model, as it is: {METRIC} {judged(yesterday.trained):.4f}")

# 3. Today, warm: one epoch over the new events. Known ids go on with their rows.
earlier = Earlier(yesterday.trained, optimizer_arrays(yesterday.state))
warm = turret.fit(new, model, loss=loss, train=settings(1), start=earlier)
for note in warm.notes:
    print("note:", note)
reached = judged(warm.trained)
print(f"warm, 1 epoch: {METRIC} {reached:.4f}")

# 4. Today, from nothing, with the same settings. Its figure is followed over the epochs, so it is
#    even told the best moment to stop, which an honest training would have to guess.
epochs_needed: dict[str, int | None] = {}
for what, part in (("new events", new), ("all events", both)):
    curve: list[float] = []

    def validate(trained: turret.TrainedModel, curve: list[float] = curve) -> dict[str, float]:
        """Note the figure after an epoch."""
        curve.append(judged(trained))
        return {METRIC: curve[-1]}

    turret.fit(part, model, loss=loss, train=settings(EPOCHS), validate=validate)
    for epochs in (1, 4, 8, EPOCHS):
        print(f"from nothing over {what}, {epochs} epochs: {METRIC} {curve[epochs - 1]:.4f}")
    needed = next((n for n, value in enumerate(curve, start=1) if value >= reached), None)
    print(f"epochs over {what} to reach it: {needed or f'not in {EPOCHS}'}")
    epochs_needed[what] = needed
