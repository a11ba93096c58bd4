from turret.benchmarks.timing import interleave, seconds_of


def test_measurements_take_turns_and_medians_are_reported() -> None:
    order: list[str] = []
    values = {"a": iter([5.0, 1.0, 2.0]), "b": iter([4.0, 6.0, 4.5])}

    def measure(name: str) -> float:
        order.append(name)
        return next(values[name])

    found = interleave({"a": lambda: measure("a"), "b": lambda: measure("b")}, rounds=3)
    assert found == {"a": 2.0, "b": 4.5}
    assert order == ["a", "b"] * 3


def test_a_computation_runs_once_untimed_and_once_timed() -> None:
    calls: list[int] = []
    assert seconds_of(lambda: calls.append(0))() >= 0
    assert len(calls) == 2
