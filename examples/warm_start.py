"""Warm start: train for many epochs once, and every day after that for one.

The log of a year, in which tastes drift. Yesterday's model was trained for sixteen epochs on the
first 80 percent of it. Now 10 percent more have come, with users and items among them that are
new. The next model must answer for the 10 percent that follow. It may start from yesterday's, with
one epoch over the new events alone; or from nothing, over the new events or over all of them.
From nothing it takes ten epochs over all events (worlds of other seeds: 6 with 0, 15 with 1).

    python examples/warm_start.py
"""

import numpy as np

import turret
from turret import Categorical, Softmax, Tower, Train, TwoTower
from turret.evaluation.measure import measure

EPOCHS = 16

# 1. The log in the order of time, and the days it is cut into. Some users and items are new: of
#    these, nothing happened before.
world = turret.synthetic(
    num_queries=1_000, num_candidates=500, num_interactions=20_000, drift=2.0, seed=2
)
log = world.dataset
events = log.interactions
share = np.arange(len(events)) / len(events)
young_user = np.random.default_rng(0).random(log.num_queries) < 0.03
young_item = np.random.default_rng(1).random(log.num_candidates) < 0.03
young = young_user[events.query_row] | young_item[events.candidate_row]


def days(which: np.ndarray) -> turret.Dataset:
    """The events that are marked."""
    return log.with_interactions(events.take(np.flatnonzero(which)))


old = days((share < 0.8) & ~young)
new = days((0.8 <= share) & (share < 0.9))
both = days((share < 0.8) & ~young | (0.8 <= share) & (share < 0.9))
following = days(share >= 0.9)

# 2. The same model, loss and settings for all trainings, but for the number of epochs.
model = TwoTower(
    query=Tower([Categorical("user_id")]),
    candidate=Tower([Categorical("item_id")]),
    embedding_dim=16,
    normalize=True,
)
loss = Softmax(candidates="all", temperature=0.2)


def settings(epochs: int) -> Train:
    """What every training has in common."""
    return Train(epochs=epochs, batch_size=256, batch_unit="pairs", learning_rate=0.002)


def judged(trained: turret.TrainedModel) -> float:
    """NDCG@10 on the days that follow."""
    return measure(trained, following, ks=(10,)).seen_included.figures["ndcg@10"]


# 3. Yesterday: many epochs on all there was. A bundle keeps what a later training needs, and
#    `turret train recipe.toml --from runs/yesterday` starts from it; here it stays in memory.
yesterday = turret.fit(old, model, loss=loss, train=settings(EPOCHS))
print(f"yesterday's model, as it is: NDCG@10 {judged(yesterday.trained):.3f}")

# 4. Today, warm: one epoch over the new events.
warm = turret.fit(new, model, loss=loss, train=settings(1), start=yesterday.earlier())
for note in warm.notes:
    print("note:", note)
reached = judged(warm.trained)
print(f"warm, 1 epoch over {len(new.interactions):,} new events: NDCG@10 {reached:.3f}")

# 5. Today, from nothing. The figure after each epoch is known to us, so that we can say when it
#    reaches the warm one; an honest training would have to guess when to stop.
for what, part in (("the new", new), ("all", both)):
    curve: list[float] = []

    def validate(trained: turret.TrainedModel, curve: list[float] = curve) -> dict[str, float]:
        """Note the figure after an epoch."""
        curve.append(judged(trained))
        return {"ndcg@10": curve[-1]}

    turret.fit(part, model, loss=loss, train=settings(EPOCHS), validate=validate)
    count = len(part.interactions)
    for epochs in (1, 4, EPOCHS):
        said = f"from nothing, {epochs} epochs over {what} {count:,} events"
        print(f"{said}: NDCG@10 {curve[epochs - 1]:.3f}")
    needed = next((n for n, value in enumerate(curve, start=1) if value >= reached), None)
    if needed is None:
        print(f"from nothing over {what} events it is not reached in {EPOCHS} epochs")
    else:
        times = needed * count / len(new.interactions)
        print(
            f"from nothing over {what} events it takes {needed} epochs: {times:.0f} times the work"
        )
