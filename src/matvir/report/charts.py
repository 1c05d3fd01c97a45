"""Charts that the page itself draws: small inline SVG whose values show under the cursor.

Text stays text and colours follow the page, so charts are right in the dark, in print and without
JavaScript; `charts.js` adds the cursor.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.cbook import boxplot_stats
from matplotlib.ticker import LogLocator, MaxNLocator
from numpy.typing import NDArray

from matvir.report.wording import number, with_sd

Floats = NDArray[np.float64]
Kind = Literal["linear", "log"]

# Edges of what is drawn, in pixels of a chart that is not scaled.
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 320, 236, 54, 10, 26, 38
# Width of a letter of tick labels, and of a box with the space around it.
LETTER, BOX = 6.2, 17.0
# Width of a letter of titles.
TITLE_LETTER = 6.8
# Share of the range that is left free above and below the values.
MARGIN = 0.04


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Values from ``low`` to ``high`` along pixels from ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float
    kind: Kind = "linear"

    @classmethod
    def of(cls, values: Floats, start: float, end: float, kind: Kind, *, zero: bool) -> "Scale":
        """Return a scale that holds all values, and 0 if that is asked for."""
        known = values[np.isfinite(values) & ((values > 0) | (kind == "linear"))]
        if not known.size:
            known = np.array([1.0, 10.0])
        low, high = float(known.min()), float(known.max())
        if kind == "log":
            return cls(low=low / 1.1, high=high * 1.1, start=start, end=end, kind=kind)
        if zero:
            low, high = min(low, 0.0), max(high, 0.0)
        room = MARGIN * (high - low) or abs(high) / 2 or 0.5
        return cls(low=low if zero else low - room, high=high + room, start=start, end=end)

    def __call__(self, values: Any) -> Floats:
        """Return the pixels of values; NaN where a logarithm has none."""
        values = np.asarray(values, dtype=float)
        low, high = self.low, self.high
        if self.kind == "log":
            values = np.log(np.where(values > 0, values, np.nan))
            low, high = np.log(low), np.log(high)
        pixels: Floats = self.start + (values - low) / (high - low) * (self.end - self.start)
        return pixels

    def ticks(self, most: int = 5) -> list[tuple[float, str]]:
        """Return round values on the scale: their pixels and texts."""
        if self.kind == "log":
            # Over many decades their powers alone have room.
            wide = np.log10(self.high / self.low) > 2
            found = LogLocator(subs=(1,) if wide else (1, 2, 5)).tick_values(self.low, self.high)
        else:
            found = MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]).tick_values(self.low, self.high)
        span = abs(self.high - self.low)
        inside = [one for one in found if self.low <= one <= self.high]
        clean = [0.0 if abs(one) < 1e-9 * span else float(one) for one in inside]
        return [(_round(self(one)), f"{one:.6g}".replace("-", "\N{MINUS SIGN}")) for one in clean]


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Something drawn of one side: a path, how it looks, and whose it is."""

    side: int
    look: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """What a chart shows.

    Attributes
    ----------
    title, across, up : str
        Heading, and the names of both axes.
    width, height : float
        Size in pixels where it is not scaled.
    frame : tuple of float
        Left, top, right and bottom of what is inside the axes.
    ticks_across, ticks_up : list of (pixel, text)
        Along both axes.
    colours : list of str
        Of each side, the real one first; an empty text stands for the colour of the page's text.
    marks : list of Mark
        What is drawn.
    link : str
        Charts of a material with equal links have a common cursor.
    data : dict
        For the cursor: ``across`` as above, ``at`` the pixels across where there are values, ``x``
        the values there, ``heads`` what each is called, ``sides`` the names, ``texts`` of each
        place one text a side, empty if it has none, and ``up`` the pixels of these values, None
        where there are none.
    """

    title: str
    across: str
    up: str
    width: float
    frame: tuple[float, float, float, float]
    ticks_across: list[tuple[float, str]]
    ticks_up: list[tuple[float, str]]
    colours: list[str]
    marks: list[Mark]
    link: str
    height: float = HEIGHT
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Line:
    """One side of a chart of curves: values at places, and their spread if there is one."""

    name: str
    colour: str
    x: Floats
    mean: Floats
    sd: Floats | None = None
    dashed: bool = False


def chart_script() -> str:
    """Return the JavaScript that shows values under the cursor."""
    return (Path(__file__).parent / "charts.js").read_text(encoding="utf-8")


