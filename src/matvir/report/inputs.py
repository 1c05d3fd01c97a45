"""What went in: the raw image, its segmentation and the grey values of each phase."""

from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from matvir.metrics.checks import has_equal_edges
from matvir.report.embed import as_json, figure_uri, grey_image, image_uri, png_file_uri
from matvir.report.palette import FIGURE_STYLE, as_rgb, colours_of, phase_colours
from matvir.report.representativity import ImageTells, what_an_image_tells
from matvir.report.results import Material
from matvir.report.slices import ScaleBar, scale_bar
from matvir.report.wording import number, percent
from matvir.storage.images import MaterialImage, distinct_planes, notes_of, perpendicular_to

LONGEST_EDGE = 900
N_BINS = 128


@dataclass(frozen=True, kw_only=True)
class InputImage:
    """What the page shows of one image; pictures are data URIs or None."""

    title: str
    size: str
    voxel_size: str
    notes: list[str]
    plane: str
    raw: str | None
    labels: str
    scale_bar: ScaleBar
    histogram: str | None
    tells: ImageTells | None


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What the section on the input shows: each image, the sheet of all, numbers and phases."""

    images: list[InputImage]
    sheet: str
    numbers: str
    fractions: list[tuple[str, str, str]]


def show_inputs(material: Material) -> Inputs:
    """Collect the input of a material: of a volume the middle plane perpendicular to axis 0."""
    specimen = material.specimen
    images = [("", specimen.images[0])]
    if len(specimen.planes) > 1:
        images = [
            (perpendicular_to(axes), plane) for axes, plane in distinct_planes(specimen.planes)
        ]
    judge = None if specimen.volume is not None else material.reference
    colours = colours_of(specimen.kind, specimen.phases)
    shares = specimen.volume_fractions()
    labelled = specimen.kind.labelled
    return Inputs(
        images=[_show(title, image, judge) for title, image in images],
        sheet=png_file_uri(material.sheet),
        numbers=as_json(material.segmentation),
        fractions=[
            (phase, colour, percent(share) if labelled else f"mean {number(share)}")
            for phase, colour, share in zip(specimen.phases, colours, shares, strict=True)
        ],
    )


def _show(title: str, image: MaterialImage, reference: MaterialImage | None) -> InputImage:
    labels = _plane(image.voxels, image)
    raw = None if image.raw is None else _plane(image.raw, image)
    step = -(-max(labels.shape[:2]) // LONGEST_EDGE)
    coloured = as_rgb(labels, image.kind, image.n_phases)
    coloured[~_plane(image.material, image)] = 255
    return InputImage(
        title=title,
        size=" by ".join(map(str, image.shape)) + " voxels",
        voxel_size=_voxel_size(image),
        notes=notes_of(image),
        plane=_plane_name(image),
        raw=None if raw is None else image_uri(grey_image(raw)[::step, ::step]),
        labels=image_uri(coloured[::step, ::step]),
        scale_bar=scale_bar(
            labels.shape[1], image.voxel_size_um[-1] if image.voxel_size_um else None
        ),
        histogram=_histogram_uri(image),
        tells=what_an_image_tells(image, reference),
    )


def histogram_figure(
    raw: NDArray[Any], labels: NDArray[np.uint8], phases: tuple[str, ...]
) -> Figure:
    """Plot how often each grey value occurs in each phase, stacked.

    Parameters
    ----------
    raw : ndarray of shape (n,)
        Grey values of the material's voxels.
    labels : ndarray of shape (n,), uint8
        Their phases.
    phases : tuple of str
        Names of the phases.
    """
    edges = _bin_edges(raw)
    counts = [np.histogram(raw[labels == phase], edges)[0] for phase in range(len(phases))]
    with mpl.rc_context(FIGURE_STYLE):
        figure = Figure(figsize=(5.2, 3.0))
        axes = figure.subplots()
        axes.stackplot(
            (edges[:-1] + edges[1:]) / 2,
            np.array(counts) / raw.size,
            labels=list(phases),
            colors=phase_colours(len(phases)),
            step="mid",
        )
        axes.set(xlabel="grey value", ylabel="share of voxels per bin", ylim=(0, None))
        axes.margins(x=0)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4)
    return figure


def _bin_edges(raw: NDArray[Any]) -> NDArray[np.float64]:
    """Return edges of equal bins; of integers each bin holds equally many values."""
    low, high = float(raw.min()), float(raw.max())
    if not np.issubdtype(raw.dtype, np.integer):
        return np.linspace(low, high, N_BINS + 1)
    width = -(-(high - low + 1) // N_BINS)
    return np.arange(low - 0.5, high + width, width)


def _histogram_uri(image: MaterialImage) -> str | None:
    if image.raw is None:
        return None
    return figure_uri(
        histogram_figure(image.raw[image.material], image.voxels[image.material], image.phases)
    )


def _plane_name(image: MaterialImage) -> str:
    if len(image.shape) == 2:
        return ""
    return (
        "image in the middle of the stack"
        if image.stack
        else "middle plane perpendicular to axis 0"
    )


def _plane(array: NDArray[Any], image: MaterialImage) -> NDArray[Any]:
    """Return an array of an image itself, and the middle plane of one of a volume."""
    return array if len(image.shape) == 2 else array[len(array) // 2]


def _voxel_size(image: MaterialImage) -> str:
    if image.voxel_size_um is None:
        return "not known: lengths are in voxels"
    edges = image.voxel_size_um
    shown = edges[:1] if has_equal_edges(edges) else edges
    stated_by = image.provenance.get("source", {}).get("voxel_size_from")
    origin = "" if stated_by is None else f" (stated by {stated_by})"
    return " by ".join(number(edge) for edge in shown) + f" µm{origin}"
