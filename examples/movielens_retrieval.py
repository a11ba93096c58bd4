"""Movie retrieval, step by step.

The steps are those of the "movie retrieval" tutorial of TensorFlow Recommenders: load
MovieLens-100K, split it, describe a query tower and a candidate tower, train, evaluate, build an
index, save and load what answers, and find similar films. At the end the training loop is written
out by hand.

    python examples/movielens_retrieval.py [--data FOLDER_OR_ZIP]
"""

import argparse
import tempfile

import numpy as np

import turret
from turret import Categorical, Softmax, Tower, Train, TwoTower

parser = argparse.ArgumentParser(description="Movie retrieval, step by step.")
parser.add_argument("--data", help="a MovieLens-100K folder or zip; otherwise it is fetched")
options = parser.parse_args()

# 1. The data. Two tables come back: who rated what, and what is known of each film.
lens = turret.movielens("100k", path=options.data)
print(lens.ratings.head(3))
print(lens.movies.head(3))

# 2. An implicit view: every rating says "watched". Films are told apart by their titles; 18 titles
#    stand for two films each, which the notes of the data set say.
dataset = lens.dataset(candidate_id="movie_title", timestamp="timestamp")
for note in dataset.notes:
    print("note:", note)

# 3. A random split, 80,000 pairs to train on and 20,000 to test with.
parts = turret.random_split(dataset, test_fraction=0.2, seed=42)

# 4. Two towers: each looks an id up in a table of its own. The vocabularies are made from the
#    training part when the model is fitted; row 0 of each table stands for ids not met there.
model = TwoTower(
    query=Tower([Categorical("user_id")]),
    candidate=Tower([Categorical("movie_title")]),
    embedding_dim=32,
)

# 5. The task: of all films in the batch, find the one that the user watched.
loss = Softmax(candidates="batch", reduction="sum")
train = Train(
    epochs=3, batch_size=8192, optimizer="adagrad", learning_rate=0.1, seed=42, reshuffle=False
)

# 6. Fit.
result = turret.fit(parts.train, model, loss=loss, train=train)
for epoch in result.history:
    rate = epoch.examples_per_second
    print(f"epoch {epoch.epoch}: loss {epoch.losses['loss']:,.0f}, {rate:,.0f} examples/s")

# 7. Evaluate: every film competes, popularity stands beside the model, and the training pairs show
#    how much was learned by heart.
report = turret.evaluate(result.trained, parts, ks=(1, 5, 10, 50, 100), loss=loss)
print(report.to_table())

# 8. An index over all films, and what answers: raw ids in, titles out.
recommender = turret.Recommender.build(result.trained, parts.train, index="exact")
hits = recommender.recommend({"user_id": ["42"]}, k=3)
print("for user 42:", ", ".join(hits.ids[0]))

# 9. Save, load, and get the same answer. A SavedModel is not needed: the bundle is a directory that
#    names its format, and nothing in it is code.
with tempfile.TemporaryDirectory() as folder:
    path = recommender.save(f"{folder}/bundle")
    loaded = turret.Recommender.load(path)
    again = loaded.recommend({"user_id": ["42"]}, k=3)
    assert again.ids.tolist() == hits.ids.tolist()
    assert np.array_equal(again.scores, hits.scores)

    # An approximate index answers in the same way; for so few films it scores all of them.
    approximate = turret.Recommender.build(result.trained, parts.train, index="scann")
    print("with ScaNN: ", ", ".join(approximate.recommend({"user_id": ["42"]}, k=3).ids[0]))

# 10. Item to item: films whose vectors point the same way.
print("like Star Wars:", ", ".join(loaded.similar(["Star Wars (1977)"], k=3).ids[0]))

# 11. The same training as a loop of one's own. A step is a pure function of a state and a batch,
#     and a batch is a pure function of the seed and the step's number.
batches, state = turret.prepare(parts.train, model, loss=loss, train=train)
for step in range(train.epochs * batches.steps_per_epoch):
    state, losses = turret.train_step(state, batches(step))
    if (step + 1) % batches.steps_per_epoch == 0:
        print(f"after step {step + 1}: loss of the batch {float(losses.loss):,.0f}")
by_hand = turret.TrainedModel(
    model, batches.query_encoder, batches.candidate_encoder, state.parameters
)
same = np.array_equal(
    by_hand.query_vectors(dataset.queries), result.trained.query_vectors(dataset.queries)
)
print("the loop by hand gives the same model:", same)
