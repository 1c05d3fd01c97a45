"""Figures for papers: box plots, correlations and slices at the widths of a journal's columns."""

from collections.abc import Sequence
from itertools import zip_longest
from string import ascii_lowercase
from textwrap import fill
from typing import Any, TypeVar

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import LogFormatter

from matvir.report.boxes import Boxes, draw_boxes, phases_of
from matvir.report.correlations import Curves, draw_curves
from matvir.report.palette import FIGURE_STYLE, colours_of
from matvir.report.results import Material
from matvir.report.slices import Picture, Row
from matvir.report.wording import metric_name, unit_name

MM = 1 / 25.4
POINTS = 7  # of all letters
# Width of a letter, on average, in millimetres.
LETTER = 0.6 * POINTS * 25.4 / 72
PAPER_STYLE: Any = FIGURE_STYLE | {
    "axes.labelcolor": "black",
    "axes.labelsize": POINTS,
    "axes.linewidth": 0.6,
    "axes.titlesize": POINTS,
    "axes.titlelocation": "left",
    "font.family": "sans-serif",  # named after the first, for who has not got that
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": POINTS,
    "grid.linewidth": 0.4,
    "legend.fontsize": POINTS,
    "lines.linewidth": 1.0,
    "pdf.fonttype": 42,  # letters stay letters in drawing programs
    "svg.fonttype": "none",
    "xtick.color": "black",
    "xtick.labelsize": POINTS,
    "ytick.color": "black",
    "ytick.labelsize": POINTS,
}
# All lengths are in millimetres.
PANEL_HEIGHT = 45.0
LEGEND_LINE = 4.0
AXIS = 17.0  # of a box plot, with its name and numbers
CURVE_WIDTH = 55.0
MOST_COLUMNS = 3
MOST_HEIGHT = 240.0  # without a legend
ROW_NAME, GAP, TEXT, FOOT = 5.0, 2.0, 7.0, 6.0  # of slices
# A picture of fewer pixels would be smoothed by some programs, so each pixel is repeated.
LEAST_PIXELS = 600

T = TypeVar("T")


