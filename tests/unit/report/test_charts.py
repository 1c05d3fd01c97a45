import json
import re

import numpy as np
import pandas as pd
import pytest

from matvir.measurement.curves import Curve
from matvir.report import boxes, correlations
from matvir.report.boxes import Boxes
from matvir.report.charts import Line, Scale, box_chart, curve_chart
from matvir.report.correlations import Curves


def points(path):
    """Return the corners of a path that has absolute ones alone."""
    return np.array([[float(n) for n in one.split()] for one in re.split("[ML]", path)[1:]])


def curves(function="s2", **sides):
    shown = [(name, "#0072b2", curve) for name, curve in sides.items()]
    return Curves(
        dimension="3d", function=function, phase="ore", axis="radial", first=True, sides=shown
    )


def test_scales_map_ends_to_ends():
    linear = Scale(low=-1.0, high=3.0, start=100.0, end=20.0)
    assert linear([-1, 1, 3]).tolist() == [100, 60, 20]
    log = Scale(low=1.0, high=100.0, start=0.0, end=50.0, kind="log")
    assert log([1, 10, 100]).tolist() == [0, 25, 50]
    assert np.isnan(log([0.0, -1.0])).all()


@pytest.mark.parametrize("values", [[0.0, 0.4], [3.0, 3.0], [-2e-7, 5e-7], [np.nan, 1e6]])
def test_ticks_are_round_and_inside(values):
    scale = Scale.of(np.array(values), 200.0, 20.0, "linear", zero=False)
    ticks = scale.ticks()
    assert 2 <= len(ticks) <= 7
    assert all(20 <= pixel <= 200 for pixel, _ in ticks)
    for pixel, text in ticks:
        assert scale(float(text.replace("\N{MINUS SIGN}", "-"))) == pytest.approx(pixel, abs=0.06)


def test_a_scale_without_values_can_be_drawn():
    assert Scale.of(np.zeros(0), 200.0, 20.0, "log", zero=False).ticks()


def test_mean_curves_leave_out_samples_without_a_curve():
    values = np.array([[0.4, 0.2], [0.6, 0.4], [np.nan, np.nan]])
    chart = correlations.chart_of(curves(real=Curve(lags=np.arange(2.0), values=values, unit="um")))
    assert chart.across == "distance r (µm)"
    assert chart.data["texts"] == [["0.500 ± 0.14"], ["0.300 ± 0.14"]]
    (line,) = (mark for mark in chart.marks if mark.look == "line")
    low, high = points(line.path)[::-1]
    assert (low[0] - high[0], low[1] > high[1]) == (
        pytest.approx(chart.frame[2] - 54, abs=11),
        True,
    )


def test_sides_with_other_distances_are_blank_where_they_have_none():
    real = Curve(lags=np.arange(4.0), values=np.linspace(0.4, 0.1, 4)[None], unit="voxel")
    short = Curve(lags=np.arange(2.0), values=np.array([[0.4, 0.3]]), unit="voxel")
    chart = correlations.chart_of(curves(real=real, run=short))
    assert [one[1] for one in chart.data["texts"]] == ["0.400", "0.300", "", ""]
    assert [one[1] is None for one in chart.data["up"]] == [False, False, True, True]
    assert not any(mark.look == "band" for mark in chart.marks)  # one sample: no spread


def test_spread_over_blocks_has_logarithmic_axes():
    curve = Curve(lags=np.array([1.0, 2.0, 4.0]), values=np.array([[0.4, 0.2, 0.1]]), unit="voxel")
    chart = correlations.chart_of(curves("block_sd", real=curve))
    assert chart.across == "edge of the blocks (voxels)"
    (line,) = chart.marks
    steps = np.diff(points(line.path), axis=0)
    assert steps[0] == pytest.approx(steps[1], abs=0.15)


def test_where_no_side_has_a_curve_there_is_an_empty_chart():
    nothing = Curve(lags=np.arange(3.0), values=np.full((2, 3), np.nan), unit="voxel")
    chart = correlations.chart_of(curves(real=nothing))
    assert chart.marks == []
    assert chart.data["at"] == []


def test_a_box_shows_median_quartiles_and_outliers():
    values = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 50.0])
    chart = box_chart(["ore"], [("real", "", [values])], title="x", up="µm")
    (text,) = chart.data["texts"]
    assert text == ["median 2.50, mean 10.0, quartiles 1.25 … 3.75, 6 samples"]
    assert sorted(mark.look for mark in chart.marks) == ["box", "edge", "mean", "median"]
    edge = next(mark.path for mark in chart.marks if mark.look == "edge")
    assert edge.count("a1.6") == 2  # one circle


def test_a_phase_that_one_side_lacks_leaves_a_gap():
    some = pd.DataFrame({"phase": ["a", "b"], "value": [1.0, 2.0]})
    sides = [("real", "#3d3d3d", some), ("run", "#0072b2", some[:1])]
    chart = boxes.chart_of(Boxes(dimension="3d", metric="volume_fraction", unit="1", sides=sides))
    assert [mark.side for mark in chart.marks if mark.look == "box"] == [0, 1, 0]
    assert chart.data["heads"] == ["a", "a", "b"]
    assert chart.colours == ["", "#0072b2"]
    assert chart.ticks_across[1][0] > chart.ticks_across[0][0]


def test_long_names_get_room():
    one = np.arange(3.0)
    narrow, wide = (
        box_chart([name, "b"], [("real", "", [one, one])], title="x", up="").width
        for name in ("a", "a-phase-with-a-long-name")
    )
    assert wide > narrow + 100


def test_nothing_is_drawn_beyond_the_frame_of_a_logarithm():
    line = Line(
        name="real", colour="", x=np.array([0.0, 1.0]), mean=np.array([1.0, 0.5]),
        sd=np.array([0.1, 2.0]),
    )  # fmt: skip
    chart = curve_chart([line], title="", across="", up="", link="", kinds=("linear", "log"))
    band = points(next(mark.path for mark in chart.marks if mark.look == "band"))
    assert np.isfinite(band).all()
    assert band[:, 1].max() <= chart.frame[3]


def test_a_line_of_one_point_is_a_dot():
    line = Line(name="loss", colour="", x=np.array([3.0]), mean=np.array([1.0]))
    (mark,) = curve_chart([line], title="", across="", up="", link="").marks
    assert mark.path.endswith("h0")


def test_a_long_line_is_drawn_whole_and_has_as_many_values_as_a_cursor_finds():
    x = np.arange(5000.0)
    line = Line(name="loss", colour="", x=x, mean=np.sin(x))
    chart = curve_chart([line], title="", across="", up="", link="")
    assert len(points(chart.marks[0].path)) == 5000
    assert 100 < len(chart.data["x"]) <= 320


def test_an_infinite_value_leaves_data_that_a_browser_can_read():
    line = Line(name="loss", colour="", x=np.arange(3.0), mean=np.array([1.0, np.inf, 2.0]))
    chart = curve_chart([line], title="", across="", up="", link="")
    json.dumps(chart.data, allow_nan=False)
    assert chart.data["up"][1] == [None]


def test_steps_are_whole_numbers_under_the_cursor():
    x = np.array([99_980.0, 123_456.0])
    line = Line(name="loss", colour="", x=x, mean=np.ones(2))
    chart = curve_chart([line], title="", across="", up="", link="")
    assert chart.data["heads"] == ["99980", "123456"]
