"""Colours of phases and runs that colour-blind readers can tell apart, and the look of figures."""

from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from matvir.storage.image_types import ImageType, Values

# Dark to light, so that they also differ in a grey print.
PHASE_COLOURS = ("#27476e", "#e09f3e", "#a8c5d6", "#9e2a2b", "#6a994e", "#f2e8cf")
REAL_COLOUR = "#3d3d3d"
# Okabe and Ito, Color Universal Design, 2008.
RUN_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")

# Of matplotlib itself: what a user's matplotlibrc says must not change the bytes of a figure.
DEFAULT_STYLE: Any = {key: mpl.rcParamsDefault[key] for key in mpl.rcParamsDefault}
del DEFAULT_STYLE["backend"]

FIGURE_STYLE: Any = DEFAULT_STYLE | {
    "axes.edgecolor": "#555555",
    "axes.grid": True,
    "axes.labelcolor": "#333333",
    "axes.labelsize": 9,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9.5,
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "svg.hashsalt": "matvir",  # equal figures give equal bytes
    "xtick.color": "#555555",
    "xtick.labelsize": 8,
    "ytick.color": "#555555",
    "ytick.labelsize": 8,
}


def phase_colours(n_phases: int) -> tuple[str, ...]:
    """Return one colour per phase as ``#rrggbb``."""
    if n_phases <= len(PHASE_COLOURS):
        return PHASE_COLOURS[:n_phases]
    colours = mpl.colormaps["cividis"](np.linspace(0, 1, n_phases))
    return tuple(mpl.colors.to_hex(colour) for colour in colours)


def channel_colours(channels: tuple[str, ...]) -> tuple[str, ...]:
    """Return one colour per channel of an image that keeps its values, as ``#rrggbb``."""
    shown = {"grey": "#555555", "red": "#c1272d", "green": "#2e8b57", "blue": "#2b5fb8"}
    return tuple(shown[channel] for channel in channels)


def colours_of(kind: ImageType, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return one colour per phase, or per channel of an image that keeps its values."""
    return phase_colours(len(names)) if kind.labelled else channel_colours(names)


def as_rgb(voxels: NDArray[np.uint8], kind: ImageType, n_phases: int) -> NDArray[np.uint8]:
    """Return what voxels look like, shape (..., 3): phases in their colours, values as they are."""
    if not isinstance(kind, Values):
        return phase_rgb(n_phases)[voxels]
    channels = kind.channels_last(voxels)
    return np.repeat(channels, 3 // channels.shape[-1], axis=-1)


def run_colour(index: int) -> str:
    """Return the colour of the run at ``index``, as ``#rrggbb``."""
    return RUN_COLOURS[index % len(RUN_COLOURS)]


def phase_rgb(n_phases: int) -> NDArray[np.uint8]:
    """Return the phases' colours, shape (n_phases, 3), 0 .. 255."""
    rgb = [mpl.colors.to_rgb(colour) for colour in phase_colours(n_phases)]
    return np.round(np.array(rgb) * 255).astype(np.uint8)
