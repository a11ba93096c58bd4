"""The reference tutorial's recipe on MovieLens-100K gives the reference's numbers."""

import runpy
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from turret.data.dataset import Dataset
from turret.data.movielens import movielens
from turret.data.parts import Split
from turret.data.splits import split
from turret.evaluation.baselines.popularity import Popularity
from turret.evaluation.loss import test_loss as loss_on_test
from turret.evaluation.measure import measure, measure_baseline
from turret.recipe.recipe import Recipe
from turret.toml import builtin
from turret.train.trainer import FitResult, fit

EXAMPLE = Path(__file__).parents[1] / "examples" / "movielens_retrieval.py"

# Measured on TensorFlow Recommenders 0.7.7 with the tutorial's settings. Its progress bar counts an
# epoch's last batch twice, so an epoch's figure is (sum of ten batch losses + the last one) / 11.
REFERENCE_TRAINING_LOSSES = (69_885, 67_524, 66_303)
REFERENCE_TEST_LOSS = 28_245  # of the last test batch, 3,616 pairs
REFERENCE_TOP_100 = 0.232


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return movielens("100k").dataset(candidate_id="movie_title", timestamp="timestamp")


def trained(recipe: Recipe, dataset: Dataset, seed: int) -> tuple[Split, FitResult]:
    parts = split(dataset, msgspec.structs.replace(recipe.split, seed=seed))
    settings = msgspec.structs.replace(recipe.train, seed=seed)
    return parts, fit(parts.train, recipe.model, loss=recipe.loss, train=settings)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_tutorial_gives_the_reference_numbers(dataset, seed):
    recipe = builtin("tutorial")
    parts, result = trained(recipe, dataset, seed)
    assert dataset.num_candidates == 1_664
    assert (len(parts.train.interactions), len(parts.test.interactions)) == (80_000, 20_000)
    shown = []
    for report in result.history:
        losses = report.step_losses["loss"].tolist()
        assert len(losses) == 10
        shown.append((sum(losses) + losses[-1]) / 11)
    np.testing.assert_allclose(shown, REFERENCE_TRAINING_LOSSES, rtol=0.005)
    last_batch = loss_on_test(result.trained, parts.test, loss=recipe.loss)["last_batch"]
    assert last_batch == pytest.approx(REFERENCE_TEST_LOSS, rel=0.005)
    found = measure(result.trained, parts.test, train=parts.train, ks=(100,)).seen_included
    accuracy = found.figures["top_k_accuracy@100"]
    # Between 0.222 and 0.245: the reference, give or take the draw of split and initial values.
    assert accuracy == pytest.approx(REFERENCE_TOP_100 + 0.0015, abs=0.0115)


@pytest.mark.parametrize("seed", [101, 102, 103])
def test_the_recommended_recipe_beats_popularity(dataset, seed):
    parts, result = trained(builtin("movielens"), dataset, seed=seed)
    ks = (1, 5, 10, 20, 50, 100)
    popularity = Popularity.fit(parts.train)
    rival = measure_baseline(popularity, parts.test, train=parts.train, ks=ks)
    own = measure(result.trained, parts.test, train=parts.train, ks=ks)
    assert own.seen_excluded is not None and rival.seen_excluded is not None
    included, excluded = own.seen_included.figures, own.seen_excluded.figures
    for k in ks:
        name = f"top_k_accuracy@{k}"
        assert excluded[name] > rival.seen_excluded.figures[name], name
        # A model ranks what was trained on first, so the shortest lists are full of seen films.
        if k >= 20:
            assert included[name] > rival.seen_included.figures[name], name
    assert included["top_k_accuracy@100"] >= 0.38
    assert excluded["top_k_accuracy@100"] >= 0.63
    assert excluded["top_k_accuracy@20"] >= 0.275


def test_the_example_runs(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE)])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    out = capsys.readouterr().out
    assert "for user 42: " in out
    assert "the loop by hand gives the same model: True" in out