@mpl.rc_context(PAPER_STYLE)
def box_sheets(boxes: Sequence[Boxes], width: float) -> list[tuple[Figure, Sequence[Boxes]]]:
    """Draw the box plots of many metrics as panels of few figures.

    Parameters
    ----------
    boxes : sequence of Boxes
        What they show, all of one material.
    width : float
        Width of a figure in millimetres; there are as many panels side by side as fit.

    Returns
    -------
    list of tuple of Figure and sequence of Boxes
        Figures that fit on a page, each with what its panels (a), (b), ... show.
    """
    n_columns = max(1, min(MOST_COLUMNS, int(width // max(map(box_width, boxes)))))
    n_columns = min(n_columns, len(boxes))
    upright = max(_fitting(phases_of(one.sides), width / n_columns)[1] for one in boxes)
    n_rows = max(1, int(MOST_HEIGHT // (PANEL_HEIGHT + upright)))
    sheets = []
    for part in _parts(boxes, n_columns * n_rows):
        sides = {name: colour for one in part for name, colour, table in one.sides if len(table)}
        names = list(sides)
        figure, panels = _panels(len(part), n_columns, width, names, upright)
        for index, (axes, one) in enumerate(zip(panels, part, strict=True)):
            # A model of 2D images has no room beside the boxes of volumes.
            shown = [side for side in one.sides if side[0] in sides]
            draw_boxes(axes, shown, one.metric, one.unit)
            _name_boxes(axes, one, width / n_columns)
            axes.set_title(_letter(index, len(part)))
        patches = [Patch(facecolor=to_rgba(c, 0.3), edgecolor=c) for c in sides.values()]
        _legend(figure, width, names, patches)
        sheets.append((figure, part))
    return sheets


def box_width(boxes: Boxes) -> float:
    """Return the least width of a box plot in millimetres: that of its boxes and their axis."""
    return AXIS + 2.4 * len(phases_of(boxes.sides)) * (len(boxes.sides) + 1)


@mpl.rc_context(PAPER_STYLE)
def curve_sheets(curves: Sequence[Curves], width: float) -> list[tuple[Figure, Sequence[Curves]]]:
    """Draw many curves as panels of few figures.

    Parameters
    ----------
    curves : sequence of Curves
        What the panels show, all of one function and one material.
    width : float
        Width of a figure in millimetres.

    Returns
    -------
    list of tuple of Figure and sequence of Curves
        Figures that fit on a page, each with what its panels (a), (b), ... show.
    """
    n_columns = max(1, min(MOST_COLUMNS, int(width // CURVE_WIDTH), len(curves)))
    sheets = []
    for part in _parts(curves, n_columns * int(MOST_HEIGHT // PANEL_HEIGHT)):
        names = list(dict.fromkeys(name for one in part for name, _, _ in one.sides))
        figure, panels = _panels(len(part), n_columns, width, names)
        for index, (axes, one) in enumerate(zip(panels, part, strict=True)):
            title = f"{_letter(index, len(part))} {one.title}".strip()
            draw_curves(axes, one.sides, title, one.function)
            if one.function == "power_spectrum":  # small letters as exponents would be too small
                axes.yaxis.set_major_formatter(LogFormatter())
        lines = {str(line.get_label()): line for axes in panels for line in axes.get_lines()}
        drawn = [name for name in names if name in lines]
        _legend(figure, width, drawn, [lines[name] for name in drawn])
        sheets.append((figure, part))
    return sheets


@mpl.rc_context(PAPER_STYLE)
def slice_sheets(
    rows: Sequence[Row], material: Material, width: float
) -> list[tuple[Figure, Sequence[Row]]]:
    """Draw slices of the real and the generated material, all at one scale.

    Parameters
    ----------
    rows : sequence of Row
        What `matvir.report.slices.slice_rows` returned: the first is real.
    material : Material
        Their material.
    width : float
        Width of a figure in millimetres.

    Returns
    -------
    list of tuple of Figure and sequence of Row
        Figures that fit on a page, each with its rows: the real one and some of the models.
    """
    real, *made = rows
    across = _widths(rows)
    scale = (width - ROW_NAME - GAP * (len(across) - 1)) / sum(across)
    tallest = TEXT + scale * max(map(_height, rows))
    most = max(1, int((MOST_HEIGHT - FOOT) // tallest) - 1)
    return [
        (_slice_figure([real, *part], material, width, scale), [real, *part])
        for part in _parts(made, most)
    ]


def _slice_figure(rows: Sequence[Row], material: Material, width: float, scale: float) -> Figure:
    height = FOOT + sum(TEXT + scale * _height(row) for row in rows)
    figure = Figure(figsize=(width * MM, height * MM))
    figure.set_layout_engine("none")
    top = height
    for row in rows:
        middle = (ROW_NAME - 1.5, top - scale * _height(row) / 2)
        _write(figure, middle, row.name, rotation=90, ha="right", va="center")
        x = ROW_NAME
        for picture, wide in zip(_pictures(row), _widths(rows), strict=False):
            _show(figure, (x, top), picture, scale)
            x += scale * wide + GAP
        top -= scale * _height(row) + TEXT
    _foot(figure, material, _pictures(rows[0])[0], scale)
    return figure


def _pictures(row: Row) -> list[Picture]:
    return [picture for picture in row.pictures if picture is not None]


def _height(row: Row) -> float:
    """Return the height of the tallest picture, in micrometres or voxels."""
    return max(_size(picture)[0] for picture in _pictures(row))


def _widths(rows: Sequence[Row]) -> list[float]:
    """Return the width of each column's widest picture, in micrometres or voxels."""
    columns = zip_longest(*(_pictures(row) for row in rows))
    return [max(_size(picture)[1] for picture in column if picture) for column in columns]


def _size(picture: Picture) -> tuple[float, float]:
    """Return height and width of a picture in micrometres, or in voxels."""
    height, width = picture.pixels.shape[:2]
    return height * picture.edges[0], width * picture.edges[1]


def _place(
    figure: Figure, x: float, y: float, width: float = 0.0, height: float = 0.0
) -> tuple[float, float, float, float]:
    """Return a place in millimetres from the lower left corner in shares of the figure."""
    wide, tall = figure.get_size_inches() / MM
    return x / wide, y / tall, width / wide, height / tall


def _write(figure: Figure, at: tuple[float, float], text: str, **style: Any) -> None:
    x, y, _, _ = _place(figure, *at)
    figure.text(x, y, text, **style)


def _show(figure: Figure, at: tuple[float, float], picture: Picture, scale: float) -> None:
    """Draw a picture with its upper left corner at a place in millimetres, its name below it."""
    height, width = (scale * edge for edge in _size(picture))
    x, y = at
    axes = figure.add_axes(_place(figure, x, y - height, width, height))
    times = -(-LEAST_PIXELS // max(picture.pixels.shape))
    pixels = picture.pixels.repeat(times, axis=0).repeat(times, axis=1)
    axes.imshow(pixels, interpolation="none", aspect="auto")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    caption = fill(picture.caption, max(int(width / LETTER), 10))
    _write(figure, (x, y - height - 0.7), caption, va="top", linespacing=1.05)


def _foot(figure: Figure, material: Material, first: Picture, scale: float) -> None:
    """Draw the colours of the phases and the scale of all pictures, as long as in the first."""
    width = figure.get_size_inches()[0] / MM
    if first.scale_bar is not None:
        length = first.scale_bar.share * scale * _size(first)[1]
        bar = figure.add_axes(_place(figure, width - length - 0.5, 1.0, length, 0.8))
        bar.set(facecolor="black", xticks=[], yticks=[])
        bar.spines[:].set_visible(False)
        text = (width - length - 2.0, 0.5)
        _write(figure, text, first.scale_bar.text, ha="right", va="bottom")
    x = ROW_NAME
    colours = colours_of(material.kind, material.phases) if material.kind.labelled else ()
    for name, colour in zip(material.phases, colours, strict=False):
        patch = figure.add_axes(_place(figure, x, 0.7, 2.4, 2.4))
        patch.set(facecolor=colour, xticks=[], yticks=[])
        patch.spines[:].set_visible(False)
        _write(figure, (x + 3.2, 0.5), name, va="bottom")
        x += 6.5 + LETTER * len(name)


def _name_boxes(axes: Axes, boxes: Boxes, width: float) -> None:
    """Name what a box plot of so many millimetres shows along its axes."""
    unit = unit_name(boxes.unit)
    axes.set_ylabel(fill(metric_name(boxes.metric) + (f" ({unit})" if unit else ""), 24))
    names = [label.get_text() for label in axes.get_xticklabels()]
    shown, upright = _fitting(names, width)
    axes.set_xticks(axes.get_xticks(), shown)
    if upright:
        axes.tick_params(axis="x", labelrotation=90)


def _fitting(names: Sequence[str], width: float) -> tuple[list[str], float]:
    """Return names that fit side by side below a plot, and how tall they are if upright, or 0."""
    room = (width - AXIS) / len(names) / LETTER - 1
    if max(map(len, names)) <= room:
        return list(names), 0.0
    broken = [name.replace("+", "+\n") for name in names]
    longest = max(len(part) for name in broken for part in name.split("\n"))
    return broken, longest * LETTER if longest > room else 0.0


def _panels(
    n: int, n_columns: int, width: float, names: Sequence[str], more: float = 0.0
) -> tuple[Figure, list[Axes]]:
    """Return a figure with ``n`` panels and room for a legend of ``names``, and the panels.

    They are as tall as a panel is, and ``more``.
    """
    n_rows = -(-n // n_columns)
    lines = -(-len(names) // _legend_columns(width, names))
    height = (PANEL_HEIGHT + more) * n_rows + LEGEND_LINE * lines
    figure = Figure(figsize=(width * MM, height * MM))
    panels = list(figure.subplots(n_rows, n_columns, squeeze=False).flat)
    for unused in panels[n:]:
        unused.remove()
    return figure, panels[:n]


def _legend(figure: Figure, width: float, names: Sequence[str], handles: Sequence[Artist]) -> None:
    columns = _legend_columns(width, names)
    figure.legend(handles, names, loc="outside upper left", ncols=columns, borderpad=0)


def _legend_columns(width: float, names: Sequence[str]) -> int:
    """Return how many entries fit side by side, each with its sample of colour."""
    return max(1, min(len(names), int(width // (LETTER * (max(map(len, names)) + 7)))))


def _letter(index: int, n: int) -> str:
    """Return the letter of a panel, as in ``(a)``; nothing if it is the only one."""
    return f"({ascii_lowercase[index]})" if n > 1 else ""


def _parts(items: Sequence[T], most: int) -> list[Sequence[T]]:
    return [items[start : start + most] for start in range(0, len(items), most)]
