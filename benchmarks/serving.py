"""How fast a server answers: requests a second, and latencies, beside the reference in process.

    python benchmarks/serving.py [--peer PYTHON] [--data FOLDER] [--million] [--rounds 3] [--json]

A recommender of MovieLens-100K is trained by `recipes/movielens.toml` and served by one process,
`turret serve` with its defaults, on the machine on which the load is made. `wrk` (Debian's package
of that name) asks for the ten best films of a user drawn at random: over 32 connections and over
one, each as fast as answers come, and over 64 that pause between requests so that about 4,000 a
second come whatever the server does. The reference (`--peer`) answers a query by its brute-force
index in a process, without HTTP. `--million` serves 1,000,000 candidates of 64 numbers, too,
trained for one epoch on a made log, with ScaNN as `turret index --target-recall` sets it.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from statistics import median

import common
import httpx
import msgspec
import numpy as np
import servers

from turret.benchmarks.machine import machine
from turret.data.movielens import movielens
from turret.data.splits import split
from turret.errors import BenchmarkError
from turret.recipe.data import Split

USERS = 943
STEADY, MILLION_STEADY = 4000, 2200
THINKING = 64
SCRIPT = """
math.randomseed(tonumber(os.getenv("SEED")))
local last = tonumber(os.getenv("LAST"))
local pause = tonumber(os.getenv("PAUSE"))
if pause > 0 then
  delay = function() return math.random(math.floor(0.5 * pause), math.ceil(1.5 * pause)) end
end
request = function()
  local body = '{"queries":["' .. math.random(last) .. '"],"k":10}'
  return wrk.format("POST", "/v1/recommend", nil, body)
end
done = function(summary, latency, requests)
  local bad = summary.errors.connect + summary.errors.read + summary.errors.write
    + summary.errors.status + summary.errors.timeout
  io.write(string.format("RESULT %f %f %f %d\\n", summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, bad))
end
"""


def wrk(
    url: str, *, connections: int, seconds: int, last: int, seed: int, pause: float = 0.0
) -> dict[str, float]:
    """Ask over so many connections, each as fast as answers come, or after pauses of so many ms."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(SCRIPT)
        script.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script.name, url]
        environment = os.environ | {"SEED": str(seed), "LAST": str(last), "PAUSE": str(pause)}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
    per_second, p50, p99, bad = map(float, line.split()[1:])
    if bad:
        raise BenchmarkError(f"{bad:.0f} requests failed")
    return {"requests_per_second": per_second, "p50_ms": p50, "p99_ms": p99}


def measured(url: str, *, last: int, rounds: int, seconds: int, rate: int) -> dict[str, float]:
    """The figures of one server: medians of several rounds."""
    # The answer itself takes about a millisecond of the time between two requests.
    pause = 1000 * THINKING / rate - 1
    wrk(url, connections=32, seconds=2, last=last, seed=0)
    parts: list[dict[str, float]] = []
    for round_ in range(rounds):
        many = wrk(url, connections=32, seconds=seconds, last=last, seed=round_)
        one = wrk(url, connections=1, seconds=seconds, last=last, seed=round_)
        even = wrk(url, connections=THINKING, seconds=seconds, last=last, seed=round_, pause=pause)
        parts.append(
            {f"{key}_at_32": value for key, value in many.items()}
            | {f"{key}_at_1": one[key] for key in ("p50_ms", "p99_ms")}
            | {f"{key}_steady": value for key, value in even.items()}
        )
    return {key: median(part[key] for part in parts) for key in parts[0]}


def reference(python: str, data: str | None, rounds: int) -> float:
    """Milliseconds of one query of the reference's brute-force index, in its process."""
    films = movielens("100k", path=data).dataset(candidate_id="movie_title")
    parts = split(films, Split(kind="random", seed=42))
    with tempfile.TemporaryDirectory() as folder:
        common.write_pairs(parts, Path(folder))
        peer = common.peer(python, "tfrs_tutorial.py", folder, str(len(parts.train.interactions)))
        peer.ask("epoch")
        seconds = [peer.ask("query")["seconds"] for _ in range(1 + rounds)]
        peer.close()
    return 1000 * median(seconds[1:])


def million(
    folder: Path, *, candidates: int = 1_000_000, users: int = 100_000
) -> tuple[Path, float]:
    """Train a bundle of so many candidates on a made log; gives its index's recall@10, too."""
    rng = np.random.default_rng(0)
    # Each candidate once, and as many events again by popularity.
    popular = rng.zipf(1.2, 4 * candidates)
    item = np.concatenate([np.arange(candidates), popular[popular <= candidates] - 1])
    user = rng.integers(1, users + 1, len(item))
    bundle = servers.trained_on_ids(folder / "million", user=user, item=item)
    wanted = ("--kind", "scann", "--target-recall", "0.95", "-k", "10", "--json")
    tuned = servers.turret("index", str(bundle), *wanted)
    return bundle, msgspec.json.decode(tuned)["chosen"]["recall"]


def run(options) -> dict:
    if shutil.which("wrk") is None:
        raise BenchmarkError("wrk is not installed: apt-get install wrk")
    place, figures = machine(), {}
    recipe = Path(__file__).parents[1] / "recipes" / "movielens.toml"
    given = {"rounds": options.rounds, "seconds": options.seconds}
    with tempfile.TemporaryDirectory() as folder:
        films = Path(folder) / "films"
        source = "" if options.data is None else f":{options.data}"
        common.say("training")
        servers.train(recipe, films, "--set", f'data.source="movielens-100k{source}"')
        common.say("serving films")
        with servers.served(films) as (url, _):
            if options.peer:
                figures["reference_query_ms"] = reference(
                    options.peer, options.data, options.rounds
                )
            figures |= measured(url, last=USERS, rate=STEADY, **given)
        if options.million:
            common.say("training a million candidates")
            bundle, figures["million_recall_at_10"] = million(Path(folder))
            common.say("serving a million candidates")
            with servers.served(bundle) as (url, pid):
                found = measured(url, last=100_000, rate=MILLION_STEADY, **given)
                status = httpx.get(url + "/readyz").status_code
                figures |= {f"million_{key}": value for key, value in found.items()}
                figures["million_rss_mb"] = servers.resident_mb(pid)
                assert status == 200
    return {"figures": figures, "machine": place, "settings": given}


def main() -> None:
    parser = common.parser("Requests a second and latencies of a server.")
    parser.set_defaults(rounds=3)
    parser.add_argument("--peer", help="interpreter of the reference's environment")
    parser.add_argument("--data", help="a MovieLens-100K folder or zip; otherwise it is fetched")
    parser.add_argument("--seconds", type=int, default=10, help="of each measurement")
    parser.add_argument("--million", action="store_true", help="a million candidates, too")
    options = parser.parse_args()
    result = common.result_of(lambda: run(options))
    if options.json:
        common.print_json(result)
        return
    for key, value in result["figures"].items():
        print(f"{key:32} {value:12.3f}")


if __name__ == "__main__":
    main()
