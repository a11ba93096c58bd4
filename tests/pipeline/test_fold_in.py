"""A recipe that holds out queries as a whole, from training to a second judgement."""

from pathlib import Path

import pytest
from history_recipe import RECIPE as HISTORY
from msgspec.structs import replace

from turret.pipeline.revision import evaluate_bundle
from turret.pipeline.training import train
from turret.recipe.data import Split
from turret.recipe.stopping import EarlyStopping

RECIPE = replace(
    HISTORY,
    split=Split(kind="fold_in", test_fraction=0.2, validation_fraction=0.1),
    train=replace(
        HISTORY.train,
        epochs=3,
        batch_size=64,
        batch_unit="queries",
        early_stopping=EarlyStopping(metric="ndcg@5"),
    ),
)


def test_the_bundle_is_judged_as_the_training_was(tmp_path: Path) -> None:
    outcome = train(RECIPE, output=tmp_path / "held_out")
    fold_in = outcome.split.fold_in
    assert fold_in is not None and outcome.report.data is not None
    assert outcome.report.data["fold_in_interactions"] == len(fold_in.interactions)
    # Validation queries are known by what is shown of them, too.
    first = outcome.result.history[0].validation
    assert first is not None and first["ndcg@5"] > 0
    again = evaluate_bundle(tmp_path / "held_out")
    assert again.model.seen_excluded == pytest.approx(outcome.report.model.seen_excluded)
    assert again.baselines["popularity"].seen_included == pytest.approx(
        outcome.report.baselines["popularity"].seen_included
    )
    assert not [sentence for sentence in again.warnings if "knows nothing" in sentence]
