"""The segmentation sheet: one page on which a person sees whether the labels are right."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matvir.files import atomic_path
from matvir.metrics.checks import has_equal_edges
from matvir.micrograph.segmentation import Segmentation
from matvir.micrograph.surroundings import Surroundings
from matvir.report.palette import DEFAULT_STYLE, phase_rgb
from matvir.storage.image_types import COLOUR, Values
from matvir.storage.images import MaterialImage, notes_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUSPECT = "#D7263D"
BOUNDARY = "#FF3B30"
OUTSIDE = "#D9D9D9"
INK = "#222222"
ZOOM_SHARE = 0.25
MAX_NAMED_BARS = 12
DPI = 150
PANEL = 4.1  # inches
NOTE_WIDTH, TITLE_WIDTH = 110, 60  # letters
TIMES = " \N{MULTIPLICATION SIGN} "


@dataclass(frozen=True, kw_only=True)
class _Plane:
    """One plane through the image: raw grey values or None, labels, mask, and its name."""

    raw: NDArray[Any] | None
    labels: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    title: str


def draw_sheet(segmentations: Mapping[str, Segmentation], path: Path) -> None:
    """Draw raw image, labels, boundaries, histogram and fractions, one image below the other.

    Parameters
    ----------
    segmentations : mapping of str to Segmentation
        What :func:`matvir.micrograph.segmentation.segment` returned, by what its title begins with;
        of a volume the middle plane perpendicular to each axis is shown.
    path : Path
        Where the picture goes (PNG), written atomically.

    Raises
    ------
    matvir.files.OutputError
        If the file cannot be written.
    """
    from matplotlib import rc_context
    from matplotlib.image import imsave

    with rc_context(DEFAULT_STYLE):
        sheets = [_drawn(title, one) for title, one in segmentations.items()]
    with atomic_path(path) as temporary:
        imsave(temporary, np.concatenate(sheets), format="png", dpi=DPI)


def _drawn(title: str, segmentation: Segmentation) -> NDArray[np.uint8]:
    """Return the sheet of one image as pixels; all sheets are equally wide."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if isinstance(segmentation.image.kind, Values):
        return _drawn_values(title, segmentation, segmentation.image.kind)
    planes = _planes(segmentation)
    heights = [PANEL * min(1.0, np.divide(*plane.labels.shape)) for plane in planes] + [PANEL]
    size = (3 * PANEL + 0.7, sum(heights) + 0.4 * len(heights) + 0.7)
    figure = Figure(figsize=size, layout="constrained", facecolor="white", dpi=DPI)
    figure.suptitle(title + _title(segmentation), fontsize=13, color=INK)
    axes = figure.subplots(len(heights), 3, height_ratios=heights)
    colours = phase_rgb(segmentation.image.n_phases) / 255
    for row, plane in zip(axes, planes, strict=False):
        _draw_plane(row, plane, colours)
    if len(segmentation.image.shape) == 2:
        draw_surroundings(axes[0, 0], segmentation.left)
    _draw_zoom(axes[0, 2], axes[-1, 0], planes[0], colours)
    _draw_histogram(axes[-1, 1], segmentation, colours)
    _draw_fractions(axes[-1, 2], segmentation, colours)
    _draw_legend(figure, segmentation, colours)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).copy()


