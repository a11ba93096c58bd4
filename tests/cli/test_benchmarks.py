import json

from cli.conftest import Turret

from turret.benchmarks.registry import names

SMALL = [
    "rounds=1",
    "steps=1",
    "product=32",
    "loss_queries=16",
    "loss_candidates=8",
    "batch_size=16",
    "dim=4",
    "hidden=4",
    "query_rows=50",
    "candidate_rows=20",
    'parts=["loss", "step"]',
]


def test_bench_prints_one_json_value(turret: Turret) -> None:
    options = [word for text in SMALL for word in ("--set", text)]
    done = turret("bench", "training", *options, "--json")
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert result.keys() == {"figures", "machine", "settings"}
    assert result["figures"]["loss_share"] > 0
    assert result["figures"]["examples_per_second"] > 0
    assert "The loss and both gradients" in done.err


def test_bench_prints_figures_for_people(turret: Turret) -> None:
    done = turret("bench", "training", *[w for text in SMALL for w in ("--set", text)])
    assert done.code == 0, done.err
    assert "examples_per_second" in done.out and "cores" in done.out


def test_every_benchmark_has_a_name_on_the_command_line(turret: Turret) -> None:
    for name in names():
        done = turret("bench", name, "--set", "nothing=1")
        assert done.code == 2
        assert "nothing" in done.err, name


def test_a_wrong_benchmark_or_setting_is_wrong_usage(turret: Turret) -> None:
    assert turret("bench", "trainin").code == 2
    done = turret("bench", "training", "--set", "rounds=0")
    assert done.code == 2
    assert "at least 1" in done.err
