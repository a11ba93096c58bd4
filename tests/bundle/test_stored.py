"""Stored bundles of every version of the format are opened and answer as they did."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from stored import make

from turret.bundle.bundle import FORMAT, Bundle
from turret.errors import BundleError
from turret.recipe.features.feature import Feature
from turret.recommender.recommender import Recommender

STORED = Path(make.__file__).parent
VERSIONS = sorted(int(path.name.removeprefix("version-")) for path in STORED.glob("version-*"))


def test_every_version_is_stored() -> None:
    assert VERSIONS == list(range(1, FORMAT.version + 1))


def test_they_have_features_of_every_kind() -> None:
    models = [Bundle.open(STORED / "version-1" / name).config for name in make.BUNDLES]
    towers = [tower for model in models for tower in (model.query, model.candidate)]
    assert {type(one) for tower in towers for one in tower.features} == set(Feature.__args__)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", make.BUNDLES)
def test_a_stored_bundle_answers_as_it_did(version: int, name: str) -> None:
    place = STORED / f"version-{version}"
    bundle = Bundle.open(place / name)
    bundle.require_model()
    wanted = json.loads((place / "answers.json").read_bytes())[name]
    found = make.answers(Recommender(bundle))
    assert found.keys() == wanted.keys()
    for asked, answer in wanted.items():
        assert found[asked]["ids"] == answer["ids"], asked
        assert found[asked]["counts"] == answer["counts"], asked
        scores = np.array(answer["scores"])
        # What is new is computed by the towers, by another XLA perhaps; the rest are products.
        near = 1e-5 if asked == "new" else 1e-6
        largest = np.abs(scores[scores > -1e9]).max()
        np.testing.assert_allclose(found[asked]["scores"], scores, rtol=0, atol=near * largest)


def test_the_next_version_is_refused(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(STORED / "version-1" / "by-id", tmp_path / "copy"))
    manifest = json.loads((copy / "manifest.json").read_bytes())
    manifest |= {"format_version": FORMAT.version + 1, "sealed_with": {"new": ["keys"]}}
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=r"format version .* got 2, expected 1\. Upgrade Turret"):
        Bundle.open(copy)
