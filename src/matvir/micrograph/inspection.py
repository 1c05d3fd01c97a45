"""What is in an image before anything is made of it: what `matvir inspect` says."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from matvir.files import split_dataset
from matvir.formats import format_of
from matvir.formats.stored import MOST_DETECTORS, StoredImage
from matvir.metrics.fraction_interval import FractionInterval, fraction_interval
from matvir.metrics.two_point_correlation import (
    correlation_length,
    correlation_map,
    phase_spectra,
    radial_average,
)
from matvir.micrograph.label_values import (
    MAX_LABELS,
    MOST_COLOURS,
    code_text,
    is_drawn,
    numbers_of_colours,
)
from matvir.micrograph.reading import MicrographType, check_axes, check_values, read_stored
from matvir.micrograph.surroundings import NOTHING, Surroundings, surroundings
from matvir.micrograph.values import as_numbers, as_seen, without_alpha

# Of larger stacks some planes are looked at.
MOST_BYTES = 16_000_000
# Edge of the part of a plane that statistics are taken from.
PART = 1024
MOST_PHASES = 5
N_BINS = 128
# A peak of the histogram stands out by this share of the highest, and by this much from valleys.
LEAST_PEAK, DEEPEST_VALLEY = 0.02, 0.85
# Share of the pixels of a phase that is told from saturated ones by the histogram alone.
LEAST_SHARE = 0.015
PAD = 4
# A crop holds features if it is as large as this many correlation lengths.
LENGTHS_IN_A_CROP = 8
CROPS = (32, 64, 128, 256)
WANTED = 0.01


@dataclass(frozen=True, kw_only=True)
class PhaseSeen:
    """One phase of an image.

    Attributes
    ----------
    name : str
        Number or colour of a label, or ``dark``, ``bright``, ...
    interval : FractionInterval
        Its fraction and what this image tells of the material's.
    edges_wanted : tuple of int or None
        Size of an image of the same shape that would tell it within 0.01; None if it is unknown.
    """

    name: str
    interval: FractionInterval
    edges_wanted: tuple[int, ...] | None


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What is in an image.

    Attributes
    ----------
    source : str
        The file as it was given.
    format : str
        Name of its format.
    stored : StoredImage
        What it holds; of a large stack some planes.
    shape : tuple of int
        Of the whole image or volume, without channels.
    type : {"grey", "rgb", "labels"} or None
        What the values seem to mean; None of several detectors, of which one is to be chosen.
    coloured : bool
        Whether labels are colours.
    plane : ndarray of shape (H, W) or (H, W, 3)
        The image, or the middle plane that was looked at.
    labels : ndarray of shape (H, W), uint8, or None
        Phases as they seem to be; None of photographs and detectors.
    phases : tuple of PhaseSeen
        From dark to bright, or by ascending label.
    histogram : tuple of ndarray or None
        Edges of bins and share of pixels in each, of grey values without noise.
    n_peaks : int
        Number of peaks of the histogram; 0 where there is none.
    left : Surroundings
        What seems to be no material.
    crop : int or None
        Edge of a crop that holds several features; None if it is unknown.
    doubts : tuple of str
        What to look at before training.
    """

    source: str
    format: str
    stored: StoredImage
    shape: tuple[int, ...]
    type: MicrographType | None
    coloured: bool
    plane: NDArray[Any]
    doubts: tuple[str, ...]
    labels: NDArray[np.uint8] | None = None
    phases: tuple[PhaseSeen, ...] = ()
    histogram: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
    n_peaks: int = 0
    left: Surroundings = NOTHING
    crop: int | None = None

    @property
    def low(self) -> float:
        """Least value that was seen."""
        return float(self.stored.array.min())

    @property
    def high(self) -> float:
        """Largest value that was seen."""
        return float(self.stored.array.max())


