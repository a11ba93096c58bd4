import subprocess
import sys

import numpy as np
import polars as pl

from turret.data.hashing import (
    blocks,
    bucket_rows,
    combined,
    joined_bytes,
    mixed,
    span_hashes,
    text_hashes,
)

TEXTS = ["", "a", "ab", "ba", "আমি", "我", "🚀", "a" * 300_000]
BASE = 0x9E3779B97F4A7C15


def slow(text: str) -> int:
    """The polynomial, term by term, in Python's own numbers."""
    data = text.encode()
    return sum((byte + 1) * pow(BASE, place, 2**64) for place, byte in enumerate(data)) % 2**64


def test_text_against_the_polynomial() -> None:
    assert text_hashes(pl.Series(TEXTS[:-1])).tolist() == [slow(text) for text in TEXTS[:-1]]
    assert text_hashes(pl.Series(["x", None])).tolist() == [slow("x"), 0]


def test_a_text_has_the_same_hash_wherever_it_stands() -> None:
    rng = np.random.default_rng(0)
    order = rng.permutation(len(TEXTS))
    whole, other = (text_hashes(pl.Series(texts)) for texts in (TEXTS, np.array(TEXTS)[order]))
    np.testing.assert_array_equal(other, whole[order])


def test_spans_against_their_own_text() -> None:
    data = joined_bytes(pl.Series(["abcabc"]))
    starts, ends = np.array([0, 3, 1, 2]), np.array([3, 6, 1, 6])
    wanted = [slow("abc"), slow("abc"), 0, slow("cabc")]
    assert span_hashes(data, starts, ends).tolist() == wanted


def test_it_is_the_same_in_another_process_and_written_down() -> None:
    """These numbers are in bundles: a change of them is a change of the format."""
    code = (
        "import polars as pl; from turret.data.hashing import *;"
        "print(bucket_rows(text_hashes(pl.Series(['Oslo', '我'])), buckets=10**6, seed=0).tolist())"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    found = bucket_rows(text_hashes(pl.Series(["Oslo", "我"])), buckets=10**6, seed=0).tolist()
    assert result.stdout.strip() == str(found) == "[217046, 825745]"


def test_buckets_are_filled_evenly_and_seeds_differ() -> None:
    hashes = text_hashes(pl.Series([f"user-{number}" for number in range(100_000)]))
    rows = [bucket_rows(hashes, buckets=100, seed=seed) for seed in (0, 1)]
    for one in rows:
        counts = np.bincount(one, minlength=101)
        assert counts[0] == 0
        # The deviation of such a count is 31.5.
        assert np.abs(counts[1:] - 1000).max() < 150
    assert abs(np.mean(rows[0] == rows[1]) - 0.01) < 0.002


def test_short_texts_do_not_collide() -> None:
    hashes = text_hashes(pl.Series([f"{a}{b}" for a in range(1000) for b in ("x", "y", "")]))
    assert len(np.unique(hashes)) == 3000
    assert len(np.unique(mixed(hashes, seed=3))) == 3000


def test_two_hashes_of_numbers_that_follow_each_other_are_independent() -> None:
    """Else what has one row in common would have the other: most unseen ids would seem known."""
    texts = pl.Series([str(number) for number in range(10_000, 20_000)])
    hashes = text_hashes(texts)
    one, two = (bucket_rows(hashes, buckets=10**6, seed=seed) for seed in (0, 1))
    # 10,000 draws among a million share 10,000 * 10,000 / a million = 100 on average.
    assert 50 < len(np.intersect1d(one, two)) < 150


def test_an_order_tells() -> None:
    one, two = text_hashes(pl.Series(["a", "b"]))
    first, second = np.array([one, two]), np.array([two, one])
    assert len(set(combined(first, second).tolist())) == 2


def test_a_row_beyond_the_size_has_a_block_of_its_own() -> None:
    assert list(blocks(np.array([9, 1, 1, 9, 0]), most=3)) == [(0, 1), (1, 3), (3, 4), (4, 5)]
    assert list(blocks(np.array([], np.int64), most=3)) == []
