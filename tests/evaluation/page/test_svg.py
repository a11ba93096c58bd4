"""Charts: where their points lie, and what they leave out."""

import math
import re
import xml.etree.ElementTree as ET

import pytest

from turret.evaluation.page.svg import Line, bars, lines, steps, ticks


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0.0, 0.5, 1.0]),
        (0, 0.37, [0.0, 0.1, 0.2, 0.3, 0.4]),
        (6.1, 7.4, [6.0, 6.5, 7.0, 7.5]),
        (-0.8, 0.9, [-1.0, -0.5, 0.0, 0.5, 1.0]),
        (0, 4000, [0.0, 1000.0, 2000.0, 3000.0, 4000.0]),
    ],
)
def test_ticks_are_round_and_reach_around(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == expected


def points(svg: str) -> list[list[float]]:
    (path,) = re.findall(r'<path d="([^"]*)"', svg)
    return [[float(n) for n in pair.split()] for pair in re.split("[ML]", path) if pair]


def test_a_line_goes_through_its_points() -> None:
    svg = lines([Line("a", [0.0, 0.5, 1.0])], places=[1, 2, 3], labels=["1", "2", "3"], title="t")
    ET.fromstring(svg)
    found = points(svg)
    # Evenly to the right, and upwards: the y axis of SVG points down.
    assert found[1][0] - found[0][0] == pytest.approx(found[2][0] - found[1][0], abs=0.11)
    assert found[0][1] - found[1][1] == pytest.approx(found[1][1] - found[2][1], abs=0.11)
    assert found[0][1] > found[2][1]
    assert re.findall("<title>(.*?)</title>", svg) == ["a, 1: 0", "a, 2: 0.5", "a, 3: 1"]


def test_a_logarithmic_axis_and_a_gap() -> None:
    line = Line("a", [1.0, math.nan, 1.0], band=[(0.5, 1.5), (math.nan, math.nan), (0.5, 1.5)])
    svg = lines([line], places=[1, 10, 100], labels=["1", "10", "100"], title="t", logarithmic=True)
    (path,) = re.findall(r'<path d="([^"]*)"', svg)
    assert path.count("M") == 2 and "L" not in path
    (band,) = re.findall(r'class="band c0" points="([^"]*)"', svg)
    assert len(band.split()) == 4
    ticks_at = [float(x) for x in re.findall(r'x="([\d.]+)" y="\d+" text-anchor="middle"', svg)]
    assert ticks_at[1] - ticks_at[0] == pytest.approx(ticks_at[2] - ticks_at[1], abs=0.11)


def test_many_points_have_no_dots() -> None:
    many = Line("a", [float(n) for n in range(100)])
    svg = lines([many], places=range(100), labels=[""] * 100, title="t")
    assert "<circle" not in svg
    assert len(points(svg)) == 100


@pytest.mark.parametrize("values", [[], [math.nan]])
def test_nothing_to_show(values: list[float]) -> None:
    places = range(len(values))
    svg = lines([Line("a", values)], places=places, labels=[""] * len(values), title="t")
    assert "nothing to show" in svg
    ET.fromstring(svg)


def test_a_histogram_stands_on_the_axis() -> None:
    svg = steps([Line("a", [0.25, 0.75])], edges=[0.0, 1.0, 2.0], title="t", x_title="score")
    ET.fromstring(svg)
    (corners,) = re.findall(r'<polygon class="area c0" points="([^"]*)"', svg)
    ys = [float(corner.split(",")[1]) for corner in corners.split()]
    assert len(ys) == 6 and ys[0] == ys[-1] == max(ys)
    assert (ys[0] - ys[3]) == pytest.approx(3 * (ys[0] - ys[1]), abs=0.3)


def test_bars_are_shares_of_the_longest() -> None:
    assert "width:50.0%" in bars(1.0, of=2.0)
    assert "width:0.0%" in bars(math.nan, of=2.0)
    assert "width:0.0%" in bars(1.0, of=0.0)


def test_names_are_escaped() -> None:
    svg = lines([Line("<b>&", [1.0])], places=[1], labels=["<"], title='"<')
    ET.fromstring(svg)
    assert "<b>" not in svg