def _drawn_values(title: str, segmentation: Segmentation, kind: Values) -> NDArray[np.uint8]:
    """Return the sheet of an image that keeps its values: the image and their histogram."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    image = segmentation.image
    plane = image.voxels if len(image.shape) == 2 else image.voxels[image.shape[0] // 2]
    height = 1.5 * PANEL * min(1.0, plane.shape[0] / plane.shape[1])
    figure = Figure(
        figsize=(3 * PANEL + 0.7, height + 0.8), layout="constrained", facecolor="white", dpi=DPI
    )
    figure.suptitle(title + _title(segmentation), fontsize=13, color=INK)
    picture, histogram = figure.subplots(1, 2)
    picture.imshow(plane, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    picture.set(xticks=[], yticks=[])
    for channel, values in zip(image.phases, kind.channels_first(image.voxels), strict=True):
        counts = np.bincount(values.ravel(), minlength=256)
        colour = channel if kind is COLOUR else INK
        histogram.stairs(100 * counts / counts.sum(), np.arange(257) - 0.5, color=colour)
    histogram.set(xlabel="value (0 .. 255)", ylabel="pixels (%)", ylim=(0, None))
    histogram.spines[["top", "right"]].set_visible(False)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).copy()


def _title(segmentation: Segmentation) -> str:
    image = segmentation.image
    name = Path(str(image.provenance.get("source", {}).get("path", "image"))).name
    shape = TIMES.join(str(edge) for edge in image.shape)
    if image.voxel_size_um is None:
        return f"{name}: {shape} voxels, voxel size unknown{_notes(image)}"
    edges = image.voxel_size_um
    shown = edges[:1] if has_equal_edges(edges) else edges
    size = TIMES.join(f"{edge:g}" for edge in shown)
    stated_by = image.provenance.get("source", {}).get("voxel_size_from")
    origin = "" if stated_by is None else f" (stated by {stated_by})"
    return f"{name}: {shape} voxels of {size} µm{origin}{_notes(image)}"


def draw_surroundings(raw: "Axes", left: Surroundings) -> None:
    """Frame what would be left without borders, data bars and the outside of a round field."""
    from matplotlib.patches import Circle, Patch, Rectangle

    style: dict[str, Any] = {
        "fill": False,
        "edgecolor": SUSPECT,
        "linewidth": 2.0,
        "linestyle": "--",
    }
    shape: Patch
    if left.circle is not None:
        shape = Circle((left.circle.column, left.circle.row), left.circle.radius, **style)
    elif left.region is not None:
        (top, bottom), (start, stop) = left.region
        shape = Rectangle((start - 0.5, top - 0.5), stop - start, bottom - top, **style)
    else:
        return
    raw.add_patch(shape)


def _notes(image: MaterialImage) -> str:
    """Return what was said of an image and its file, one line each."""
    return "".join(f"\n{fill(note[:1].upper() + note[1:], NOTE_WIDTH)}" for note in notes_of(image))


def _planes(segmentation: Segmentation) -> list[_Plane]:
    """Return the image itself, that in the middle of a stack, or a volume's plane per axis."""
    image = segmentation.image
    if image.voxels.ndim == 2:
        return [_Plane(raw=image.raw, labels=image.voxels, valid=image.material, title="")]
    return [
        _Plane(
            raw=None if image.raw is None else image.raw.take(middle, axis),
            labels=image.voxels.take(middle, axis),
            valid=image.material.take(middle, axis),
            title=f", {name} {middle}",
        )
        for axis, name in enumerate(("image",) if image.stack else ("plane", "row", "column"))
        for middle in (image.voxels.shape[axis] // 2,)
    ]


def _coloured(plane: _Plane, colours: NDArray[np.float64]) -> NDArray[np.float64]:
    from matplotlib.colors import to_rgb

    picture = colours[plane.labels]
    picture[~plane.valid] = to_rgb(OUTSIDE)
    return picture


def _draw_plane(row: NDArray[Any], plane: _Plane, colours: NDArray[np.float64]) -> None:
    raw, labels, overlay = row
    if plane.raw is None:
        raw.text(0.5, 0.5, "the input was labels", ha="center", va="center", color=INK)
    else:
        _show_raw(raw, plane)
    labels.imshow(_coloured(plane, colours), interpolation="nearest")
    _show_overlay(overlay, plane, colours, linewidth=0.7)
    under = "phases" if plane.raw is None else "raw"
    for ax, title in ((raw, "Raw"), (labels, "Phases"), (overlay, f"Boundaries on {under}")):
        ax.set_title(title + plane.title, fontsize=11, color=INK)
        ax.set(xticks=[], yticks=[])


def _show_raw(ax: "Axes", plane: _Plane) -> None:
    """Show the raw plane with the contrast of the material, not of a few hot pixels."""
    assert plane.raw is not None
    low, high = np.quantile(plane.raw[plane.valid], (0.002, 0.998))
    ax.imshow(plane.raw, cmap="gray", vmin=low, vmax=max(high, low + 1e-9), interpolation="nearest")


def _show_overlay(
    ax: "Axes", plane: _Plane, colours: NDArray[np.float64], *, linewidth: float
) -> None:
    if plane.raw is None:
        ax.imshow(_coloured(plane, colours), interpolation="nearest")
    else:
        _show_raw(ax, plane)
    for phase in np.unique(plane.labels[plane.valid])[1:]:
        line = BOUNDARY if plane.raw is not None else "white"
        brighter = np.ma.masked_where(~plane.valid, (plane.labels >= phase).astype(float))
        ax.contour(brighter, levels=[0.5], colors=[line], linewidths=linewidth)


def _draw_zoom(overview: "Axes", ax: "Axes", plane: _Plane, colours: NDArray[np.float64]) -> None:
    """Enlarge the part of the overlay with the most boundaries, and frame it in the overview."""
    from matplotlib.patches import Rectangle

    top, left, edge = _busiest_square(plane)
    _show_overlay(ax, plane, colours, linewidth=1.6)
    ax.set_xlim(left - 0.5, left + edge - 0.5)
    ax.set_ylim(top + edge - 0.5, top - 0.5)
    ax.set(xticks=[], yticks=[])
    ax.set_title(f"The framed {edge}{TIMES}{edge} pixels", fontsize=11, color=INK)
    overview.add_patch(
        Rectangle(
            (left - 0.5, top - 0.5), edge, edge, fill=False, edgecolor="#FFD60A", linewidth=2.0
        )
    )


def _busiest_square(plane: _Plane) -> tuple[int, int, int]:
    """Return top, left and edge of the square with the most phase boundaries."""
    from scipy.ndimage import uniform_filter

    edge = max(round(min(plane.labels.shape) * ZOOM_SHARE), min(24, *plane.labels.shape))
    borders = np.zeros(plane.labels.shape, np.float32)
    for axis in (0, 1):
        changed = np.diff(plane.labels, axis=axis, append=plane.labels.take([-1], axis)) != 0
        borders += changed & plane.valid
    density = uniform_filter(borders, edge, mode="constant")
    half = edge // 2
    inner = density[
        half : density.shape[0] - edge + half + 1, half : density.shape[1] - edge + half + 1
    ]
    top, left = np.unravel_index(int(inner.argmax()), inner.shape)
    return int(top), int(left), edge


def _draw_histogram(ax: "Axes", segmentation: Segmentation, colours: NDArray[np.float64]) -> None:
    image, denoised = segmentation.image, segmentation.denoised
    if denoised is None or image.raw is None:
        ax.text(0.5, 0.5, "no grey values:\nthe input was labels", ha="center", va="center")
        ax.set_axis_off()
        return
    raw, grey, labels = (a[image.material] for a in (image.raw, denoised, image.voxels))
    bins = _bins(raw, grey)
    weight = 100 / raw.size
    ax.stairs(np.histogram(raw, bins)[0] * weight, bins, color="#8A8A8A")
    counts = [np.histogram(grey[labels == p], bins)[0] * weight for p in range(image.n_phases)]
    ax.stackplot(
        (bins[:-1] + bins[1:]) / 2, counts, colors=list(map(tuple, colours)), alpha=0.85, step="mid"
    )
    tallest = max(np.sum(counts, axis=0).max(), 1e-9)
    for index, threshold in enumerate(segmentation.thresholds or ()):
        ax.axvline(threshold, color=INK, linewidth=1.2, linestyle="--")
        ax.annotate(
            f"{threshold:.4g}",
            (threshold, tallest * (1.08 + 0.08 * (index % 2))),
            ha="center",
            fontsize=9,
            color=INK,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )
    ax.set_ylim(0, tallest * 1.24)
    ax.set_xlabel("grey value (units of the file)")
    ax.set_ylabel("pixels per bin (%)")
    ax.set_title("Histogram (line: raw; filled: denoised, by phase)", fontsize=11, color=INK)
    ax.spines[["top", "right"]].set_visible(False)


def _bins(raw: NDArray[Any], grey: NDArray[Any]) -> NDArray[np.float64]:
    """Return the edges of at most about 128 bins; of whole width where grey values are whole."""
    low, high = np.quantile(raw, (0.0005, 0.9995))
    low, high = min(low, grey.min()), max(high, grey.max())
    if raw.dtype.kind in "iu":
        width = max(1, round((high - low) / 128))
        return np.arange(np.floor(low) - 0.5, high + width + 0.5, width)
    return np.linspace(low, high, 129)


def _draw_fractions(ax: "Axes", segmentation: Segmentation, colours: NDArray[np.float64]) -> None:
    names = list(segmentation.fractions)[:MAX_NAMED_BARS]
    shares = [100 * segmentation.fractions[name] for name in names]
    positions = range(len(names))
    ax.barh(positions, shares, color=colours[: len(names)], height=0.6)
    for position, name, share in zip(positions, names, shares, strict=True):
        text, reach = f"{share:.2f} %", share
        if segmentation.sensitivity is not None:
            change = segmentation.sensitivity[name]
            ends = sorted(share + 100 * value for value in change.values())
            ends = [min(ends[0], share), max(ends[1], share)]
            ax.errorbar(
                share,
                position,
                xerr=[[share - ends[0]], [ends[1] - share]],
                color=INK,
                capsize=4,
                linewidth=1.4,
            )
            text += f"\n({', '.join(f'{100 * value:+.2f}' for value in change.values())})"
            reach = ends[1]
        ax.text(reach + 1.5, position, text, va="center", fontsize=9, color=INK)
    ax.set_yticks(positions, names)
    ax.invert_yaxis()
    ax.set_xlim(0, max(shares) * 1.45 + 2)
    ax.set_xlabel("volume fraction (%)")
    title = "Volume fractions"
    if len(segmentation.fractions) > MAX_NAMED_BARS:
        title += f" (the first {MAX_NAMED_BARS} of {len(segmentation.fractions)})"
    if segmentation.sensitivity is not None:
        title += f"; in brackets their change with\n{segmentation.sensitivity_to}"
    elif segmentation.image.raw is not None:
        title += "\n" + fill(f"(how sure they are is {segmentation.sensitivity_to})", TITLE_WIDTH)
    ax.set_title(title, fontsize=10, color=INK)
    ax.spines[["top", "right"]].set_visible(False)


def _draw_legend(
    figure: "Figure", segmentation: Segmentation, colours: NDArray[np.float64]
) -> None:
    from matplotlib.patches import Patch

    phases = segmentation.image.phases[:MAX_NAMED_BARS]
    handles = [Patch(color=c, label=n) for c, n in zip(colours, phases, strict=False)]
    if segmentation.image.valid is not None:
        handles.append(Patch(color=OUTSIDE, label="outside"))
    figure.legend(
        handles=handles, loc="outside lower center", ncols=min(len(handles), 6), frameon=False
    )
