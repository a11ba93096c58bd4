"""What features are worth: models of ids beside models of everything that is known.

    python benchmarks/features.py retail --data FOLDER [--validation] [--json]

Data sets, each read from files that the person who runs this has:

- `retail`: Online Retail II of the UCI repository as `purchases.parquet` with the columns
  `invoice`, `stock_code`, `description`, `quantity`, `invoice_date`, `price`, `customer_id` and
  `country`. The last 60 days are the test part; `--validation` takes the 60 days before them and
  leaves those out.
- `scientific`: the category Industrial and Scientific of Amazon's reviews as `inter.json` (user to
  items in order) and `item.json` (item to title, categories and brand). The last item of each user
  is the test part, `--validation` takes the last but one.
- `movielens`: MovieLens-100K, a folder or archive of it. A fifth of the ratings drawn at random
  is the test part, for three seeds; `--validation` takes a tenth of the rest, for two others.

Every setting was chosen with `--validation`; docs/benchmarks.md says what was tried.
"""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import common
import numpy as np
import polars as pl
import retail as retail_data

import turret
from turret.benchmarks.machine import machine
from turret.recipe.baselines import Popularity, Random
from turret.recipe.data import Split

MOVIELENS_SEEDS = {False: (101, 102, 103), True: (11, 12)}


@dataclass(frozen=True)
class Case:
    """Data to learn from and to be judged by, and the models."""

    train: turret.Dataset
    test: turret.Dataset
    models: dict[str, tuple[turret.TwoTower, turret.Softmax, turret.Train]]
    baselines: tuple[Any, ...]


def retail(folder: Path, validation: bool) -> Iterator[Case]:
    split = retail_data.parts(folder, validation=validation, weight="weight_60")
    yield Case(split.train, split.test, _retail_models(), (Popularity(days=30), Random()))


def _retail_models() -> dict[str, tuple[turret.TwoTower, turret.Softmax, turret.Train]]:
    loss = turret.Softmax(candidates="all", temperature=0.2, reduction="mean")
    ids = turret.TwoTower(
        query=turret.Tower([turret.Categorical("customer_id")]),
        candidate=turret.Tower([turret.Categorical("stock_code")]),
        embedding_dim=64,
        normalize=True,
    )
    features = turret.TwoTower(
        query=turret.Tower(
            [
                turret.Categorical("customer_id", dropout=0.1),
                turret.Categorical("country"),
                turret.History(
                    "bought",
                    table="candidate/stock_code",
                    length=100,
                    pooling="recency",
                    half_life=20,
                    sees="past",
                ),
            ]
        ),
        candidate=turret.Tower(
            [
                turret.Categorical("stock_code", dropout=0.3),
                turret.Text("description", buckets=8192, length=48),
                turret.Number("price", encoding="log"),
            ]
        ),
        embedding_dim=64,
        normalize=True,
    )
    by_query = turret.Train(epochs=40, batch_size=1024, learning_rate=0.01, seed=1)
    by_moment = turret.Train(
        epochs=16, batch_size=512, batch_unit="moments", learning_rate=0.01, seed=1
    )
    return {"ids": (ids, loss, by_query), "features": (features, loss, by_moment)}


def scientific(folder: Path, validation: bool) -> Iterator[Case]:
    met: dict[str, list[int]] = json.loads((folder / "inter.json").read_bytes())
    told: dict[str, dict[str, str]] = json.loads((folder / "item.json").read_bytes())
    events = [(user, str(item), at) for user, own in met.items() for at, item in enumerate(own)]
    items = {
        "item": list(told),
        **{key: [one.get(key) or None for one in told.values()] for key in ("title", "brand")},
        "categories": [one.get("categories") or "" for one in told.values()],
    }
    dataset = turret.Dataset.from_frames(
        pl.DataFrame(events, schema=["user", "item", "at"], orient="row"),
        query_id="user",
        candidate_id="item",
        timestamp="at",
        candidates=items,
    )
    split = turret.split(dataset, Split(kind="leave_last_out", validation_fraction=0.1))
    assert split.validation is not None  # asked for
    loss = turret.Softmax(candidates="all", temperature=0.1, reduction="mean")
    train = turret.Train(epochs=20, batch_size=1024, learning_rate=0.01)
    user, item = turret.Categorical("user"), turret.Categorical("item")
    text = [
        turret.Text("title", characters=[], buckets=16384, length=48),
        turret.Bag("categories", separator=",", length=8),
        turret.Categorical("brand", min_count=2),
    ]
    models = {
        name: turret.TwoTower(
            query=turret.Tower([user]),
            candidate=turret.Tower(features),
            embedding_dim=64,
            normalize=True,
        )
        for name, features in {"ids": [item], "features": [item, *text]}.items()
    }
    yield Case(
        split.train,
        split.validation if validation else split.test,
        {name: (model, loss, train) for name, model in models.items()},
        (Popularity(), Random()),
    )


