"""How good the recipes are, beside baselines that were tuned on the same validation part.

    python benchmarks/accuracy.py --data FOLDER [--only NAME] [--validation] [--json]

Data sets, each a folder in FOLDER that the person who runs this has:

- `ml-100k`: MovieLens-100K as it is published. A fifth of the ratings, drawn at random, is the test
  part, for three seeds; `--validation` takes a fifth of the rest, for two others.
  `ml-100k-all` is the same, judged with what a user has met left in.
- `ml-1m`: MovieLens-1M as `ratings.parquet` with the columns `user_id`, `item_id` and `pos`, the
  place of a rating in its user's order of time. `ml-1m-random` draws a fifth of the ratings of each
  user, `ml-1m-last` takes each user's last one.
- `gowalla` and `yelp2018`: `interactions.parquet` with the columns `user_id`, `item_id` and
  `split`, the split of the LightGCN paper: `test`, and `train` or another word for the rest.
- `online-retail-ii`: Online Retail II of the UCI repository as `purchases.parquet`, of which
  retail.py says the columns and what is made of them. The last 60 days are the test part.
  `retail-unseen` is chosen for what a customer has not bought yet, `retail-all` for all.

`--validation` trains on what is neither validation nor test, judges by the validation part, and
never looks at the test part; baselines are then tried with each setting of a grid. The validation
part is the last tenth of each user's training list (Gowalla, where lists grow towards the test part
in popularity), a tenth of them drawn at random (Yelp2018), the last rating but one, the 60 days
before the test part, or a fifth of the training part, drawn at random, as the test part is.
docs/benchmarks.md says what was chosen with it, what was tried, and which baselines were not tuned.
"""

import dataclasses
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import common
import msgspec
import numpy as np
import polars as pl
import retail

import turret
from turret import toml
from turret.benchmarks.machine import machine
from turret.recipe.baselines import EASE, IALS, Baseline, ItemKNN, Popularity, Repeats, RP3Beta

RECIPES = Path(__file__).parents[1] / "recipes"
FILES = {
    "ml-100k": "benchmarks/ml-100k.toml",
    "ml-100k-all": "benchmarks/ml-100k-all.toml",
    "ml-1m-random": "benchmarks/ml-1m-random.toml",
    "ml-1m-last": "benchmarks/ml-1m-last.toml",
    "gowalla": "benchmarks/gowalla.toml",
    "yelp2018": "benchmarks/yelp2018.toml",
    "retail-unseen": "benchmarks/retail-unseen.toml",
    "retail-all": "benchmarks/retail-all.toml",
}
SEEDS = {False: (101, 102, 103), True: (11, 12)}
METRICS = ("ndcg@20", "recall@20", "top_k_accuracy@20", "top_k_accuracy@100")
GRID: tuple[Baseline, ...] = (
    Popularity(),
    *(
        ItemKNN(name=f"item_knn {weighting} {n}", weighting=weighting, neighbours=n)
        for weighting in ("plain", "tfidf", "bm25")
        for n in (50, 200)
    ),
    *(
        RP3Beta(name=f"rp3beta {beta:g}", beta=beta)
        for beta in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
    ),
    *(
        EASE(name=f"ease {ridge:g}", regularization=ridge)
        for ridge in (100.0, 200.0, 400.0, 800.0, 1600.0)
    ),
    *(
        IALS(name=f"ials {d} {alpha:g} {ridge:g}", factors=d, alpha=alpha, regularization=ridge)
        for d in (32, 64, 128)
        for alpha, ridge in ((3.0, 50.0), (5.0, 50.0), (5.0, 100.0), (10.0, 50.0), (20.0, 100.0))
    ),
)

