from statistics import median

import pytest

from turret.benchmarks.memory import can_measure, peak_mb
from turret.errors import BenchmarkError

pytestmark = pytest.mark.skipif(not can_measure(), reason="needs /proc/self/clear_refs of Linux")


def test_memory_grows_with_the_chunk_and_stays_below_the_matrix_of_scores() -> None:
    sizes = {"queries": 3000, "candidates": 2000, "dim": 4}
    scores_mb = 4 * 3000 * 2000 / 1e6
    # What else happens in a process adds to a peak, or to what is there before: neither end counts.
    small, whole = (
        median(peak_mb("loss", **sizes, chunk_size=chunk) for _ in range(3)) for chunk in (50, 3000)
    )
    assert 0.1 < small < scores_mb / 4
    assert scores_mb < whole < 5 * scores_mb


def test_a_failing_process_says_what_it_wrote_last() -> None:
    with pytest.raises(BenchmarkError, match="code 1.*unexpected keyword argument 'sides'"):
        peak_mb("loss", sides=3)


def test_a_step_is_measured_too() -> None:
    tables = {"query_rows": 9000, "candidate_rows": 4000, "dim": 16, "hidden": 16}
    scores_mb = 4 * 4000 * 4000 / 1e6
    lowest = min(peak_mb("step", **tables, pairs=4000, batch_size=4000) for _ in range(2))
    assert 0.1 < lowest < scores_mb / 2