def inspect(source: str) -> Inspection:
    """Look into a file.

    Parameters
    ----------
    source : str
        As `matvir.micrograph.reading.read_micrograph` takes it.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    path, dataset = split_dataset(source)
    stored = read_stored(path, dataset, None, most_bytes=MOST_BYTES)
    if stored.channels is None:
        stored = replace(stored, channels="colours" if _looks_coloured(stored.array) else "none")
    image = as_numbers(stored, source)
    if stored.n_planes is None:
        image = image.without_single_planes()
    check_axes(image, source)
    check_values(image.array, source)
    shape = image.array.shape[: image.n_spatial]
    if image.n_planes is not None:
        shape = (image.n_planes, *shape[1:])
    name = "folder of planes" if path.is_dir() and path.suffix != ".zarr" else format_of(path).name
    common: dict[str, Any] = {"source": source, "format": name, "stored": image, "shape": shape}
    if image.channels == "detectors" and image.array.shape[-1] > 1:
        return _of_detectors(image, common)
    kind, coloured = _kind(image, source)
    seen = without_alpha(as_seen(image, kind, coloured, source), source)
    plane = _middle(seen)
    if kind == "rgb":
        doubts = ("a photograph in colours: 'type: rgb' uses its luminance",)
        return Inspection(**common, type=kind, coloured=False, plane=plane, doubts=doubts)
    if kind == "labels":
        return _of_labels(seen.array, plane, coloured, common)
    return _of_grey(seen.array, plane, common)


def _looks_coloured(array: NDArray[Any]) -> bool:
    """Return whether a last axis that no format describes looks like colours.

    Numbers below 64 are labels of a volume that is three voxels wide.
    """
    wide = array.ndim > 2 and array.shape[-1] in (3, 4) and min(array.shape[:-1]) > 4
    return wide and array.dtype == np.uint8 and int(array.max()) >= MAX_LABELS


def _kind(image: StoredImage, source: str) -> tuple[MicrographType, bool]:
    """Return what values seem to mean, and whether labels are colours."""
    if image.palette is not None:
        used = image.palette[np.unique(image.array).clip(0, len(image.palette) - 1)]
        if np.ptp(used.astype(int), axis=1).any():
            return ("labels", True) if len(used) <= MOST_COLOURS else ("rgb", False)
    if image.channels == "colours":
        seen = as_seen(image, "grey", False, source)
        if seen.array.shape[-1] >= 3:
            colours = np.unique(_middle(seen)[..., :3].reshape(-1, 3), axis=0)
            return ("labels", True) if len(colours) <= MOST_COLOURS else ("rgb", False)
        image = seen
    values = np.unique(_middle(image))
    whole = values.dtype.kind in "iu" or np.all(values == np.round(values))
    few = len(values) <= MAX_LABELS and whole
    return ("labels", False) if few and is_drawn(_middle(image)) else ("grey", False)


def _middle(image: StoredImage) -> NDArray[Any]:
    """Return the image, or its middle plane."""
    if image.n_spatial == 2:
        return image.array
    return np.asarray(image.array[len(image.array) // 2])


def _of_detectors(image: StoredImage, common: dict[str, Any]) -> Inspection:
    n_channels = image.array.shape[-1]
    doubt = f"{n_channels} channels: set 'channel' to the one to use (0 .. {n_channels - 1})"
    if n_channels > MOST_DETECTORS:
        doubt += ", or 'channel: planes' if they are the planes of a volume"
    plane = _middle(image)[..., 0]
    return Inspection(**common, type=None, coloured=False, plane=plane, doubts=(doubt,))


def _of_labels(
    array: NDArray[Any], plane: NDArray[Any], coloured: bool, common: dict[str, Any]
) -> Inspection:
    codes = numbers_of_colours(plane) if coloured else plane
    # Not every phase need be in the middle plane.
    values = np.unique(numbers_of_colours(array) if coloured else array)
    labels = np.searchsorted(values, codes).astype(np.uint8)
    names = [code_text(value, coloured) for value in values]
    phases, crop = _phases(labels, names)
    doubts = ["labels are colours: say which phase each is, as 'matvir init' writes it"]
    return Inspection(
        **common, type="labels", coloured=coloured, plane=plane, labels=labels, phases=phases,
        crop=crop, doubts=(*(doubts if coloured else ()), *_size_doubts(phases, labels.shape)),
    )  # fmt: skip


def _of_grey(array: NDArray[Any], plane: NDArray[Any], common: dict[str, Any]) -> Inspection:
    left = surroundings(array)
    material = plane
    if left.region is not None:
        material = plane[tuple(slice(*one) for one in left.region[-2:])]
    smooth = ndimage.median_filter(material[:PART, :PART], 3).astype(np.float64)
    edges, shares, valleys = _valleys(smooth)
    thresholds = edges[valleys][: MOST_PHASES - 1] if len(valleys) else _otsu(smooth)
    n_phases = len(thresholds) + 1
    labels = np.digitize(smooth, thresholds).astype(np.uint8)
    names = {2: ("dark", "bright"), 3: ("dark", "grey", "bright")}.get(
        n_phases, tuple(f"grey-{one + 1}" for one in range(n_phases))
    )
    phases, crop = _phases(labels, names)
    doubts = list(left.texts)
    if not len(valleys):
        doubts.append("the histogram has one peak: phases are not told apart by grey value alone")
    return Inspection(
        **common, type="grey", coloured=False, plane=plane, labels=labels, phases=phases,
        histogram=(edges, shares), n_peaks=len(valleys) + 1, left=left, crop=crop,
        doubts=(*doubts, *_size_doubts(phases, labels.shape)),
    )  # fmt: skip


def _valleys(
    smooth: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]]:
    """Return edges and shares of the histogram's bins, and the bins of valleys between peaks."""
    from skimage.morphology import h_maxima  # imported in a fifth of the time of scipy.signal

    ends = np.quantile(smooth, (0.001, 0.999))
    low, high = float(ends[0]), float(max(ends[1], ends[0] + 1e-9))
    # Of whole numbers a bin narrower than 1 may be empty.
    whole = np.array_equal(smooth, np.round(smooth))
    n_bins = max(min(N_BINS, round(high - low)), 2) if whole else N_BINS
    counts, edges = np.histogram(smooth, n_bins, (low, high))
    shares = counts / counts.sum()
    soft = ndimage.gaussian_filter1d(np.pad(shares, PAD), 2.0)
    tops = np.flatnonzero(h_maxima(soft, LEAST_PEAK * soft.max()))
    peaks = tops[np.diff(tops, prepend=-2) > 1].tolist()  # a flat top is one peak
    valleys = [a + int(soft[a : b + 1].argmin()) for a, b in pairwise(peaks)]
    while valleys:
        # Two peaks with a shallow valley between them are one, and so is one with few pixels.
        parts = np.split(soft, valleys)
        depths = [
            soft[v] / min(a.max(), b.max())
            for v, (a, b) in zip(valleys, pairwise(parts), strict=True)
        ]
        small = [min(a.sum(), b.sum()) < LEAST_SHARE for a, b in pairwise(parts)]
        worst = int(np.argmax(np.where(small, np.inf, depths)))
        if depths[worst] <= DEEPEST_VALLEY and not small[worst]:
            break
        del valleys[worst]
    return edges, shares, np.clip(np.array(valleys, dtype=np.intp) - PAD, 0, len(shares))


