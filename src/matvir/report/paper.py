"""Figures for papers: box plots, correlations and slices at the widths of a journal's columns."""

from collections.abc import Sequence
from string import ascii_lowercase
from textwrap import fill
from typing import Any, TypeVar

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch

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
MOST_COLUMNS, MOST_ROWS = 3, 5
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
    sheets = []
    for part in _parts(boxes, n_columns * MOST_ROWS):
        names = [name for name, _, _ in part[0].sides]
        figure, panels = _panels(len(part), n_columns, width, names)
        for index, (axes, one) in enumerate(zip(panels, part, strict=True)):
            draw_boxes(axes, one.sides, one.metric, one.unit)
            _name_boxes(axes, one, width / min(n_columns, len(part)))
            axes.set_title(_letter(index, len(part)))
        patches = [Patch(facecolor=to_rgba(c, 0.3), edgecolor=c) for _, c, _ in part[0].sides]
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
    n_columns = max(1, min(MOST_COLUMNS, int(width // CURVE_WIDTH)))
    sheets = []
    for part in _parts(curves, n_columns * MOST_ROWS):
        names = list(dict.fromkeys(name for one in part for name, _, _ in one.sides))
        figure, panels = _panels(len(part), n_columns, width, names)
        for index, (axes, one) in enumerate(zip(panels, part, strict=True)):
            title = f"{_letter(index, len(part))} {one.title}".strip()
            draw_curves(axes, one.sides, title, one.function)
        lines = {str(line.get_label()): line for axes in panels for line in axes.get_lines()}
        drawn = [name for name in names if name in lines]
        _legend(figure, width, drawn, [lines[name] for name in drawn])
        sheets.append((figure, part))
    return sheets


@mpl.rc_context(PAPER_STYLE)
def slice_sheet(rows: Sequence[Row], material: Material, width: float) -> Figure:
    """Draw slices of the real and the generated material, all at one scale.

    Parameters
    ----------
    rows : sequence of Row
        What `matvir.report.slices.slice_rows` returned.
    material : Material
        Their material.
    width : float
        Width of the figure in millimetres.
    """
    pictures = [[one for one in row.pictures if one is not None] for row in rows]
    n_columns = max(map(len, pictures))
    across = [max(_size(row[i])[1] for row in pictures if len(row) > i) for i in range(n_columns)]
    down = [max((_size(one)[0] for one in row), default=0.0) for row in pictures]
    left, gap, text, foot = 5.0, 2.0, 7.0, 6.0
    scale = (width - left - gap * (n_columns - 1)) / sum(across)
    height = scale * sum(down) + text * len(rows) + foot
    figure = Figure(figsize=(width * MM, height * MM))
    figure.set_layout_engine("none")
    top = height
    for row, shown, tall in zip(rows, pictures, down, strict=True):
        middle = (left - 1.5, top - scale * tall / 2)
        _write(figure, middle, row.name, rotation=90, ha="right", va="center")
        x = left
        for one, wide in zip(shown, across, strict=False):
            _show(figure, (x, top), one, scale)
            x += scale * wide + gap
        top -= scale * tall + text
    _foot(figure, material, pictures, scale)
    return figure


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


def _foot(
    figure: Figure, material: Material, pictures: Sequence[Sequence[Picture]], scale: float
) -> None:
    """Draw the colours of the phases and the bar that is the scale of all pictures."""
    first = next(one for row in pictures for one in row)
    width = figure.get_size_inches()[0] / MM
    if first.scale_bar is not None:
        length = first.scale_bar.share * scale * _size(first)[1]
        bar = figure.add_axes(_place(figure, width - length - 0.5, 1.0, length, 0.8))
        bar.set(facecolor="black", xticks=[], yticks=[])
        bar.spines[:].set_visible(False)
        text = (width - length - 2.0, 0.5)
        _write(figure, text, first.scale_bar.text, ha="right", va="bottom")
    x = 5.0
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
    room = (width - AXIS) / len(names) / LETTER - 1
    if max(map(len, names)) <= room:
        return
    names = [name.replace("+", "+\n") for name in names]
    axes.set_xticks(axes.get_xticks(), names)
    if max(len(part) for name in names for part in name.split("\n")) > room:
        axes.tick_params(axis="x", labelrotation=90)


def _panels(
    n: int, n_columns: int, width: float, names: Sequence[str]
) -> tuple[Figure, list[Axes]]:
    """Return a figure with ``n`` panels and room for a legend of ``names``, and the panels."""
    n_columns = min(n_columns, n)
    n_rows = -(-n // n_columns)
    lines = -(-len(names) // _legend_columns(width, names))
    height = PANEL_HEIGHT * n_rows + LEGEND_LINE * lines
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
