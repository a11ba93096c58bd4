"""What every feature must do: subclass `FeatureContract` with columns that hold odd values too."""

from abc import ABC
from typing import ClassVar

import jax
import numpy as np
import polars as pl
import pytest

from turret import toml
from turret.data.encoders.base import AnyEncoder
from turret.data.encoders.kinds import encoder_class, restored
from turret.errors import DataError
from turret.model.features.embedding import embed, initial
from turret.recipe.data import Data
from turret.recipe.features.base import looks_up, table_name
from turret.recipe.features.categorical import Categorical
from turret.recipe.features.feature import Feature
from turret.recipe.recipe import Recipe
from turret.recipe.towers import Tower, TwoTower

DIM = 4


def fitted(feature: Feature, frame: pl.DataFrame) -> AnyEncoder:
    kind = encoder_class(feature)
    return kind(feature, kind.fit(feature, [kind.gathered(feature, frame)]))


def embedded(encoder: AnyEncoder, frame: pl.DataFrame) -> np.ndarray:
    """The vectors of the feature at parameters drawn from seed 0."""
    feature: Feature = encoder.feature
    rng = np.random.default_rng(0)
    tables = {}
    if looks_up(encoder.feature):
        values = rng.normal(size=(encoder.num_rows, DIM)).astype(np.float32)
        tables[table_name("query", encoder.feature)] = jax.numpy.asarray(values)
    parts = encoder.encode(frame).items()
    encoded = {f"{feature.key}/{name}": jax.numpy.asarray(part) for name, part in parts}
    dense = initial(jax.random.key(0), encoder, dim=DIM)
    return np.asarray(embed("query", feature, tables=tables, dense=dense, encoded=encoded))


class FeatureContract(ABC):
    """Tests for one feature."""

    feature: ClassVar[Feature]
    train: ClassVar[pl.DataFrame]
    """What it is fitted to."""
    met: ClassVar[pl.DataFrame]
    """Rows of which training says something."""
    unmet: ClassVar[pl.DataFrame]
    """Rows of which it says nothing: unseen, missing, empty."""
    refused: ClassVar[pl.DataFrame]
    """Of a type that the feature cannot read."""

    def encoder(self) -> AnyEncoder:
        return fitted(self.feature, self.train)

    def rows(self) -> pl.DataFrame:
        return pl.concat([self.met, self.unmet], how="vertical_relaxed")

    def test_parts_are_what_they_say(self) -> None:
        encoder, n = self.encoder(), self.rows().height
        parts = encoder.encode(self.rows())
        assert parts.keys() <= {"rows", "weights", "values"}
        assert ("rows" in parts) == looks_up(self.feature) == (encoder.num_rows > 0)
        assert ("values" in parts) == (encoder.num_values > 0)
        if "rows" in parts:
            assert parts["rows"].dtype == np.int32 and len(parts["rows"]) == n
            assert parts["rows"].min() >= -1 and parts["rows"].max() < encoder.num_rows
        if "weights" in parts:
            assert parts["weights"].dtype == np.float32
            assert parts["weights"].shape == parts["rows"].shape
            assert not parts["weights"][parts["rows"] < 0].any()
        if "values" in parts:
            assert parts["values"].dtype == np.float32
            assert parts["values"].shape == (n, encoder.num_values)
            assert np.isfinite(parts["values"]).all()

    def test_known_is_what_training_met(self) -> None:
        encoder = self.encoder()
        assert encoder.known(encoder.encode(self.met)).all()
        assert not encoder.known(encoder.encode(self.unmet)).any()

    def test_a_row_does_not_depend_on_the_others(self) -> None:
        encoder, rows = self.encoder(), self.rows()
        whole = encoder.encode(rows)
        for place in range(rows.height):
            for name, part in encoder.encode(rows[place : place + 1]).items():
                np.testing.assert_array_equal(part[0], whole[name][place])

    def test_the_order_of_the_training_rows_does_not_matter(self) -> None:
        other = fitted(self.feature, self.train.reverse())
        assert other.state().equals(self.encoder().state())

    def test_it_is_restored_from_its_state(self) -> None:
        encoder = self.encoder()
        again = restored(self.feature, encoder.state())
        assert type(again) is type(encoder) and again.state().equals(encoder.state())
        for name, part in again.encode(self.rows()).items():
            np.testing.assert_array_equal(part, encoder.encode(self.rows())[name])

    def test_no_rows(self) -> None:
        for part in self.encoder().encode(self.rows().clear()).values():
            assert len(part) == 0

    def test_a_column_of_nothing_but_nulls(self) -> None:
        nothing = pl.DataFrame({name: [None, None] for name in self.train.columns})
        encoder = self.encoder()
        assert not encoder.known(encoder.encode(nothing)).any()

    def test_a_column_of_another_type_is_refused_by_name(self) -> None:
        with pytest.raises(DataError, match=f"column '{self.refused.columns[0]}'"):
            self.encoder().encode(self.refused)

    def test_its_vectors_are_finite_and_tell_rows_apart(self) -> None:
        vectors = embedded(self.encoder(), self.rows())
        assert vectors.shape == (self.rows().height, DIM) and np.isfinite(vectors).all()
        assert len(np.unique(vectors[: self.met.height], axis=0)) == self.met.height

    def test_it_reads_back_from_a_recipe(self) -> None:
        query = Tower([self.feature, Categorical("user")])
        model = TwoTower(query=query, candidate=Tower([Categorical("item")]), embedding_dim=DIM)
        data = Data(files="events.csv", query_id="user", candidate_id="item")
        recipe = Recipe(data=data, model=model)
        assert toml.loads(toml.dumps(recipe)).model.query.features[0] == self.feature
