"""The bundle: the directory a training writes, with everything needed to answer.

`docs/bundle-format.md` specifies the files. `Bundle` is the same content in memory, so a
recommender answers alike before and after it was written.
"""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Bool, Float32, Int32, Int64

from turret import toml
from turret.bundle import checks, reading
from turret.bundle.encoding import read_encoders, require_encodable, write_encoder
from turret.bundle.names import write_ids
from turret.bundle.parts import Judged, Trained, provenance_of
from turret.bundle.trust import require_trusted
from turret.data.dataset import Dataset
from turret.data.encoders.tower import TowerEncoder
from turret.data.histories import with_histories
from turret.errors import BundleError
from turret.index.base import Index
from turret.index.tuning import Curve
from turret.recipe.recipe import Recipe
from turret.recipe.towers import TwoTower
from turret.storage import files as bundle_files
from turret.storage import sealed
from turret.storage.parquet import Allowance

__all__ = ["FORMAT", "Bundle", "require_free", "write"]

FORMAT = sealed.Format("turret-bundle", version=1, noun="bundle", error=BundleError)
"""The format that is written, and the newest version that is read."""

_REQUIRED = (
    "model.json",
    "parameters.safetensors",
    "queries.parquet",
    "candidates.parquet",
    "vectors.safetensors",
    "seen.safetensors",
    "provenance.json",
    "index/index.json",
)
_ATTEMPTS = 5