def movielens(folder: Path, validation: bool) -> Iterator[Case]:
    data = turret.movielens("100k", path=str(folder), say=common.say).dataset(
        query_id="user_id", candidate_id="movie_title", timestamp="timestamp"
    )
    loss = turret.Softmax(candidates="all", temperature=0.3, reduction="mean")
    long, short = (
        turret.Train(
            epochs=epochs, batch_size=1024, batch_unit="queries", learning_rate=rate, seed=42
        )
        for epochs, rate in ((90, 0.02), (40, 0.01))
    )

    def features(rate: float) -> tuple[list[Any], list[Any]]:
        """Of users and of films, at a share of the learning rate."""
        user = [
            turret.Categorical("user_gender", learning_rate=rate),
            turret.Categorical("user_occupation_text", learning_rate=rate),
            turret.Number("raw_user_age", encoding="buckets", buckets=8, learning_rate=rate),
        ]
        title = turret.Text(
            "movie_title",
            name="title",
            characters=[],
            buckets=8192,
            length=16,
            learning_rate=rate,
        )
        return user, [turret.Bag("movie_genres", learning_rate=rate), title]

    ids = turret.Categorical("user_id"), turret.Categorical("movie_title")
    (slow_user, slow_movie), (user, movie) = features(0.1), features(1.0)
    met = turret.History("met", lookup="tower", length=200, sees="others")
    towers = {
        "ids": ([ids[0]], [ids[1]], long),
        "features": ([ids[0], *slow_user], [ids[1], *slow_movie], long),
        "features without ids": ([*user, met], movie, short),
    }
    models = {
        name: (
            turret.TwoTower(
                query=turret.Tower(query),
                candidate=turret.Tower(candidate),
                embedding_dim=64,
                normalize=True,
            ),
            loss,
            train,
        )
        for name, (query, candidate, train) in towers.items()
    }
    for seed in MOVIELENS_SEEDS[validation]:
        parts = Split(test_fraction=0.2, validation_fraction=0.08 if validation else 0.0, seed=seed)
        split = turret.split(data, parts)
        test = split.validation if validation else split.test
        assert test is not None  # there is one where it was asked for
        yield Case(split.train, test, models, (Popularity(), Random()))


def measured(case: Case) -> dict[str, dict[str, float]]:
    """Each model's and baseline's figures: overall, and recall among the new and the rare."""
    found: dict[str, dict[str, float]] = {}
    for name, (model, loss, train) in case.models.items():
        common.say(f"Training {name}")
        fitted = turret.fit(case.train, model, loss=loss, train=train)
        report = turret.evaluate(
            fitted.trained,
            (case.train, case.test),
            ks=(20, 100),
            baselines=case.baselines,
            bootstrap=0,
            train_queries=0,
        )
        found[name] = _figures(report.model, report, lambda one: one.model)
        for label, rival in report.baselines.items():
            found[label] = _figures(rival, report, lambda one, label=label: one.baselines[label])
    return found


def _figures(overall: Any, report: turret.Report, part: Callable[[Any], Any]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for view in ("seen_included", "seen_excluded"):
        values = getattr(overall, view)
        for key in ("ndcg@20", "recall@20", "top_k_accuracy@100"):
            figures[f"{view} {key}"] = values[key]
        for one in report.slices:
            if one.most in (0, 4):
                name = f"{'new' if one.most == 0 else 'rare'} {one.of}"
                figures[f"{view} {name} recall@20"] = getattr(part(one), view).get(
                    "recall@20", float("nan")
                )
    return figures


def main() -> None:
    parser = common.parser(__doc__ or "")
    cases = {"retail": retail, "scientific": scientific, "movielens": movielens}
    parser.add_argument("name", choices=cases)
    parser.add_argument("--data", type=Path, required=True, help="the folder with its files")
    parser.add_argument("--validation", action="store_true", help="the part to choose settings by")
    given = parser.parse_args()

    def measure() -> dict[str, Any]:
        runs = [measured(case) for case in cases[given.name](given.data, given.validation)]
        figures = {
            name: {key: float(np.mean([run[name][key] for run in runs])) for key in runs[0][name]}
            for name in runs[0]
        }
        settings = {"name": given.name, "validation": given.validation, "runs": len(runs)}
        return {"figures": figures, "machine": machine(), "settings": settings}

    result = common.result_of(measure)
    if given.json:
        common.print_json(result)
        return
    for name, values in result["figures"].items():
        print(name)
        for key, value in values.items():
            print(f"  {key:44s} {value:.4f}")


if __name__ == "__main__":
    sys.exit(main())
