"""Names of metrics, units and numbers as a reader wants them."""

import math

from matvir.measurement.tables import normal_axis

METRIC_NAMES = {
    "tpb_density": "triple-phase boundary density",
    "tpb_vertex_density": "triple-phase boundary vertices",
    "active_tpb_density": "active triple-phase boundary density",
    "active_tpb_fraction": "active part of the triple-phase boundary",
    "local_thickness_d10": "local thickness D10",
    "local_thickness_d50": "local thickness D50",
    "local_thickness_d90": "local thickness D90",
    "particle_diameter_d50": "particle diameter D50",
    "representative_edge": "edge of a representative volume",
    "euler_number_density": "Euler number density",
}
MINUS = "\N{MINUS SIGN}"
SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def metric_name(metric: str) -> str:
    """Return the name of a metric in words, as in ``volume_fraction`` -> ``volume fraction``."""
    return METRIC_NAMES.get(metric, metric.replace("_", " "))


def unit_name(unit: str) -> str:
    """Return a unit as it is printed, as in ``1/um^2`` -> ``µm⁻²``; nothing for a pure number."""
    if unit in ("", "1"):
        return ""
    if unit.startswith("1/"):
        base, _, power = unit[2:].partition("^")
        unit = f"{base}^-{power or 1}"
    base, _, power = unit.replace("um", "µm").partition("^")
    return base + power.translate(SUPERSCRIPTS)


def number(value: float, digits: int = 3) -> str:
    """Return a number with ``digits`` significant digits; nothing if there is none."""
    if not math.isfinite(value):
        return ""
    if value != 0 and not 1e-3 <= abs(value) < 1e5:
        return f"{value:.{digits - 1}e}".replace("-", MINUS)
    decimals = digits if value == 0 else max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}".replace("-", MINUS)


def with_sd(mean: float, sd: float) -> str:
    """Return a mean and its standard deviation, if there is one; nothing without a mean."""
    if math.isnan(mean):
        return ""
    return number(mean) if math.isnan(sd) else f"{number(mean)} \N{PLUS-MINUS SIGN} {number(sd, 2)}"


def duration(seconds: float) -> str:
    """Return about how long something takes, in seconds, minutes or hours."""
    if seconds < 120:
        return f"about {seconds:.0f} s"
    if seconds < 7200:
        return f"about {seconds / 60:.0f} min"
    return f"about {seconds / 3600:.1f} h"


def percent(share: float, *, sign: bool = False) -> str:
    """Return a share in per cent with two or three digits; nothing if there is none."""
    if not math.isfinite(share):
        return ""
    value = 100 * share
    text = f"{value:+.1f}" if sign else f"{value:.1f}"
    if abs(value) >= 100:
        text = f"{value:+.0f}" if sign else f"{value:.0f}"
    return f"{text} %".replace("-", MINUS)


def dimension_name(dimension: str) -> str:
    """Return a dimension of samples in words: ``2d-1`` -> ``2D perpendicular to axis 1``."""
    axis = normal_axis(dimension)
    return f"2D perpendicular to axis {axis}" if axis else dimension.upper()


def dimension_title(dimension: str) -> str:
    """Return the heading of what samples of a dimension show."""
    axis = normal_axis(dimension)
    if axis:
        return f"On slices perpendicular to axis {axis}"
    return {"2d": "On slices", "3d": "In volumes"}[dimension]


def axis_name(axis: str) -> str:
    """Return an axis in words, as in ``0`` -> ``axis 0``."""
    return {"radial": "radial average", "diagonal": "diagonals", "all": "all axes"}.get(
        axis, f"axis {axis}"
    )