RETAIL_GRID: tuple[Baseline, ...] = (
    Popularity(),
    *(Popularity(days=days) for days in (7, 14, 30, 60, 90)),
    *(
        Repeats(name=f"repeats {days}", half_life=days)
        for days in (None, 30.0, 60.0, 120.0, 240.0, 480.0)
    ),
    *(
        ItemKNN(
            name=f"item_knn {weighting} {n} {days}",
            weighting=weighting,
            neighbours=n,
            half_life=days,
        )
        for weighting in ("plain", "tfidf", "bm25")
        for n in (20, 50, 100, 200)
        for days in (None, 30.0, 60.0, 120.0)
    ),
    *(
        RP3Beta(name=f"rp3beta {beta:g} {days}", beta=beta, half_life=days)
        for beta in (0.2, 0.3, 0.4, 0.5, 0.6)
        for days in (None, 30.0, 60.0, 120.0)
    ),
    *(
        EASE(name=f"ease {ridge:g} {days}", regularization=ridge, half_life=days)
        for ridge in (20.0, 50.0, 100.0, 200.0, 400.0, 800.0)
        for days in (None, 30.0, 60.0, 120.0)
    ),
    *(
        IALS(
            name=f"ials {d} {alpha:g} {ridge:g} {days}",
            factors=d,
            alpha=alpha,
            regularization=ridge,
            half_life=days,
        )
        for d in (128, 256)
        for alpha, ridge in ((3.0, 10.0), (5.0, 10.0), (2.0, 30.0), (3.0, 30.0))
        for days in (None, 60.0, 120.0, 240.0)
    ),
    *(
        IALS(name=f"ials 512 {alpha:g} {ridge:g}", factors=512, alpha=alpha, regularization=ridge)
        for alpha, ridge in ((2.0, 30.0), (3.0, 30.0))
    ),
)
"""Tastes and goods change, so each is tried with events that count less the older they are."""


def splits(name: str, recipe: turret.Recipe, data: Path, validation: bool) -> Iterator[Any]:
    """The parts of a data set, the validation part taken off the training part if asked for."""
    if name.startswith("retail"):
        assert recipe.data.weight is not None
        folder = data / "online-retail-ii"
        found = retail.parts(folder, validation=validation, weight=recipe.data.weight)
        yield dataclasses.replace(found, validation=found.test) if validation else found
        return
    split = recipe.split
    if split.kind == "given":
        split = msgspec.structs.replace(split, validation="validation" if validation else None)
    else:
        split = msgspec.structs.replace(split, validation_fraction=0.16 if validation else 0.0)
    if recipe.data.source == "movielens-100k":
        dataset = turret.movielens("100k", path=str(data / "ml-100k"), say=common.say).dataset(
            query_id="user_id", candidate_id="movie_title", timestamp="timestamp"
        )
        for seed in SEEDS[validation]:
            yield turret.split(dataset, msgspec.structs.replace(split, seed=seed))
        return
    assert isinstance(recipe.data.files, str)
    events = pl.read_parquet(data / recipe.data.files)
    if split.kind == "given":
        events = events.with_columns(parts(name, events).alias(recipe.data.part or "part"))
    dataset = turret.Dataset.from_frames(
        events,
        query_id="user_id",
        candidate_id="item_id",
        timestamp=recipe.data.timestamp,
        part=recipe.data.part,
    )
    yield turret.split(dataset, split)


def parts(name: str, events: pl.DataFrame) -> pl.Series:
    """The part of each event: as given, or a fifth of each user's; likewise the validation part."""
    if "split" in events.columns:
        part = pl.Series("", np.where(events["split"] == "test", "test", "train"))
    else:
        part = pl.Series("", ["train"] * len(events))
        part = _held_back(events["user_id"], part, "test", 0.2, _chance(events))
    last = -np.arange(len(events), dtype=float)
    order = last if name == "gowalla" else _chance(events)
    share = 0.2 if name == "ml-1m-random" else 0.1
    return _held_back(events["user_id"], part, "validation", share, order)


def _held_back(
    user: pl.Series, part: pl.Series, name: str, share: float, order: np.ndarray
) -> pl.Series:
    """Call a share of what each user trains on, the first in an order, by another name."""
    drawn = pl.DataFrame({"user": user, "part": part, "order": order}).with_columns(
        place=pl.col("order").rank("ordinal").over("user", "part"),
        size=pl.len().over("user", "part"),
    )
    taken = (pl.col("part") == "train") & (pl.col("place") <= (share * pl.col("size")).round())
    return drawn.select(pl.when(taken).then(pl.lit(name)).otherwise("part"))["literal"]