def _otsu(smooth: NDArray[np.float64]) -> NDArray[np.float64]:
    from skimage.filters import threshold_otsu

    return np.array([threshold_otsu(smooth, nbins=N_BINS)])


def _phases(
    labels: NDArray[np.uint8], names: Sequence[str]
) -> tuple[tuple[PhaseSeen, ...], int | None]:
    """Return what the image tells of each phase, and the edge of a crop that holds features."""
    part = labels[:PART, :PART]
    found, lengths = [], []
    for label, name in enumerate(names):
        mask = part == label
        interval = fraction_interval(mask)
        found.append(
            PhaseSeen(
                name=name, interval=interval, edges_wanted=interval.edges_for(WANTED, part.shape)
            )
        )
        lengths.append(_length(mask))
    known = [length for length in lengths if math.isfinite(length)]
    if not known:
        return tuple(found), None
    return tuple(found), math.ceil(LENGTHS_IN_A_CROP * max(known))


def _length(mask: NDArray[np.bool_]) -> float:
    """Return where the autocovariance of a phase has fallen to 1/e, in pixels; NaN if nowhere."""
    lag_map = correlation_map(phase_spectra(mask.astype(np.uint8), 2), 1, 1)
    return correlation_length(*radial_average(lag_map))


def _size_doubts(phases: Sequence[PhaseSeen], shape: tuple[int, ...]) -> list[str]:
    """Return for which phases an image is too small to tell anything."""
    unknown = [phase.name for phase in phases if phase.edges_wanted is None]
    if not unknown:
        return []
    return [
        f"{' x '.join(map(str, shape))} pixels are too few to say how sure the fraction of "
        f"{', '.join(unknown)} is"
    ]


