"""What is said of a model before it is trained."""

import io

import polars as pl
from rich.console import Console
from trainings import train

from turret.data.dataset import Dataset
from turret.recipe.bodies.cross import CrossNetwork
from turret.recipe.bodies.mlp import MLP
from turret.recipe.features.categorical import Categorical
from turret.recipe.loss import Softmax
from turret.recipe.towers import Tower, TwoTower
from turret.train.outline import Outline
from turret.train.trainer import fit

EVENTS = pl.DataFrame(
    {
        "user": ["u1", "u1", "u2", "u3"],
        "last": ["a", "a", "b", "c"],
        "item": ["a", "b", "b", "c"],
    }
)
MODEL = TwoTower(
    query=Tower(
        [Categorical("user", embedding_dim=6), Categorical("last", table="item")],
        body=[CrossNetwork(layers=1), MLP([5])],
    ),
    candidate=Tower([Categorical("item", table="item")]),
    embedding_dim=4,
)
# Three users and row 0: 4 x 6. The shared table: 4 x 4, counted once. The bodies: a matrix
# 10 x 10, then 10 numbers to 5, then to 4, with a bias each.
TABLE = """\
tower      feature  kind         width  rows  parameters  bytes
query      user     categorical      6     4          24   96 B
           last     categorical      4     4          16   64 B
           body     cross           10               110  440 B
           body     mlp              5                55  220 B
           head     linear           4                24   96 B
candidate  item     categorical      4     4           0    0 B
together                                             229  916 B
"""


def test_every_feature_has_its_widths_and_sizes():
    data = Dataset.from_frames(EVENTS, query_id="user", candidate_id="item")
    out = io.StringIO()
    console = Console(file=out, width=200, _environ={})
    result = fit(data, MODEL, loss=Softmax(), train=train(epochs=1), hooks=[Outline(console)])
    assert out.getvalue() == TABLE
    assert sum(array.size for array in result.trained.arrays().values()) == 229