def _chance(events: pl.DataFrame) -> np.ndarray:
    return np.random.default_rng(42).random(len(events))


def measured(
    recipe: turret.Recipe, split: Any, grid: tuple[Baseline, ...] | None
) -> dict[str, Any]:
    """The figures of a recipe's model and of baselines, and by how much the model is above each.

    With a grid of baselines they are taken of the validation part, else of the test part.
    """
    start = time.perf_counter()
    fitted = turret.fit(split.train, recipe.model, loss=recipe.loss, train=recipe.train)
    seconds = time.perf_counter() - start
    report = turret.evaluate(
        fitted.trained,
        (split.train, split.test if grid is None else split.validation),
        ks=(20, 100),
        baselines=recipe.evaluation.baselines if grid is None else grid,
        bootstrap=recipe.evaluation.bootstrap,
        train_queries=0,
        slices=False,
        lists=False,
    )
    plain = msgspec.to_builtins(report)

    def chosen(views: dict[str, Any]) -> dict[str, Any]:
        return {
            view: {metric: views[view][metric] for metric in METRICS if metric in views[view]}
            for view in ("seen_excluded", "seen_included")
        }

    figures = {"model": {"seconds": seconds, **chosen(plain["model"])}}
    figures["model"]["intervals"] = chosen(plain["intervals"])
    for name, rival in plain["baselines"].items():
        figures[name] = {"seconds": rival["seconds"], **chosen(rival)}
        figures[name]["model_above"] = chosen(plain["differences"][name])
    return figures


def main() -> None:
    parser = common.parser(__doc__ or "")
    parser.add_argument("--data", type=Path, required=True, help="the folder with the data sets")
    parser.add_argument("--only", choices=FILES, action="append", help="of these data sets alone")
    parser.add_argument("--validation", action="store_true", help="the part to choose settings by")
    given = parser.parse_args()

    def measure() -> dict[str, Any]:
        figures: dict[str, list[dict[str, Any]]] = {}
        for name in given.only or FILES:
            recipe = toml.load(RECIPES / FILES[name]).settled()
            for split in splits(name, recipe, given.data, given.validation):
                common.say(f"{name}: {split.notes[0]}")
                grid = RETAIL_GRID if name.startswith("retail") else GRID
                one = measured(recipe, split, grid if given.validation else None)
                figures.setdefault(name, []).append(one)
                show(one, view_of(name))
        settings = {"validation": given.validation, "seeds": SEEDS[given.validation]}
        return {"figures": figures, "machine": machine(), "settings": settings}

    result = common.result_of(measure)
    if given.json:
        common.print_json(result)
        return
    for name, runs in result["figures"].items():
        view = view_of(name)
        print(f"{name}, {view.replace('_', ' ')}, mean of {len(runs)}")
        for label in runs[0]:
            means = (np.mean([run[label][view][metric] for run in runs]) for metric in METRICS)
            print(f"  {label:24s}", *(f"{mean:8.4f}" for mean in means))


def view_of(name: str) -> str:
    """How a data set is judged: whether what a query has met may be answered."""
    return "seen_included" if name.endswith("-all") else "seen_excluded"


def show(figures: dict[str, Any], view: str) -> None:
    """Say the figures of one run as soon as they are there."""
    for label, own in figures.items():
        above = own.get("model_above", {}).get(view, {}).get("ndcg@20")
        line = " ".join(f"{metric} {value:.4f}" for metric, value in own[view].items())
        tail = ""
        if above:
            low, high = above["low"], above["high"]
            tail = f", the model {above['difference']:+.4f} [{low:+.4f}, {high:+.4f}] ndcg@20"
        common.say(f"  {label:20s} {own['seconds']:6.1f} s {line}{tail}")


if __name__ == "__main__":
    sys.exit(main())
