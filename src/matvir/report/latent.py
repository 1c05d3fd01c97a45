"""Sheets of latent spaces: reconstructions, samples, interpolations, map and regression."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from matvir.files import atomic_path
from matvir.report.embed import png_file_uri
from matvir.report.palette import FIGURE_STYLE, RUN_COLOURS, as_rgb
from matvir.report.results import Material
from matvir.report.wording import number, percent
from matvir.storage.image_types import ImageType

if TYPE_CHECKING:  # the page shows sheets that were drawn, without torch
    from matvir.generation.latent_space import LatentSpace

PANEL = 1.05  # inches
DPI = 110


@dataclass(frozen=True, kw_only=True)
class LatentView:
    """The sheet of one autoencoder as a data URI, and what its codes tell of properties."""

    name: str
    sheet: str
    regressions: list[tuple[str, str]]


def show_latent_spaces(material: Material) -> list[LatentView]:
    """Return the latent space of every run that has one."""
    return [
        LatentView(
            name=run.name,
            sheet=png_file_uri(run.latent / "latent.png"),
            regressions=_regressions(run.latent),
        )
        for run in material.runs
        if run.latent is not None
    ]


def _regressions(folder: Path) -> list[tuple[str, str]]:
    """Return how well each property follows from a code, as names and values."""
    table = pd.read_csv(folder / "latent.csv", keep_default_na=False, na_values={"r2": [""]})
    return [
        (
            f"{row['property'].replace('_', ' ')}, {row['phase']}",
            "; ".join(filter(None, (number(row["r2"], 2), row["note"]))),
        )
        for _, row in table.iterrows()
    ]


def draw_latent(space: "LatentSpace", phases: tuple[str, ...], kind: ImageType, path: Path) -> None:
    """Draw the sheet into a PNG file, written atomically.

    Parameters
    ----------
    space : LatentSpace
        What is drawn.
    phases : tuple of str
        Names of the phases.
    kind : ImageType
        What the images show.
    path : Path
        The file.
    """
    n_strips, n_shown = len(space.strips), len(next(iter(space.strips.values())))
    with mpl.rc_context(FIGURE_STYLE):
        figure = Figure(figsize=(PANEL * n_shown, PANEL * n_strips + 3.4))
        upper, lower = np.ravel(
            np.array(figure.subfigures(2, 1, height_ratios=(PANEL * n_strips, 3.4)))
        )
        grid = upper.subplots(n_strips, n_shown, squeeze=False)
        for axes, (name, images) in zip(grid, space.strips.items(), strict=True):
            _draw_strip(axes, name, as_rgb(images, kind, len(phases)))
        left, right = lower.subplots(1, 2)
        _draw_map(left, space)
        _draw_regressions(right, space)
        with atomic_path(path) as temporary:
            figure.savefig(temporary, dpi=DPI, facecolor="white", format="png")


def _draw_strip(axes: NDArray[np.object_], name: str, pictures: NDArray[np.uint8]) -> None:
    for ax in axes:
        ax.set_axis_off()
    for ax, picture in zip(axes, pictures, strict=False):
        ax.imshow(picture, interpolation="nearest")
    axes[0].set_title(name, loc="left", fontsize=8)


def _draw_map(axes: Axes, space: "LatentSpace") -> None:
    first, second = space.places.places.T
    dots = axes.scatter(first, second, c=space.shade, s=9, cmap="cividis")
    axes.figure.colorbar(dots, ax=axes, label=space.shade_name)
    shares = [percent(share) for share in space.places.shares]
    axes.set(
        xlabel=f"first principal component ({shares[0]})",
        ylabel=f"second ({shares[1]})",
        title="codes of real crops",
    )


def _draw_regressions(axes: Axes, space: "LatentSpace") -> None:
    """Plot predicted against true values, both in units of the true spread."""
    rows = space.table[space.table["r2"].notna()]
    for (_, row), colour in zip(rows.iterrows(), RUN_COLOURS * 4, strict=False):
        key = row["property"], row["phase"]
        true, predicted = space.tested[key], space.predicted[key]
        middle, spread = np.nanmean(true), np.nanstd(true)
        name = f"{row['property'].replace('_', ' ')}, {row['phase']}: R² {number(row['r2'], 2)}"
        axes.plot(
            (true - middle) / spread,
            (predicted - middle) / spread,
            ".",
            ms=3,
            color=colour,
            label=name,
        )
    axes.axline((0, 0), slope=1, color="0.4", lw=0.8)
    axes.set(
        xlabel="measured (standard deviations)",
        ylabel="from the code",
        xlim=(-3, 3),
        ylim=(-3, 3),
        title="properties of real crops",
    )
    if len(rows):
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), markerscale=2)
