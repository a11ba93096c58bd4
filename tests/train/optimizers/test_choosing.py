"""A recipe's optimizer of tables."""

import pytest

from turret.recipe.training import Train
from turret.train.optimizers.adagrad import Adagrad, RowwiseAdagrad
from turret.train.optimizers.adam import Adam
from turret.train.optimizers.base import TableOptimizer
from turret.train.optimizers.choosing import table_optimizer
from turret.train.optimizers.decay import DecoupledDecay
from turret.train.optimizers.sgd import SGD


@pytest.mark.parametrize(
    ("train", "want"),
    [
        (Train(optimizer="sgd"), SGD()),
        (Train(optimizer="sgd", weight_decay=0.5), DecoupledDecay(SGD(), 0.5)),
        (Train(optimizer="adagrad", initial_accumulator=0.5, epsilon=0.25), Adagrad(0.5, 0.25)),
        (Train(optimizer="rowwise_adagrad"), RowwiseAdagrad(0.1, 1e-7)),
        (Train(optimizer="adam", b1=0.5, b2=0.75), Adam(0.5, 0.75, 1e-7)),
        (Train(optimizer="adamw"), DecoupledDecay(Adam(), 0.01)),
        (Train(optimizer="adamw", weight_decay=0.2), DecoupledDecay(Adam(), 0.2)),
        (Train(optimizer="adamw", weight_decay=0.0), Adam()),
    ],
)
def test_a_recipe_names_it(train: Train, want: TableOptimizer) -> None:
    assert table_optimizer(train) == want
