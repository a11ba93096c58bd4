"""Test candidates among a few sampled ones, against a slow oracle and the whole ranking."""

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from evaluation.given_scores import GivenScores
from evaluation.planted import TEST, TRAIN, Planted, dataset
from scipy import sparse

from turret.data.dataset import Dataset, Interactions
from turret.data.parts import Split
from turret.data.splits import split
from turret.data.synthetic import synthetic
from turret.errors import DataError, EvaluationError, RecipeError
from turret.evaluation import sampled
from turret.evaluation.evaluate import evaluate
from turret.evaluation.page.page import page
from turret.evaluation.report import Report
from turret.evaluation.sampled import draw_negatives, read_negatives, sampled_ranks
from turret.evaluation.truth import Truth
from turret.recipe.data import Split as SplitRecipe
from turret.recipe.sampled import Sampled

CAUTION = "sampled: not comparable with full ranking"


def truth_of(rng: np.random.Generator, *, queries: int, candidates: int) -> Truth:
    rows = (rng.integers(0, most, 3 * queries).astype(np.int32) for most in (queries, candidates))
    return Truth.of(Interactions(*rows), num_candidates=candidates)


def slow_rank(scores: np.ndarray, own: int, negatives: list[int]) -> int:
    """The place of a candidate in its list, sorted by falling score and by row."""
    order = sorted([own, *negatives], key=lambda row: (-scores[row], row))
    return order.index(own) + 1


@pytest.mark.parametrize("cells", [1, 100, 1 << 22])
def test_ranks_are_places_in_sorted_lists(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampled, "_CELLS", cells)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        truth = truth_of(rng, queries=9, candidates=30)
        scores = rng.integers(0, 4, (len(truth), 30)).astype(np.float32)  # many ties
        owner = np.repeat(np.arange(len(truth)), np.diff(truth.indptr))
        negatives = np.full((len(owner), 12), -1, np.int32)
        for pair, own in enumerate(truth.candidate_row):
            others = np.setdiff1d(np.arange(30), [own])
            size = rng.integers(0, 13)
            negatives[pair, :size] = rng.choice(others, size, replace=False)
        expected = [
            slow_rank(scores[owner[pair]], own, [row for row in negatives[pair] if row >= 0])
            for pair, own in enumerate(truth.candidate_row.tolist())
        ]
        assert sampled_ranks(GivenScores(scores), truth, negatives).tolist() == expected


def test_a_score_that_is_no_number_is_refused() -> None:
    truth = Truth.of(TEST.interactions, num_candidates=6)
    scores = np.full((len(truth), 6), np.nan, np.float32)
    with pytest.raises(EvaluationError, match="not finite"):
        sampled_ranks(GivenScores(scores), truth, np.zeros((4, 1), np.int32))


def test_what_is_drawn_was_never_met_and_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    truth = truth_of(rng, queries=8, candidates=40)
    met = rng.random((8, 40)) < 0.5
    met[np.repeat(truth.query_row, np.diff(truth.indptr)), truth.candidate_row] = True
    met[7, :] = True
    met[7, [3, 8]] = False
    found = draw_negatives(truth, sparse.csr_array(met.astype(np.float32)), number=10, seed=1)
    owner = np.repeat(truth.query_row, np.diff(truth.indptr))
    assert found.shape == (len(owner), 10) and 7 in owner
    for query, row in zip(owner, found, strict=True):
        drawn = row[row >= 0]
        assert len(drawn) == min(10, np.count_nonzero(~met[query]))
        assert len(set(drawn)) == len(drawn)
        assert not met[query, drawn].any()
    args = (truth, sparse.csr_array(met.astype(np.float32)))
    assert (draw_negatives(*args, number=10, seed=2) != found).any()
    monkeypatch.setattr(sampled, "_CELLS", 90)
    assert (draw_negatives(*args, number=10, seed=1) == found).all()


def test_every_candidate_is_drawn_equally_often() -> None:
    pairs = 4000
    rows = np.arange(pairs, dtype=np.int32), np.zeros(pairs, np.int32)
    truth = Truth.of(Interactions(*rows), num_candidates=11)
    met = sparse.csr_array((np.ones(pairs), rows), shape=(pairs, 11))
    drawn = draw_negatives(truth, met, number=3, seed=9)
    counts = np.bincount(drawn.ravel(), minlength=11)
    assert counts[0] == 0
    deviation = math.sqrt(pairs * 0.3 * 0.7)
    assert np.abs(counts[1:] - 0.3 * pairs).max() < 4 * deviation


