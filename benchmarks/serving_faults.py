"""What a server does when things go wrong: reloads under load, overload, clients that misbehave.

    python benchmarks/serving_faults.py [--data FOLDER] [--reloads 50] [--json]

- Reloads: a folder of versions is served at 1,000 requests a second while new versions come,
  every fifth of them damaged. Each answer has to be the answer of the version it names.
- Overload: requests of 100 queries at five times the rate that was measured as the most.
- Misbehaving clients: 1,000 connections that are silent, send half a request, send a byte now and
  then, or nonsense, while others ask 1,000 times a second.
"""

import random
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import common
import httpx
import msgspec
import numpy as np
import servers
from load import steady

from turret.benchmarks.machine import machine
from turret.errors import BenchmarkError

USERS = range(1, 51)
ONE = [b'{"queries":["%d"],"k":10}' % user for user in USERS]
HUNDRED = [
    b'{"queries":[%s],"k":500}' % b",".join(b'"%d"' % (first + n) for n in range(100))
    for first in USERS
]
RATE = 1000


def bundles(folder: Path, source: str) -> list[Path]:
    """Two bundles that answer differently."""
    recipe = Path(__file__).parents[1] / "recipes" / "movielens.toml"
    made = [folder / "a", folder / "b"]
    for seed, path in enumerate(made):
        short = ("--set", "train.epochs=20", "--set", f"train.seed={seed}")
        servers.train(recipe, path, "--set", f'data.source="{source}"', *short)
    return made


def reloads(made: list[Path], folder: Path, number: int) -> dict[str, float]:
    """Versions come and go under load."""
    expected = [_answers(path) for path in made]
    models = folder / "models"
    models.mkdir()
    shutil.copytree(made[1], models / "1")
    bad = 0
    with (
        servers.served(models, "--poll", "0.2") as (url, _),
        ThreadPoolExecutor() as pool,
    ):
        seconds = 2.0 * number + 5
        asked = pool.submit(steady, url, ONE, rate=RATE, seconds=seconds, keep=True)
        for version in range(2, number + 2):
            start = time.monotonic()
            # It is copied beside the folder and renamed into it, as the documentation says.
            coming = folder / f"coming-{version}"
            shutil.copytree(made[version % 2], coming)
            if version % 5 == 0:
                bad += 1
                _damage(coming)
            coming.rename(models / str(version))
            if version > 4:
                shutil.rmtree(models / str(version - 3))
            time.sleep(max(0.0, start + 2.0 - time.monotonic()))
        answers = asked.result()
        metrics = httpx.get(url + "/metrics").text
    wrong, versions = 0, Counter[int]()
    for body, times in answers.bodies.items():
        answer = msgspec.json.decode(body)
        version = int(answer.pop("model_version"))
        versions[version] += times
        good = version % 5 and _agrees(answer, expected[version % 2])
        wrong += 0 if good else times
    return {
        "reloads": number,
        "damaged": bad,
        "versions_that_answered": len(versions),
        "refused_versions": _counted(metrics, "turret_reload_failures_total"),
        "requests": len(answers.statuses),
        "failed_requests": answers.failed + sum(status != 200 for status in answers.statuses),
        "wrong_answers": wrong,
        **{f"reload_{k}": v for k, v in answers.figures().items() if k != "requests"},
    }


def _answers(bundle: Path) -> dict[str, np.ndarray]:
    """What a bundle answers when nothing else happens: ids, and their scores."""
    with servers.served(bundle) as (url, _):
        found = [httpx.post(url + "/v1/recommend", content=body).json() for body in ONE]
    return {str(answer["ids"]): np.array(answer["scores"]) for answer in found}


def _agrees(answer: dict, expected: dict[str, np.ndarray]) -> bool:
    """Whether the ids are those of some query; scores round by how many are answered at once."""
    scores = expected.get(str(answer["ids"]))
    return scores is not None and np.allclose(scores, answer["scores"], rtol=1e-5)


def _damage(bundle: Path) -> None:
    """Change one byte of the largest file."""
    path = max(bundle.rglob("*"), key=lambda one: one.stat().st_size if one.is_file() else -1)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _counted(metrics: str, name: str) -> float:
    line = next(line for line in metrics.splitlines() if line.startswith(name + " "))
    return float(line.split()[1])


