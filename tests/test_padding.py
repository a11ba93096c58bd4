from turret.padding import padded_size


def test_a_ladder_with_at_most_an_eighth_of_padding():
    sizes = [padded_size(n) for n in range(1, 5000)]
    assert sizes == sorted(sizes)
    for n, size in enumerate(sizes, start=1):
        assert n <= size <= n + n // 8
    assert len(set(sizes)) < 100
    assert padded_size(0) == 1