@dataclass(frozen=True, eq=False)
class Bundle:
    """Everything needed to answer, in memory.

    Attributes:
        config: the two towers.
        query_encoder: encodes query columns.
        candidate_encoder: encodes candidate columns.
        arrays: every parameter of the towers by its path.
        query_id: the name of the column of query ids.
        queries: for each query its id and the columns that the query tower reads.
        candidates: for each candidate its id and all that is known of it, for display.
        candidate_id: the name of the column of candidate ids.
        query_vectors: the vector of each query in `queries`, `[q, d]`.
        known_queries: whether training met a feature of the query, `[q]`.
        index: searches the candidate vectors; its rows are those of `candidates`.
        seen_indptr: `[q + 1]`; the candidates of query row `i` in the training data are
            `seen_rows[seen_indptr[i]:seen_indptr[i + 1]]`, ascending.
        seen_rows: rows of candidates, `[pairs]`.
        candidate_count: training interactions of each candidate, `[c]`.
        recipe: the recipe of the training, if there was one.
        report: how the model was judged, as JSON values, if it was.
        provenance: what it was made with and from, as JSON values.
        curve: how the settings of the index were found, if it was tuned.
        optimizer: the state of the training's optimizer, for a later one to go on with, if it was
            kept; answering does not need it.
        allow_custom: import paths of the classes of one's own that `trained` may import.
    """

    config: TwoTower
    query_encoder: TowerEncoder = field(repr=False)
    candidate_encoder: TowerEncoder = field(repr=False)
    arrays: Mapping[str, np.ndarray] = field(repr=False)
    query_id: str
    candidate_id: str
    queries: pl.DataFrame = field(repr=False)
    candidates: pl.DataFrame = field(repr=False)
    query_vectors: Float32[np.ndarray, "q d"] = field(repr=False)
    known_queries: Bool[np.ndarray, " q"] = field(repr=False)
    index: Index = field(repr=False)
    seen_indptr: Int64[np.ndarray, " q+1"] = field(repr=False)
    seen_rows: Int32[np.ndarray, " pairs"] = field(repr=False)
    candidate_count: Int64[np.ndarray, " c"] = field(repr=False)
    recipe: Recipe | None = field(repr=False)
    report: dict[str, object] | None = field(repr=False)
    provenance: dict[str, object] = field(repr=False)
    curve: Curve | None = field(repr=False, default=None)
    optimizer: Mapping[str, np.ndarray] | None = field(repr=False, default=None)
    allow_custom: Collection[str] = ()

    @classmethod
    def assemble(
        cls,
        *,
        trained: Trained,
        dataset: Dataset,
        index: Index,
        recipe: Recipe | None = None,
        report: Judged | None = None,
        optimizer: Mapping[str, np.ndarray] | None = None,
    ) -> "Bundle":
        """Gathers what a training gave.

        Args:
            trained: the model.
            dataset: the training part: its tables, and the interactions that count as seen.
            index: an index over the candidates of the data set, in their order.
            recipe: what the training followed.
            report: how the model was judged.
            optimizer: the optimizer's state, for a later training to start from.

        Returns:
            The bundle.

        Raises:
            BundleError: if the index holds other candidates than the data set.
        """
        if not index.ids.equals(dataset.candidate_ids):
            raise BundleError(
                "the index holds other candidates than the data set",
                got=f"{len(index)} candidates",
                expected=f"the {dataset.num_candidates} of the data set in their order",
            )
        provenance = provenance_of(dataset, recipe)
        dataset = with_histories(dataset, trained.config, train=dataset)
        columns = dict.fromkeys((dataset.query_id, *trained.query_encoder.columns))
        indptr, rows = dataset.pairs_by_query()
        counts = np.bincount(dataset.interactions.candidate_row, minlength=dataset.num_candidates)
        return cls(
            config=trained.config,
            query_encoder=trained.query_encoder,
            candidate_encoder=trained.candidate_encoder,
            arrays=trained.arrays(),
            query_id=dataset.query_id,
            candidate_id=dataset.candidate_id,
            queries=dataset.queries.select(*columns),
            candidates=dataset.candidates,
            query_vectors=trained.query_vectors(dataset.queries),
            known_queries=trained.known_queries(dataset.queries),
            index=index,
            seen_indptr=indptr,
            seen_rows=rows,
            candidate_count=counts.astype(np.int64),
            recipe=recipe,
            report=None if report is None else report.to_dict(),
            provenance=provenance,
            optimizer=optimizer,
            allow_custom=trained.config.custom_classes,
        )

    @cached_property
    def trained(self) -> Trained:
        """The model; the first use imports JAX, and classes of one's own if they are allowed."""
        from turret.model.trained import TrainedModel

        require_trusted(self.config, self.allow_custom)
        return TrainedModel.from_arrays(
            self.config,
            query_encoder=self.query_encoder,
            candidate_encoder=self.candidate_encoder,
            arrays=self.arrays,
        )

    def require_model(self) -> None:
        """Refuses parameters that are not those of the towers; answering by id needs none.

        Of towers that need classes of one's own nothing is known unless these are allowed.

        Raises:
            BundleError: if a parameter is missing, superfluous, or of another type or shape.
        """
        if not set(self.config.custom_classes) <= set(self.allow_custom):
            return
        from turret.model.trained import require_parameters

        encoders = (self.query_encoder, self.candidate_encoder)
        with bundle_files.reading(Path("parameters.safetensors")):
            require_parameters(self.config, encoders, self.arrays)

    def with_index(self, index: Index, curve: Curve | None = None) -> "Bundle":
        """The same bundle with another index.

        Args:
            index: an index over the same candidates, in their order.
            curve: how its settings were found, if it was tuned.

        Returns:
            A new bundle.

        Raises:
            BundleError: if the index holds other candidates.
        """
        if not index.ids.equals(self.index.ids):
            raise BundleError("the index holds other candidates than the bundle")
        return replace(self, index=index, curve=curve)

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Writes the bundle; a process killed meanwhile leaves all of it or nothing.

        Args:
            directory: where it will stand. A bundle that is there is replaced; anything else,
                other than an empty directory, is left alone and refused.

        Returns:
            The absolute path of the bundle.

        Raises:
            BundleError: if something else stands there.
        """
        return sealed.seal(Path(directory), FORMAT, fill=self._fill)

    def _fill(self, directory: Path) -> None:
        head = reading.Head(
            query_id=self.query_id, candidate_id=self.candidate_id, model=self.config
        )
        bundle_files.write_json(directory / "model.json", head)
        (directory / "encoders").mkdir()
        for encoder in (self.query_encoder, self.candidate_encoder):
            write_encoder(directory, encoder)
        bundle_files.write_tensors(directory / "parameters.safetensors", self.arrays)
        if self.optimizer is not None:
            bundle_files.write_tensors(directory / reading.OPTIMIZER, self.optimizer)
        bundle_files.write_table(directory / "queries.parquet", self.queries)
        bundle_files.write_table(directory / "candidates.parquet", self.candidates)
        write_ids(
            directory,
            queries=self.queries[self.query_id],
            candidates=self.candidates[self.candidate_id],
        )
        vectors = {
            "candidates": self.index.vectors,
            "queries": self.query_vectors,
            "known_queries": self.known_queries,
        }
        bundle_files.write_tensors(directory / "vectors.safetensors", vectors)
        seen = {
            "indptr": self.seen_indptr,
            "candidate_row": self.seen_rows,
            "candidate_count": self.candidate_count,
        }
        bundle_files.write_tensors(directory / "seen.safetensors", seen)
        (directory / "index").mkdir()
        self.index.save(directory / "index")
        if self.curve is not None:
            bundle_files.write_json(directory / "index" / "curve.json", self.curve)
        bundle_files.write_json(directory / "provenance.json", self.provenance)
        if self.recipe is not None:
            (directory / "recipe.toml").write_bytes(toml.dumps(self.recipe).encode("utf-8"))
        if self.report is not None:
            bundle_files.write_json(directory / "report.json", self.report)

    @classmethod
    def open(
        cls, directory: str | os.PathLike[str], *, allow_custom: Collection[str] = ()
    ) -> "Bundle":
        """Reads a bundle and verifies every file of it. No code that it names runs.

        Args:
            directory: the directory of the bundle.
            allow_custom: import paths of the classes that `trained` may import, if towers of it
                are made by classes of one's own.

        Returns:
            The bundle. It no longer depends on the directory.

        Raises:
            BundleError: if there is no bundle, its format is newer than this version, or a file is
                missing, damaged or too many; each such file is named.
            MissingPartError: if its kind of index needs a library that is not installed.
        """
        path = Path(directory)
        for _ in range(_ATTEMPTS):
            before = sealed.identity(path) if path.is_dir() else None
            try:
                bundle = cls._read(path, allow_custom)
            except BundleError:
                # A bundle that takes another's place while that is read is not a damaged one.
                if not path.is_dir() or sealed.identity(path) == before:
                    raise
                continue
            if path.is_dir() and sealed.identity(path) == before:
                return bundle
        raise BundleError(f"{path} is replaced again and again while it is read")

    @classmethod
    def _read(cls, directory: Path, allow_custom: Collection[str]) -> "Bundle":
        listed = sealed.verify(directory, FORMAT, required=_REQUIRED).files.values()
        allowance = Allowance.of(sum(entry.bytes for entry in listed))
        head = bundle_files.read_json(directory / "model.json", reading.Head)
        queries, candidates = reading.read_tables(
            directory,
            query_id=head.query_id,
            candidate_id=head.candidate_id,
            columns=[name for feature in head.model.query.features for name in feature.reads],
            allowance=allowance,
        )
        q, c = queries.height, candidates.height
        vectors = reading.read_vectors(directory, queries=q, candidates=c, dim=head.model.width)
        seen = reading.read_seen(directory, queries=q, candidates=c)
        index = reading.read_index(
            directory,
            candidates=candidates,
            candidate_id=head.candidate_id,
            vectors=vectors["candidates"],
        )
        arrays = reading.read_parameters(directory, head.model)
        encoders = read_encoders(directory, head.model, allowance=allowance)
        checks.require_parameters(directory, head.model, encoders=encoders, arrays=arrays)
        require_encodable(directory, encoders, queries=queries, candidates=candidates)
        query_encoder, candidate_encoder = encoders
        return cls(
            config=head.model,
            query_encoder=query_encoder,
            candidate_encoder=candidate_encoder,
            arrays=arrays,
            query_id=head.query_id,
            candidate_id=head.candidate_id,
            queries=queries,
            candidates=candidates,
            query_vectors=vectors["queries"],
            known_queries=vectors["known_queries"],
            index=index,
            seen_indptr=seen["indptr"],
            seen_rows=seen["candidate_row"],
            candidate_count=seen["candidate_count"],
            recipe=reading.read_recipe(directory),
            report=reading.read_report(directory),
            provenance=bundle_files.read_object(directory / "provenance.json"),
            curve=reading.read_curve(directory),
            optimizer=reading.read_optimizer(directory, parameters=arrays),
            allow_custom=tuple(allow_custom),
        )


def require_free(directory: str | os.PathLike[str]) -> Path:
    """Checks that a bundle may be written at a place, before there is one to write.

    Args:
        directory: the place.

    Returns:
        The place as an absolute path.

    Raises:
        BundleError: if something stands there that is neither a bundle nor an empty directory.
    """
    return sealed.require_free(Path(directory), FORMAT)


def write(
    directory: str | os.PathLike[str],
    *,
    trained: Trained,
    dataset: Dataset,
    index: Index,
    recipe: Recipe | None = None,
    report: Judged | None = None,
    optimizer: Mapping[str, np.ndarray] | None = None,
) -> Path:
    """Writes the bundle of a training: `Bundle.assemble`, then `Bundle.save`.

    Args:
        directory: where it will stand; see `Bundle.save`.
        trained: the model.
        dataset: the training part.
        index: an index over the candidates of the data set, in their order.
        recipe: what the training followed.
        report: how the model was judged.
        optimizer: the optimizer's state, for a later training to start from.

    Returns:
        The absolute path of the bundle.

    Raises:
        BundleError: if something else stands there, or the index holds other candidates.
    """
    bundle = Bundle.assemble(
        trained=trained,
        dataset=dataset,
        index=index,
        recipe=recipe,
        report=report,
        optimizer=optimizer,
    )
    return bundle.save(directory)