def overload(bundle: Path, seconds: float) -> dict[str, float]:
    """Five times as many requests as can be answered."""
    with servers.served(bundle) as (url, pid):
        steady(url, HUNDRED, rate=1e6, seconds=100 / 1e6, connections=4)
        start = time.monotonic()
        steady(url, HUNDRED, rate=1e6, seconds=300 / 1e6, connections=4)
        capacity = 300 / (time.monotonic() - start)
        before = servers.resident_mb(pid)
        usual = _asked_alone(url)
        with ThreadPoolExecutor() as pool:
            asked = pool.submit(
                steady, url, HUNDRED, rate=5 * capacity, seconds=seconds, connections=500
            )
            during = before
            while not asked.done():
                during = max(during, servers.resident_mb(pid))
                time.sleep(0.1)
            answers, end = asked.result(), time.monotonic()
        while _asked_alone(url) > 3 * usual:
            if time.monotonic() > end + 60:
                raise BenchmarkError("The server did not recover")
        recovery = time.monotonic() - end
    statuses = Counter(answers.statuses)
    refused = answers.figures(503)
    return {
        "capacity_per_second": capacity,
        "asked_per_second": 5 * capacity,
        "answered": statuses[200],
        "refused": statuses[503],
        "late": statuses[504],
        "others": len(answers.statuses) - sum(statuses[code] for code in (200, 503, 504)),
        "dropped": answers.failed,
        "refused_p50_ms": refused.get("p50_ms", float("nan")),
        "refused_p99_ms": refused.get("p99_ms", float("nan")),
        "memory_before_mb": before,
        "memory_most_mb": during,
        "recovery_seconds": recovery,
    }


def _asked_alone(url: str) -> float:
    start = time.monotonic()
    answer = httpx.post(url + "/v1/recommend", content=ONE[0], timeout=30)
    return time.monotonic() - start if answer.status_code == 200 else float("inf")


def misbehaving(bundle: Path, number: int, seconds: float) -> dict[str, float]:
    """Clients that send little, slowly, or nonsense."""
    head = b"POST /v1/recommend HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    kinds = [b"", head[:20], head, head + ONE[0], random.Random(0).randbytes(200), b"GET /"]
    with servers.served(bundle) as (url, pid), ExitStack() as stack:
        place = urlsplit(url)
        steady(url, ONE, rate=RATE, seconds=2)
        alone = steady(url, ONE, rate=RATE, seconds=seconds)
        bad = [
            stack.enter_context(socket.create_connection((place.hostname, place.port)))
            for _ in range(number)
        ]
        for i, connection in enumerate(bad):
            with suppress(OSError):
                connection.sendall(kinds[i % len(kinds)])
        stop = threading.Event()

        def drip() -> None:
            while not stop.wait(0.5):
                for connection in bad[::2]:
                    with suppress(OSError):
                        connection.send(b"x")

        dripping = threading.Thread(target=drip)
        dripping.start()
        beside = steady(url, ONE, rate=RATE, seconds=seconds)
        stop.set()
        dripping.join()
        memory = servers.resident_mb(pid)
        closed = sum(_is_closed(connection) for connection in bad)
    answered = Counter(beside.statuses)
    return {
        "bad_connections": number,
        "requests": len(beside.statuses),
        "failed_requests": beside.failed + sum(answered.values()) - answered[200],
        "alone_p99_ms": alone.figures()["p99_ms"],
        "beside_p50_ms": beside.figures()["p50_ms"],
        "beside_p99_ms": beside.figures()["p99_ms"],
        "closed_by_then": closed,
        "memory_mb": memory,
    }


def _is_closed(connection: socket.socket) -> bool:
    connection.settimeout(0.01)
    try:
        while connection.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def run(options) -> dict:
    place, figures = machine(), {}
    source = "movielens-100k" + ("" if options.data is None else f":{options.data}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        common.say("training")
        made = bundles(folder, source)
        common.say("reloads")
        figures["reloads"] = reloads(made, folder, options.reloads)
        common.say("overload")
        figures["overload"] = overload(made[0], options.seconds)
        common.say("misbehaving clients")
        figures["misbehaving"] = misbehaving(made[0], 1000, options.seconds)
    return {"figures": figures, "machine": place, "settings": {"reloads": options.reloads}}


def main() -> None:
    parser = common.parser("A server under reloads, overload and clients that misbehave.")
    parser.add_argument("--data", help="a MovieLens-100K folder or zip; otherwise it is fetched")
    parser.add_argument("--reloads", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=15, help="of overload, and of bad clients")
    options = parser.parse_args()
    result = common.result_of(lambda: run(options))
    if options.json:
        common.print_json(result)
        return
    for part, figures in result["figures"].items():
        print(part)
        for key, value in figures.items():
            print(f"  {key:28} {value:12,.2f}")
    bad = ("failed_requests", "wrong_answers", "others", "dropped")
    parts = result["figures"].values()
    sys.exit(int(any(figures.get(key, 0) for figures in parts for key in bad)))


if __name__ == "__main__":
    main()