def test_known_figures() -> None:
    """Query 0 met a, b, c; 1 met a, c, e; 3 met f. All that is left competes."""
    report = evaluate(Planted(), (TRAIN, TEST), ks=(1,), bootstrap=0, sampled=Sampled(ks=(1, 2, 3)))
    found = report.sampled
    assert found is not None
    # (0, b) is seen. (0, c) is first of c d e f; (1, e) is third of b d e f, all equal; (3, f) is
    # first of all.
    assert (found.pairs, found.fewest, found.most) == (3, 3, 5)
    assert found.model == pytest.approx(
        {
            "sampled_hit_rate@1": 2 / 3,
            "sampled_hit_rate@2": 2 / 3,
            "sampled_hit_rate@3": 1.0,
            "sampled_ndcg@1": 2 / 3,
            "sampled_ndcg@2": 2 / 3,
            "sampled_ndcg@3": 2.5 / 3,
        }
    )
    # By popularity: c (once) before d (once); b, d before e; f last of all six.
    assert found.baselines["popularity"]["sampled_hit_rate@1"] == pytest.approx(1 / 3)
    assert found.baselines["popularity"]["sampled_hit_rate@3"] == pytest.approx(2 / 3)
    unknown = evaluate(
        Planted(unknown=("u0", "u1", "u3")),
        (TRAIN, TEST),
        ks=(1,),
        bootstrap=0,
        sampled=Sampled(ks=(1, 2, 3)),
    )
    assert unknown.sampled is not None
    assert unknown.sampled.model == unknown.sampled.baselines["popularity"]


@pytest.fixture(scope="module")
def parts() -> Split:
    world = synthetic(num_queries=80, num_candidates=50, num_interactions=1500).dataset
    return split(world, SplitRecipe(kind="leave_last_out"))


@pytest.fixture(scope="module")
def model(parts: Split) -> "Drawn":
    return Drawn(parts.train)


class Drawn:
    """Vectors of chance."""

    def __init__(self, train: Dataset) -> None:
        rng = np.random.default_rng(3)
        self.queries = rng.normal(size=(train.num_queries, 4)).astype(np.float32)
        self.candidates = rng.normal(size=(train.num_candidates, 4)).astype(np.float32)
        self.ids = {one: row for row, one in enumerate(train.query_ids)}
        self.query_id = train.query_id

    def query_vectors(self, queries: pl.DataFrame) -> np.ndarray:
        return self.queries[[self.ids[one] for one in queries[self.query_id]]]

    def candidate_vectors(self, candidates: pl.DataFrame) -> np.ndarray:
        return self.candidates

    def known_queries(self, queries: pl.DataFrame) -> np.ndarray:
        return np.ones(queries.height, np.bool_)


def test_among_all_that_was_never_met_it_is_the_whole_ranking(parts: Split, model: Drawn) -> None:
    report = evaluate(
        model,
        parts,
        ks=(5, 10),
        bootstrap=0,
        baselines=("popularity", "ease", "item_knn"),
        sampled=Sampled(negatives=1000, ks=(5, 10)),
    )
    assert report.sampled is not None
    systems = {"model": report.model, **report.baselines}
    assert len(systems) == 4
    for name, figures in {"model": report.sampled.model, **report.sampled.baselines}.items():
        for k in (5, 10):
            for metric in ("hit_rate", "ndcg"):
                whole = systems[name].seen_excluded[f"{metric}@{k}"]
                assert figures[f"sampled_{metric}@{k}"] == pytest.approx(whole, abs=1e-12)


def test_what_validation_holds_is_never_drawn() -> None:
    """Query 0 met a and b in training, d and e in validation, and is tested with c."""
    test, validation = dataset([(0, 2)]), dataset([(0, 3), (0, 4)])
    for given, left in ((None, 3), (validation, 1)):
        parts = Split(train=TRAIN, validation=given, test=test, notes=())
        report = evaluate(Planted(), parts, ks=(1,), bootstrap=0, sampled=Sampled())
        assert report.sampled is not None
        assert (report.sampled.fewest, report.sampled.most) == (left, left)


def test_the_draw_follows_from_the_seed(parts: Split, model: Drawn) -> None:
    def found(seed: int) -> object:
        config = Sampled(negatives=9, seed=seed, ks=(1, 3))
        report = evaluate(model, parts, ks=(5,), bootstrap=0, sampled=config)
        assert report.sampled is not None and report.sampled.most == 9
        return report.sampled.model

    assert found(1) == found(1) != found(2)