def summary(found: Inspection) -> str:
    """Return what was found in a screenful of words."""
    array, size = found.stored.array, found.stored.voxel_size
    part = "" if found.stored.n_planes is None else f"; {len(array)} of its planes were looked at"
    what = "volume" if len(found.shape) == 3 else "image"
    lines = [
        ("file", f"{Path(found.source).name}, {found.format}"),
        (what, f"{' x '.join(map(str, found.shape))}, {array.dtype}, {found.low:g} .. "
               f"{found.high:g}{part}"),
        ("voxel size" if what == "volume" else "pixel size", _size_text(found)),
        ("values", _values_text(found)),
        ("beside material", "; ".join(found.left.texts) or "nothing found"),
    ]  # fmt: skip
    if size is None:
        lines += [("", note) for note in found.stored.notes if "voxel_size_um" in note]
    lines += [("note", note) for note in found.stored.notes if "voxel_size_um" not in note]
    for phase in found.phases:
        lines.append((phase.name, _fraction_text(phase, len(found.shape) == 3)))
    if found.crop is not None:
        lines.append(("features", _features_text(found.crop)))
    lines += [("look at", doubt) for doubt in found.doubts if doubt not in found.left.texts]
    return "\n".join(f"{name:>16}  {text}" for name, text in lines)


def _size_text(found: Inspection) -> str:
    size = found.stored.voxel_size
    if size is None:
        return "not stated; lengths are in voxels unless 'voxel_size_um' is set"
    edges = " x ".join(f"{edge:.6g}" for edge in size.edges_um)
    return f"{edges} um, stated by {size.stated_by}"


def _values_text(found: Inspection) -> str:
    if found.type is None:
        return f"{found.stored.array.shape[-1]} channels"
    if found.type == "labels":
        return f"{len(found.phases)} {'colours' if found.coloured else 'labels'}, type: labels"
    if found.type == "rgb":
        return "colours, type: rgb"
    peaks = f"{found.n_peaks} peak{'s' if found.n_peaks > 1 else ''}"
    return f"grey values, type: grey; the histogram has {peaks}"


def _features_text(crop: int) -> str:
    usual = [edge for edge in CROPS if edge >= crop]
    if usual:
        return f"a crop of {usual[0]} pixels holds several ({crop} would do)"
    times = math.ceil(crop / CROPS[-1])
    return f"several need a crop of {crop} pixels: make the image {times} times smaller first"


def _fraction_text(phase: PhaseSeen, of_a_plane: bool) -> str:
    one = phase.interval
    if phase.edges_wanted is None:
        return f"{one.fraction:.3f}, interval not known"
    wanted = " x ".join(map(str, phase.edges_wanted))
    what = "95 %, of one plane" if of_a_plane else "95 %"
    return (
        f"{one.fraction:.3f}, {one.low:.3f} .. {one.high:.3f} ({what}); +-0.01 needs about "
        f"{wanted} pixels"
    )
