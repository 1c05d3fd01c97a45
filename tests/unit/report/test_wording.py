"""Names, units and numbers in words."""

import math

import pytest

from matvir.report.wording import MINUS, axis_name, metric_name, number, percent, unit_name


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.12345, "0.123"),
        (1234.5, "1234"),
        (-0.05, f"{MINUS}0.0500"),
        (2.6e-5, f"2.60e{MINUS}05"),
        (3.3e6, "3.30e+06"),
        (0, "0.000"),
        (math.nan, ""),
        (math.inf, ""),
    ],
)
def test_numbers_have_three_significant_digits(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("share", "sign", "text"),
    [
        (0.0512, False, "5.1 %"),
        (0.05, True, "+5.0 %"),
        (-2.5, True, f"{MINUS}250 %"),
        (1.5, False, "150 %"),
        (math.nan, False, ""),
    ],
)
def test_shares_are_in_per_cent(share, sign, text):
    assert percent(share, sign=sign) == text


@pytest.mark.parametrize(
    ("unit", "text"),
    [("1", ""), ("", ""), ("um", "µm"), ("1/um", "µm⁻¹"), ("1/um^2", "µm⁻²"), ("voxel", "voxel")],
)
def test_units_are_printed_with_exponents(unit, text):
    assert unit_name(unit) == text


def test_metrics_and_axes_are_named_in_words():
    assert metric_name("volume_fraction") == "volume fraction"
    assert metric_name("tpb_density") == "triple-phase boundary density"
    assert axis_name("1") == "axis 1"
    assert axis_name("radial") == "radial average"
