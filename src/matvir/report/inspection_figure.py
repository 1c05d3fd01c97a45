"""The picture of `matvir inspect`: the image, phases as they seem to be, and the histogram."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matvir.files import atomic_path
from matvir.micrograph.inspection import Inspection
from matvir.report.palette import phase_rgb
from matvir.report.segmentation_sheet import draw_surroundings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DPI = 120
PANEL = 4.0  # inches


def draw_inspection(found: Inspection, path: Path) -> None:
    """Draw what was found in an image.

    Parameters
    ----------
    found : Inspection
        What `matvir.micrograph.inspection.inspect` returned.
    path : Path
        Where the picture goes (PNG), written atomically.

    Raises
    ------
    matvir.files.OutputError
        If the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3 * PANEL, PANEL + 0.4), layout="constrained", dpi=DPI)
    image, phases, last = figure.subplots(1, 3)
    _draw_image(image, found)
    _draw_phases(phases, found)
    _draw_histogram(last, found)
    figure.suptitle(f"{Path(found.source).name}: {' x '.join(map(str, found.shape))}")
    with atomic_path(path) as temporary:
        FigureCanvasAgg(figure).print_png(temporary, metadata={"Software": None})


def _draw_image(ax: "Axes", found: Inspection) -> None:
    plane = found.plane
    if plane.ndim == 2:
        low, high = np.quantile(plane, (0.002, 0.998))
        ax.imshow(plane, cmap="gray", vmin=low, vmax=max(high, low + 1e-9))
    else:
        ax.imshow(plane[..., :3] if plane.dtype == np.uint8 else plane[..., :3] / plane.max())
    if len(found.shape) == 2:
        draw_surroundings(ax, found.left)
    ax.set_title("image" if len(found.shape) == 2 else "a plane in the middle")
    ax.set(xticks=[], yticks=[])


def _draw_phases(ax: "Axes", found: Inspection) -> None:
    ax.set(xticks=[], yticks=[])
    if found.labels is None:
        ax.set_axis_off()
        return
    ax.imshow(phase_rgb(len(found.phases))[found.labels], interpolation="nearest")
    ax.set_title(
        f"{len(found.phases)} labels" if found.type == "labels" else "phases as they seem to be"
    )


def _draw_histogram(ax: "Axes", found: Inspection) -> None:
    colours = phase_rgb(max(len(found.phases), 1)) / 255
    if found.histogram is not None:
        edges, shares = found.histogram
        ax.stairs(100 * shares, edges, fill=True, color="#8A8A8A")
        ax.set(xlabel="grey value, median of 3 x 3", ylabel="pixels per bin (%)")
    elif found.phases:
        intervals = [phase.interval for phase in found.phases]
        values = [100 * one.fraction for one in intervals]
        ends = [(one.fraction - one.low, one.high - one.fraction) for one in intervals]
        errors = 100 * np.nan_to_num(np.transpose(ends))
        places = range(len(values))
        ax.barh(places, values, xerr=errors, color=colours, height=0.6, capsize=4)
        ax.set_yticks(places, [phase.name for phase in found.phases])
        ax.invert_yaxis()
        ax.set(xlabel="share of the pixels (%), 95 % interval")
    else:
        ax.set_axis_off()
    ax.spines[["top", "right"]].set_visible(False)