def test_it_is_labelled_and_never_the_default(parts: Split, model: Drawn) -> None:
    plain = evaluate(model, parts, ks=(5,), bootstrap=0)
    assert plain.sampled is None
    assert "sampled" not in plain.to_table(plain=True)
    assert "Among a few" not in page(plain, title="x")
    report = evaluate(model, parts, ks=(5,), bootstrap=0, sampled=Sampled(negatives=20))
    assert report.sampled is not None
    (line,) = [one for one in report.to_table(plain=True).splitlines() if CAUTION in one]
    assert line.startswith("1 against ")
    assert report.sampled.caution == CAUTION
    assert CAUTION in report.to_json()
    assert CAUTION in page(report, title="x") and "Among a few" in page(report, title="x")
    assert Report.from_json(report.to_json()).sampled == report.sampled
    assert plain.model == report.model


def given(folder: Path, rows: list[tuple[object, ...]], *, ending: str = "parquet") -> str:
    names = ["user", "item", "negatives"]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    path = folder / f"negatives.{ending}"
    frame.write_parquet(path) if ending == "parquet" else frame.write_ndjson(path)
    return str(path)


ROWS: list[tuple[object, ...]] = [
    ("u3", "f", ["a"]),
    ("u0", "c", ["d", "e", "f"]),
    ("u2", "f", ["b"]),  # of no test pair
    ("u0", "b", []),
    ("u1", "e", ["f", "b"]),
]


@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
def test_negatives_that_come_with_the_data(ending: str, tmp_path: Path) -> None:
    truth = Truth.of(TEST.interactions, num_candidates=6)
    path = given(tmp_path, ROWS, ending=ending)
    assert read_negatives(path, truth, TEST).tolist() == [
        [-1, -1, -1],  # (0, b)
        [3, 4, 5],  # (0, c)
        [5, 1, -1],  # (1, e)
        [0, -1, -1],  # (3, f)
    ]
    config = Sampled(file=path, ks=(1,))
    report = evaluate(Planted(), (TRAIN, TEST), ks=(1,), bootstrap=0, sampled=config)
    assert report.sampled is not None
    assert (report.sampled.pairs, report.sampled.fewest, report.sampled.most) == (3, 1, 3)
    assert report.sampled.model["sampled_hit_rate@1"] == pytest.approx(2 / 3)
    assert report.sampled.model["sampled_ndcg@1"] == pytest.approx(2 / 3)


def test_negatives_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    truth = Truth.of(TEST.interactions, num_candidates=6)
    with pytest.raises(DataError, match="lacks 1 of 4 test pairs. Hold back the very pairs"):
        read_negatives(given(tmp_path, ROWS[:-1]), truth, TEST)
    with pytest.raises(DataError, match="1 negatives are no candidates: got 'z'"):
        read_negatives(given(tmp_path, [*ROWS[:-1], ("u1", "e", ["z"])]), truth, TEST)
    with pytest.raises(DataError, match="twice: got '5 rows of 4 pairs', expected one row"):
        read_negatives(given(tmp_path, [*ROWS, ("u1", "e", ["a"])]), truth, TEST)
    with pytest.raises(DataError, match="got '1 test pairs without a list', expected a list of"):
        read_negatives(given(tmp_path, [*ROWS[:-1], ("u1", "e", None)]), truth, TEST)
    flat: list[tuple[object, ...]] = [(user, item, "a") for user, item, _ in ROWS]
    with pytest.raises(DataError, match="got 'String', expected a list of ids in each row"):
        read_negatives(given(tmp_path, flat), truth, TEST)
    path = tmp_path / "bare.parquet"
    pl.DataFrame({"user": ["u0"], "item": ["c"]}).write_parquet(path)
    with pytest.raises(DataError, match="negatives"):
        read_negatives(str(path), truth, TEST)


def test_without_a_new_pair_nothing_is_measured() -> None:
    report = evaluate(
        Planted(), (TRAIN, dataset([(0, 0)])), ks=(1,), bootstrap=0, sampled=Sampled(), lists=False
    )
    assert report.sampled is not None and report.sampled.pairs == 0
    assert all(math.isnan(value) for value in report.sampled.model.values())
    assert '"sampled_hit_rate@10": null' in report.to_json()
    back = Report.from_json(report.to_json()).sampled
    assert back is not None and math.isnan(back.model["sampled_ndcg@10"])


@pytest.mark.parametrize("wrong", [{"negatives": 0}, {"seed": -1}, {"ks": ()}, {"ks": (0,)}])
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(RecipeError, match=r"evaluation\.sampled\."):
        Sampled(**wrong)  # type: ignore[arg-type]
