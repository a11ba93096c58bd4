"""Bundles side by side on the same test."""

import shutil
from pathlib import Path

import msgspec
import polars as pl
import pytest
from bundles import dataset

from turret.bundle.bundle import Bundle
from turret.data import sources
from turret.data.splits import split
from turret.data.writing import write_tables
from turret.errors import BundleError, EvaluationError
from turret.evaluation.measure import measure
from turret.index import registry
from turret.pipeline.comparison import compare_bundles
from turret.pipeline.training import train
from turret.recipe.data import Data, Split
from turret.recipe.features.categorical import Categorical
from turret.recipe.recipe import Evaluation, Recipe
from turret.recipe.towers import Tower, TwoTower
from turret.recipe.training import Train

KS = (1, 5)
FEW = "Only {} queries are tested: below 100 the figures depend much on which they are."


def recipe(folder: Path, **changes) -> Recipe:
    data = Data(files=str(folder / "interactions.parquet"), query_id="user", candidate_id="film")
    return msgspec.structs.replace(
        Recipe(
            data=data,
            split=Split(test_fraction=0.3, seed=1),
            model=TwoTower(
                query=Tower([Categorical("user")]),
                candidate=Tower([Categorical("film")]),
                embedding_dim=8,
            ),
            train=Train(epochs=1, batch_size=256),
            evaluation=Evaluation(ks=KS, bootstrap=0, baselines=(), slices=False, lists=False),
        ),
        **changes,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two bundles of one split, and two that were split in other ways."""
    place = tmp_path_factory.mktemp("comparison")
    write_tables(dataset(), place)
    first = recipe(place)
    others = {
        "longer": {"train": Train(epochs=4, batch_size=256)},
        "elsewhere": {"split": Split(test_fraction=0.3, seed=2)},
        "less": {"split": Split(test_fraction=0.3, validation_fraction=0.1, seed=1)},
    }
    train(first, output=place / "first")
    for name, changes in others.items():
        train(recipe(place, **changes), output=place / name)
    return place


def test_figures_are_those_of_each_and_differences_are_theirs(folder: Path) -> None:
    found = compare_bundles([folder / "first", folder / "longer"])
    assert list(found.models) == ["first", "longer"]
    parts = split(sources.load(recipe(folder).data), recipe(folder).split)
    for name, figures in found.models.items():
        trained = Bundle.open(folder / name).trained
        own = measure(trained, parts.test, train=parts.train, ks=KS)
        assert own.seen_excluded is not None
        assert figures.seen_included == pytest.approx(own.seen_included.figures)
        assert figures.seen_excluded == pytest.approx(own.seen_excluded.figures)
    for view in ("seen_included", "seen_excluded"):
        first, longer = (getattr(found.models[name], view) for name in ("first", "longer"))
        tests = getattr(found.differences["longer"], view)
        assert set(tests) == set(first)
        for figure, test in tests.items():
            assert test.difference == pytest.approx(longer[figure] - first[figure])
            assert test.low <= test.difference <= test.high
            assert 0 < test.p <= 1
    assert (found.pairs, found.candidates) == (
        len(parts.test.interactions),
        parts.test.num_candidates,
    )
    assert found.warnings == (FEW.format(39),)


def test_a_bundle_beside_its_copy_with_another_index(folder: Path) -> None:
    shutil.copytree(folder / "first", folder / "other" / "first")
    bundle = Bundle.open(folder / "first")
    index = registry.of("faiss", bundle.index.candidates)
    bundle.with_index(index).save(folder / "other" / "first")
    found = compare_bundles([folder / "first", folder / "other" / "first"])
    assert list(found.models) == [str(folder / "first"), str(folder / "other" / "first")]
    (tests,) = found.differences.values()
    # An index that answers a few has no whole ranking.
    whole = {name for name, test in tests.seen_included.items() if test.p != 1.0}
    assert whole == {"r_precision", "auc"}
    assert found.to_dict()["differences"] is not None


def test_other_test_pairs_are_refused(folder: Path) -> None:
    with pytest.raises(EvaluationError) as caught:
        compare_bundles([folder / "first", folder / "elsewhere"])
    message = str(caught.value)
    assert message.startswith("first and elsewhere were not tested on the same pairs: got ")
    assert "in common" in message and "Train them with the same [data] and [split]." in message


def given(folder: Path, name: str, *, film: str = "1", by: float | None = None) -> Path:
    """A bundle of events that say which are tested, one of the training of a film of its own."""
    rows = [(f"u{n % 40}", f"f{n % 7}", "test" if n % 3 else "train", n % 5) for n in range(280)]
    rows.append(("u0", film, "train", 1))
    columns = ["user", "film", "part", "weight"]
    events = pl.DataFrame(rows, schema=columns, orient="row")
    weight = None if by is None else "weight"
    events.with_columns(pl.col("weight") ** (by or 1.0)).write_parquet(folder / f"{name}.parquet")
    data = Data(
        files=str(folder / f"{name}.parquet"),
        query_id="user",
        candidate_id="film",
        part="part",
        weight=weight,
    )
    train(recipe(folder, data=data, split=Split(kind="given")), output=folder / name)
    return folder / name


def test_as_many_candidates_need_not_be_the_same(tmp_path: Path) -> None:
    one, other = given(tmp_path, "one"), given(tmp_path, "other", film="2")
    with pytest.raises(EvaluationError) as caught:
        compare_bundles([one, other])
    assert str(caught.value) == (
        "one and other were not tested among the same candidates: got '8 and 8, 7 in common'. "
        "Train them with the same [data]."
    )


def test_graded_figures_need_the_same_weights(tmp_path: Path) -> None:
    places = [given(tmp_path, "plain")]
    places += [given(tmp_path, f"power-{by}", by=by) for by in (1.0, 2.0)]
    places.append(given(tmp_path, "again", by=1.0))
    for one, other in (places[:2], places[1:3]):
        found = compare_bundles([one, other])
        assert found.warnings == (
            FEW.format(40),
            "They weigh the test pairs differently: graded figures are left out.",
        )
        for each in (*found.models.values(), *found.differences.values()):
            for view in (each.seen_included, each.seen_excluded):
                assert "ndcg@5" in view and "graded_ndcg@5" not in view
    alike = compare_bundles([places[1], places[3]])
    assert len(alike.warnings) == 1
    # The same training gives the same figures.
    assert alike.differences["again"].seen_included["graded_ndcg@5"].difference == 0.0


def test_what_was_seen_may_differ(folder: Path) -> None:
    """A validation part comes off the training part, so the test is the same."""
    found = compare_bundles([folder / "first", folder / "less"])
    assert found.models["less"].seen_included
    assert found.differences["less"].seen_included
    # Of some test pairs the only other event is in the validation part.
    assert found.warnings[1].startswith("They were trained on different interactions")
    assert found.differences["less"].seen_excluded == {}
    assert found.models["first"].seen_excluded == {}


def test_one_bundle_alone_and_one_twice(folder: Path) -> None:
    with pytest.raises(EvaluationError, match="bundles to compare: got .*, expected two or more"):
        compare_bundles([folder / "first"])
    with pytest.raises(EvaluationError, match="a bundle is given twice"):
        compare_bundles([folder / "first", folder / "first"])


def test_a_bundle_without_a_recipe(folder: Path, tmp_path: Path) -> None:
    bundle = Bundle.open(folder / "first")
    object.__setattr__(bundle, "recipe", None)
    bundle.save(tmp_path / "bare")
    with pytest.raises(BundleError, match="has no recipe"):
        compare_bundles([folder / "first", tmp_path / "bare"])


def test_the_table(folder: Path) -> None:
    lines = compare_bundles([folder / "first", folder / "longer"]).to_table(plain=True).splitlines()
    assert lines[0].split() == ["Seen", "candidates", "included", "first", "longer"]
    heads = [line for line in lines if line.startswith("longer - first, seen ")]
    assert [line.split()[4] for line in heads] == ["included", "excluded"]
    assert heads[0].split()[-5:] == ["difference", "95%", "from", "to", "p"]