def curve_chart(
    lines: Sequence[Line],
    *,
    title: str,
    across: str,
    up: str,
    link: str,
    kinds: tuple[Kind, Kind] = ("linear", "linear"),
) -> Chart:
    """Return lines with bands of one standard deviation.

    Parameters
    ----------
    lines : sequence of Line
        The real one first, if it is there; their colours are "" for that of the page's text.
    title, across, up, link : str
        As in `Chart`.
    kinds : tuple
        Of the axes across and up.
    """
    frame = (LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM)
    xs = np.concatenate([line.x for line in lines])
    spreads = [np.zeros_like(line.mean) if line.sd is None else line.sd for line in lines]
    ys = [
        line.mean + sign * sd for line, sd in zip(lines, spreads, strict=True) for sign in (-1, 1)
    ]
    horizontal = Scale.of(xs, frame[0], frame[2], kinds[0], zero=kinds[0] == "linear")
    vertical = Scale.of(np.concatenate(ys), frame[3], frame[1], kinds[1], zero=False)
    marks = []
    for side, (line, sd) in enumerate(zip(lines, spreads, strict=True)):
        if line.sd is not None:
            low, high = (_clipped(vertical(line.mean + sign * sd), vertical) for sign in (-1, 1))
            band = (
                _path(horizontal(line.x), low)
                + "L"
                + _path(horizontal(line.x)[::-1], high[::-1]).removeprefix("M")
            )
            marks.append(Mark(side=side, look="band", path=band))
    for side, line in enumerate(lines):
        look = "line dashed" if line.dashed else "line"
        path = _path(horizontal(line.x), vertical(line.mean))
        path += "h0" if path and "L" not in path else ""  # round ends make a dot of one point
        marks.append(Mark(side=side, look=look, path=path))
    longest = max(lines, key=lambda line: len(line.x)).x
    # Beyond that many, neighbours are nearer to each other than a cursor can be moved.
    places = longest[:: max(1, -(-len(longest) // WIDTH))]
    return Chart(
        title=title,
        across=across,
        up=up,
        width=WIDTH,
        frame=frame,
        ticks_across=horizontal.ticks(),
        ticks_up=vertical.ticks(),
        colours=[line.colour for line in lines],
        marks=[one for one in marks if one.path],
        link=link,
        data={"across": across} | _values_of_lines(lines, places, horizontal, vertical),
    )


def _values_of_lines(
    lines: Sequence[Line], places: Floats, horizontal: Scale, vertical: Scale
) -> dict[str, Any]:
    """Return what the cursor shows at each of some places."""
    found = [_looked_up(line, places) for line in lines]
    return {
        "at": [_round(pixel) for pixel in horizontal(places)],
        "x": [float(f"{place:.6g}") for place in places],
        "heads": [_head(float(place)) for place in places],
        "sides": [line.name for line in lines],
        "texts": [[with_sd(*values[place]) for values in found] for place in range(len(places))],
        "up": [
            [_or_none(vertical(values[place][0])) for values in found]
            for place in range(len(places))
        ],
    }


def _head(place: float) -> str:
    """Return a place in words; steps of a training are told apart however many there are."""
    return f"{place:.0f}" if place >= 1000 and place.is_integer() else number(place)


def _looked_up(line: Line, places: Floats) -> list[tuple[float, float]]:
    """Return mean and sd of a line at places; NaN where it has no value."""
    known = {
        round(float(x), 9): (float(mean), np.nan if line.sd is None else float(line.sd[index]))
        for index, (x, mean) in enumerate(zip(line.x, line.mean, strict=True))
    }
    return [known.get(round(float(place), 9), (np.nan, np.nan)) for place in places]


def box_chart(
    groups: Sequence[str],
    sides: Sequence[tuple[str, str, Sequence[Floats]]],
    *,
    title: str,
    up: str,
) -> Chart:
    """Return boxes of each side in each group: quartiles, median, mean, whiskers and outliers.

    Parameters
    ----------
    groups : sequence of str
        Names along the axis.
    sides : sequence of (name, colour, values)
        Values of each group, of shape (n,), none if it is not there.
    title, up : str
        As in `Chart`.
    """
    # A name that is wider than its boxes needs room too.
    widths = [max(BOX * (len(sides) + 0.6), LETTER * len(group) + 8) for group in groups]
    ends = LEFT + np.cumsum([0.0, *widths])
    frame = (LEFT, TOP, float(ends[-1]), HEIGHT - BOTTOM)
    every = [values for _, _, of_side in sides for values in of_side if len(values)]
    vertical = Scale.of(
        np.concatenate(every) if every else np.zeros(0), frame[3], frame[1], "linear", zero=False
    )
    marks, shown = [], []
    for index, group in enumerate(groups):
        centre = (ends[index] + ends[index + 1]) / 2
        for side, (_, _, of_side) in enumerate(sides):
            values = np.asarray(of_side[index], dtype=float)
            if not len(values):
                continue
            place = float(centre + (side - (len(sides) - 1) / 2) * BOX)
            stats = boxplot_stats(values, whis=1.5)[0]
            marks += _box(side, place, stats, vertical)
            shown.append((place, group, side, _in_words(stats, len(values)), stats["med"]))
    return Chart(
        title=title,
        across="",
        up=up,
        width=max(frame[2] + RIGHT, LEFT + TITLE_LETTER * len(title)),
        frame=frame,
        ticks_across=[
            (_round((ends[index] + ends[index + 1]) / 2), group)
            for index, group in enumerate(groups)
        ],
        ticks_up=vertical.ticks(),
        colours=[colour for _, colour, _ in sides],
        marks=marks,
        link="",
        data={"across": ""} | _values_of_boxes(shown, [name for name, _, _ in sides], vertical),
    )


def _values_of_boxes(
    shown: Sequence[tuple[float, str, int, str, float]], names: list[str], vertical: Scale
) -> dict[str, Any]:
    """Return what the cursor shows at each box."""

    def of_side(value: Any, side: int, nothing: Any) -> list[Any]:
        return [value if one == side else nothing for one in range(len(names))]

    return {
        "at": [_round(place) for place, *_ in shown],
        "x": list(range(len(shown))),
        "heads": [group for _, group, *_ in shown],
        "sides": names,
        "texts": [of_side(text, side, "") for _, _, side, text, _ in shown],
        "up": [of_side(_or_none(vertical(median)), side, None) for _, _, side, _, median in shown],
    }


def _box(side: int, place: float, stats: dict[str, Any], scale: Scale) -> list[Mark]:
    """Return the parts of a box around a place."""
    half, cap, diamond = 0.38 * BOX, 0.2 * BOX, 2.6
    low, q1, median, q3, high, mean = (
        _round(scale(stats[name])) for name in ("whislo", "q1", "med", "q3", "whishi", "mean")
    )
    x = _round(place)
    whiskers = f"M{x} {q3}V{high}m{-cap:g} 0h{2 * cap:g}M{x} {q1}V{low}m{-cap:g} 0h{2 * cap:g}"
    outliers = "".join(
        f"M{x - 1.6:g} {_round(y)}a1.6 1.6 0 1 0 3.2 0a1.6 1.6 0 1 0 -3.2 0"
        for y in scale(stats["fliers"])
    )
    return [
        Mark(side=side, look="box", path=f"M{x - half:g} {q1}h{2 * half:g}V{q3}h{-2 * half:g}z"),
        Mark(side=side, look="edge", path=whiskers + outliers),
        Mark(side=side, look="median", path=f"M{x - half:g} {median}h{2 * half:g}"),
        Mark(
            side=side,
            look="mean",
            path=f"M{x} {mean - diamond:g}l{diamond} {diamond}l{-diamond} {diamond}"
            f"l{-diamond} {-diamond}z",
        ),
    ]


def _in_words(stats: dict[str, Any], n: int) -> str:
    quartiles = f"{number(float(stats['q1']))} \N{HORIZONTAL ELLIPSIS} {number(float(stats['q3']))}"
    return (
        f"median {number(float(stats['med']))}, mean {number(float(stats['mean']))}, quartiles "
        f"{quartiles}, {n} {'sample' if n == 1 else 'samples'}"
    )


def _clipped(pixels: Floats, scale: Scale) -> Floats:
    """Return pixels that are on the scale; where a logarithm has none, its lower end."""
    low, high = sorted((scale.start, scale.end))
    return np.clip(np.where(np.isnan(pixels), scale.start, pixels), low, high)


def _path(x: Floats, y: Floats) -> str:
    """Return a line through points; those that are not numbers are left out."""
    known = np.isfinite(x) & np.isfinite(y)
    points = [f"{_round(a):g} {_round(b):g}" for a, b in zip(x[known], y[known], strict=True)]
    return "M" + "L".join(points) if points else ""


def _round(pixel: Any) -> float:
    return round(float(pixel), 1)


def _or_none(pixel: Any) -> float | None:
    return _round(pixel) if np.isfinite(pixel) else None
