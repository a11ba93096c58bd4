"""A recipe of histories alone, for tests of what serves queries that no training saw."""

from turret import toml

RECIPE = toml.loads("""
[data]
source = "synthetic"
query_id = "user_id"
candidate_id = "item_id"

[split]
validation_fraction = 0.1

[model]
embedding_dim = 8
normalize = true

[[model.query.features]]
kind = "history"
column = "met"
table = "candidate/item_id"
length = 20

[[model.candidate.features]]
kind = "categorical"
column = "item_id"

[loss]
kind = "softmax"
candidates = "all"
temperature = 0.2

[train]
epochs = 20
batch_size = 32
learning_rate = 0.05
early_stopping = { metric = "ndcg@5", patience = 5 }

[evaluation]
ks = [5]
bootstrap = 0
baselines = ["popularity"]
""")
