"""From grey values to phases."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.errors import ConfigError, InputError
from matvir.micrograph.blur import explain_blurred
from matvir.micrograph.boundaries import correct_edges, remove_specks
from matvir.micrograph.denoising import denoise, estimate_noise
from matvir.micrograph.planes import read_plane
from matvir.micrograph.reading import Micrograph, read_micrograph
from matvir.micrograph.scribbles import (
    halves,
    phase_probabilities,
    pixel_features,
    place_boundaries,
    stroke_phases,
)
from matvir.micrograph.shading import otsu_with_shading
from matvir.settings.build import to_dict
from matvir.settings.records import CircleConfig, MaterialConfig, PlaneConfig
from matvir.storage.images import N_AXES_OF_IMAGES, MaterialImage

MIN_SHARE = 0.001
# By how much the thresholds move for the sensitivity, as a share of the grey range.
SHIFT = 0.02
# Rec. 709, as in skimage.color.rgb2gray, which would rescale the values.
LUMINANCE = (0.2125, 0.7154, 0.0721)


@dataclass(frozen=True, kw_only=True)
class Segmentation:
    """A segmented image and how far it can be trusted.

    Attributes
    ----------
    image : MaterialImage
        The labels, with the raw grey values they were made from.
    thresholds : tuple of float or None
        Ascending grey values between the phases, valid for ``denoised``; None if no thresholds
        were used.
    denoised : ndarray with the shape of the labels, float32, or None
        Grey values after denoising and removal of the shading; None if the input was labels.
    fractions : dict of str to float
        Share of each phase among the material's pixels.
    sensitivity : dict of str to dict or None
        Per phase the change of its fraction in two variants: all thresholds moved by -2 % and
        +2 % of the grey range (``minus``, ``plus``), or the classifier trained on one half of the
        scribbles and on the other (``first_half``, ``second_half``). None if the input was labels.
    sensitivity_to : str
        What the variants change, in words.
    """

    image: MaterialImage
    thresholds: tuple[float, ...] | None
    denoised: NDArray[np.float32] | None
    fractions: dict[str, float]
    sensitivity: dict[str, dict[str, float]] | None
    sensitivity_to: str


@dataclass(frozen=True, kw_only=True)
class _Decision:
    """Labels, the same labels under two variants of the decision, and what it rested on."""

    labels: NDArray[np.uint8]
    variants: dict[str, NDArray[np.uint8]]
    variants_change: str
    thresholds: tuple[float, ...] | None
    analysed: NDArray[np.float32]
    details: dict[str, Any]


def segment(micrograph: Micrograph, config: MaterialConfig) -> Segmentation:
    """Assign each pixel of a micrograph to a phase.

    The image is cropped, denoised, and its grey values are divided by Otsu's thresholds (with a
    shading model), by given thresholds, or by a classifier trained on scribbles; then blurred
    boundaries are corrected, or labels found that explain the blur, and specks are removed. Labels
    pass through, renumbered. Pixels outside ``circle`` take part in nothing. With the method
    ``none`` an image keeps its grey values or colours.

    Parameters
    ----------
    micrograph : Micrograph
        Grey values, colours (their luminance is used) or labels.
    config : MaterialConfig
        ``phases`` (from dark to bright, or in the order of labels or scribbles), ``crop``,
        ``circle``, ``denoise`` and ``segmentation``. Thresholds are in the units of the file.

    Returns
    -------
    Segmentation
        Labels in 0 .. n_phases - 1, fractions and their sensitivity.

    Raises
    ------
    ConfigError
        If crop, circle, thresholds or number of phases do not fit the image.
    InputError
        If scribbles do not fit the image, a phase is missing or below 0.1 %, or a stack is not 3D.
    """
    if config.stack and len(micrograph.spatial_shape) != N_AXES_OF_IMAGES:
        raise InputError(
            f"{micrograph.source['path']}: expected a stack of micrographs, (number, rows, columns)"
            f", got the shape {micrograph.spatial_shape}. Give a 3D image or set 'stack' to false."
        )
    if config.segmentation.method == "none":
        return _keep_values(micrograph, config)
    if micrograph.type != "labels" and not config.phases:
        raise ConfigError(
            "phases: expected the names of the phases from dark to bright, got none; "
            "if the image holds labels already, set 'type: labels'."
        )
    region = _crop_slices(micrograph.spatial_shape, config.crop)
    cropped = replace(micrograph, image=micrograph.image[region])
    valid = _circle_mask(cropped.spatial_shape, config.circle)
    if micrograph.type == "labels":
        return _pass_labels(cropped, valid, config)
    raw = _grey(cropped)
    smooth = _denoised(raw, config)
    if config.segmentation.method == "scribbles":
        strokes = _read_strokes(config, micrograph.spatial_shape)[region]
        decision = _by_scribbles(smooth, valid, strokes, config)
    else:
        decision = _by_thresholds(raw, smooth, valid, config)
    image = MaterialImage(
        voxels=decision.labels,
        phases=tuple(config.phases or ()),
        voxel_size_um=micrograph.voxel_size_um,
        stack=config.stack,
        valid=valid,
        raw=raw,
        provenance={**_provenance(micrograph, config), **decision.details},
    )
    _check_shares(image, str(micrograph.source["path"]))
    return Segmentation(
        image=image,
        thresholds=decision.thresholds,
        denoised=decision.analysed,
        fractions=_fractions(image),
        sensitivity=_sensitivity(image, decision),
        sensitivity_to=decision.variants_change,
    )


def segment_planes(
    planes: Sequence[PlaneConfig | None], material: MaterialConfig
) -> dict[int, Segmentation]:
    """Read and segment the micrographs perpendicular to each axis.

    Parameters
    ----------
    planes : sequence of PlaneConfig or None
        Of the axes 0, 1 and 2.
    material : MaterialConfig
        How to segment; the same for all.

    Returns
    -------
    dict of int to Segmentation
        By axis; the same object for axes that have the same image with the same pixels.
    """
    read = {
        axis: (plane, read_plane(plane, axis, material))
        for axis, plane in enumerate(planes)
        if plane is not None
    }
    # Values of one material are scaled alike.
    ends = [(float(m.image.min()), float(m.image.max())) for _, m in read.values()]
    value_range = min(low for low, _ in ends), max(high for _, high in ends)
    done: dict[tuple[object, ...], Segmentation] = {}
    found = {}
    for axis, (plane, micrograph) in read.items():
        key = (plane, micrograph.voxel_size_um)
        if key not in done:
            keeps = material.segmentation.method == "none"
            done[key] = (
                _keep_values(micrograph, material, value_range)
                if keeps
                else segment(micrograph, material)
            )
        found[axis] = done[key]
    return found


def to_json(segmentation: Segmentation) -> dict[str, Any]:
    """Return what a reader wants to know about a segmentation as plain JSON values."""
    image = segmentation.image
    return {
        "phases": list(image.phases),
        "fractions": segmentation.fractions,
        "sensitivity": segmentation.sensitivity,
        "sensitivity_to": segmentation.sensitivity_to,
        "thresholds": None if segmentation.thresholds is None else list(segmentation.thresholds),
        "voxel_size_um": None if image.voxel_size_um is None else list(image.voxel_size_um),
        "shape": list(image.shape),
        "provenance": image.provenance,
    }


def _denoised(raw: NDArray[Any], config: MaterialConfig) -> NDArray[np.float32]:
    """Denoise by the noise inside the circle: outside it may differ."""
    noise = estimate_noise(_inscribed_square(raw, config.circle).astype(np.float32))
    return denoise(raw.astype(np.float32), config.denoise, noise=noise).astype(np.float32)


def _by_thresholds(
    raw: NDArray[Any],
    smooth: NDArray[np.float32],
    valid: NDArray[np.bool_] | None,
    config: MaterialConfig,
) -> _Decision:
    settings, n_phases = config.segmentation, len(config.phases or ())
    material = raw if valid is None else raw[valid]
    low, high = float(material.min()), float(material.max())
    if low == high:
        raise InputError(
            f"the part of the image inside 'crop' and 'circle' is constant ({low:g}). Correct them."
        )
    details: dict[str, Any] = {}
    if settings.method == "thresholds":
        thresholds, analysed = settings.thresholds or (), smooth
        _check_thresholds(thresholds, n_phases, low, high)
    else:
        found = otsu_with_shading(smooth, n_phases, settings.shading_degree, valid=valid)
        thresholds, analysed = found.thresholds, found.flat
        details["shading_range"] = found.shading_range

    # The noise is as it was, the shading is not.
    flat = raw + (analysed - smooth)
    levels: NDArray[np.floating] | None = None

    def divide(shift: float) -> NDArray[np.uint8]:
        nonlocal levels
        labels = np.digitize(analysed, np.asarray(thresholds) + shift).astype(np.uint8)
        if settings.blur is not None:
            labels, levels = explain_blurred(
                flat - shift, labels, settings.blur, n_phases=n_phases, levels=levels, valid=valid
            )
        if settings.edge_correction:
            labels = correct_edges(analysed, labels, valid=valid)
        return _finished(labels, valid, config)

    shift = SHIFT * (high - low)
    return _Decision(
        labels=divide(0.0),
        variants={"minus": divide(-shift), "plus": divide(shift)},
        variants_change="thresholds moved by -{0:g} %, +{0:g} % of the grey range".format(
            100 * SHIFT
        ),
        thresholds=tuple(thresholds),
        analysed=analysed,
        details={**details, "thresholds": list(thresholds)},
    )


def _read_strokes(config: MaterialConfig, shape: tuple[int, ...]) -> NDArray[np.intp]:
    if config.segmentation.scribbles is None:
        raise ConfigError(
            "segmentation.scribbles: expected the path of the scribble image, got none."
        )
    drawing = read_micrograph(config.segmentation.scribbles, type="labels", voxel_size_um=None)
    return stroke_phases(drawing.image, len(config.phases or ()), shape)


def _by_scribbles(
    smooth: NDArray[np.float32],
    valid: NDArray[np.bool_] | None,
    strokes: NDArray[np.intp],
    config: MaterialConfig,
) -> _Decision:
    n_phases = len(config.phases or ())
    if valid is not None:
        strokes = np.where(valid, strokes, -1)
    features = pixel_features(smooth)

    def train(part: NDArray[np.intp]) -> NDArray[np.uint8]:
        probabilities = phase_probabilities(features, part, n_phases)
        if config.segmentation.edge_correction:
            labels = place_boundaries(smooth, probabilities, part, valid=valid)
        else:
            labels = probabilities.argmax(axis=-1).astype(np.uint8)
        return _finished(labels, valid, config)

    labels = train(strokes)
    first, second = halves(strokes, n_phases)
    return _Decision(
        labels=labels,
        variants={"first_half": train(first), "second_half": train(second)},
        variants_change="one half, the other half of the scribbles",
        thresholds=None,
        analysed=smooth,
        details={"scribbled_pixels": np.bincount(strokes[strokes >= 0]).tolist()},
    )


def _finished(
    labels: NDArray[np.uint8], valid: NDArray[np.bool_] | None, config: MaterialConfig
) -> NDArray[np.uint8]:
    cleaned = remove_specks(labels, config.segmentation.min_speck, valid=valid)
    return _outside_zero(cleaned, valid)


def _sensitivity(image: MaterialImage, decision: _Decision) -> dict[str, dict[str, float]]:
    """Return the change of each phase's fraction under each variant of the decision."""
    reference = image.volume_fractions()
    changes: dict[str, dict[str, float]] = {name: {} for name in image.phases}
    for variant, labels in decision.variants.items():
        change = replace(image, voxels=labels).volume_fractions() - reference
        for phase, name in enumerate(image.phases):
            changes[name][variant] = float(change[phase])
    return changes


def _pass_labels(
    micrograph: Micrograph, valid: NDArray[np.bool_] | None, config: MaterialConfig
) -> Segmentation:
    """Renumber labels: their values, ascending, become 0 .. n - 1."""
    source = str(micrograph.source["path"])
    values = np.unique(micrograph.image if valid is None else micrograph.image[valid])
    phases = config.phases or tuple(f"phase-{i}" for i in range(len(values)))
    if len(values) != len(phases):
        raise InputError(
            f"{source}: expected {len(phases)} labels for the phases {list(phases)}, got "
            f"{len(values)} ({values[:10].tolist()}). Name one phase per label, in ascending "
            "order of the labels, or set 'type: grey' if it is a raw micrograph."
        )
    # Values that occur outside the circle alone have no place in the list.
    position = np.minimum(np.searchsorted(values, micrograph.image), len(values) - 1)
    mapping = {str(_plain(value)): name for value, name in zip(values, phases, strict=True)}
    image = MaterialImage(
        voxels=_outside_zero(position.astype(np.uint8), valid),
        phases=phases,
        voxel_size_um=micrograph.voxel_size_um,
        stack=config.stack,
        valid=valid,
        provenance={**_provenance(micrograph, config), "value_to_phase": mapping},
    )
    _check_shares(image, source)
    return Segmentation(
        image=image,
        thresholds=None,
        denoised=None,
        fractions=_fractions(image),
        sensitivity=None,
        sensitivity_to="not applicable: the input was labels",
    )


def _keep_values(
    micrograph: Micrograph,
    config: MaterialConfig,
    value_range: tuple[float, float] | None = None,
) -> Segmentation:
    """Return the cropped image as bytes; values of other types are scaled to them."""
    region = _crop_slices(micrograph.spatial_shape, config.crop)
    values = micrograph.image[region]
    details: dict[str, Any] = {}
    if values.min() == values.max():
        raise InputError(
            f"{micrograph.source['path']}: the part of the image inside 'crop' is constant "
            f"({float(values.min()):g}). Correct it."
        )
    if values.dtype != np.uint8:
        low, high = value_range or (float(values.min()), float(values.max()))
        values = np.round((values.astype(np.float64) - low) * (255 / (high - low)))
        details["value_range"] = [low, high]
    image = MaterialImage(
        voxels=values.astype(np.uint8),
        phases=micrograph.kind.channels,
        voxel_size_um=micrograph.voxel_size_um,
        stack=config.stack,
        provenance={**_provenance(micrograph, config), **details},
        kind=micrograph.kind,
    )
    return Segmentation(
        image=image,
        thresholds=None,
        denoised=None,
        fractions=_fractions(image),
        sensitivity=None,
        sensitivity_to="not applicable: the image keeps its values",
    )


def _plain(value: Any) -> int | float:
    return int(value) if value == int(value) else float(value)


def _grey(micrograph: Micrograph) -> NDArray[Any]:
    if micrograph.type == "rgb":
        return (micrograph.image @ np.asarray(LUMINANCE)).astype(np.float32)
    return micrograph.image


def _crop_slices(
    shape: tuple[int, ...], crop: tuple[tuple[int, int], ...] | None
) -> tuple[slice, ...]:
    if crop is None:
        return tuple(slice(None) for _ in shape)
    fits = len(crop) == len(shape) and all(
        0 <= start < stop <= n for (start, stop), n in zip(crop, shape, strict=False)
    )
    if not fits:
        raise ConfigError(
            f"crop: expected {len(shape)} ranges [start, stop] inside the shape {shape}, "
            f"got {[list(edges) for edges in crop]}."
        )
    return tuple(slice(start, stop) for start, stop in crop)


def _circle_mask(shape: tuple[int, ...], circle: CircleConfig | None) -> NDArray[np.bool_] | None:
    """Return where the pixels' centres lie in the circle, the same in every plane."""
    if circle is None:
        return None
    height, width = shape[-2:]
    rows, columns = np.ogrid[:height, :width]
    inside = (rows - circle.row) ** 2 + (columns - circle.column) ** 2 <= circle.radius**2
    centred = 0 <= circle.row <= height - 1 and 0 <= circle.column <= width - 1
    if not centred or circle.radius < 1:
        raise ConfigError(
            f"circle: expected a centre inside the (cropped) image of {height} rows and {width} "
            f"columns and a radius of at least 1 pixel, got row {circle.row}, column "
            f"{circle.column}, radius {circle.radius}."
        )
    return np.broadcast_to(inside, shape).copy()


def _inscribed_square(image: NDArray[Any], circle: CircleConfig | None) -> NDArray[Any]:
    """Return the part of each plane that is the largest square inside the circle."""
    if circle is None:
        return image
    half = circle.radius / np.sqrt(2)
    rows, columns = (
        slice(max(int(np.ceil(centre - half)), 0), int(centre + half) + 1)
        for centre in (circle.row, circle.column)
    )
    return image[..., rows, columns]


def _outside_zero(labels: NDArray[np.uint8], valid: NDArray[np.bool_] | None) -> NDArray[np.uint8]:
    return labels if valid is None else np.where(valid, labels, np.uint8(0))


def _check_thresholds(
    thresholds: tuple[float, ...], n_phases: int, low: float, high: float
) -> None:
    ascending = all(a < b for a, b in pairwise(thresholds))
    if len(thresholds) != n_phases - 1 or not ascending:
        raise ConfigError(
            f"segmentation.thresholds: expected {n_phases - 1} ascending grey values for "
            f"{n_phases} phases, got {list(thresholds)}."
        )
    if any(not low < threshold < high for threshold in thresholds):
        raise ConfigError(
            f"segmentation.thresholds: expected grey values between {low:g} and {high:g}, the "
            f"range of the image, got {list(thresholds)}. They are in the units of the file."
        )


def _fractions(image: MaterialImage) -> dict[str, float]:
    return {
        name: float(share)
        for name, share in zip(image.phases, image.volume_fractions(), strict=True)
    }


def _check_shares(image: MaterialImage, source: str) -> None:
    for name, share in _fractions(image).items():
        if share < MIN_SHARE:
            raise InputError(
                f"{source}: phase {name!r} occupies {share:.4%} of the material after "
                f"segmentation, expected at least {MIN_SHARE:.1%}. Name fewer 'phases', give "
                "'segmentation.thresholds' of your own, lower 'min_speck', or draw scribbles "
                "('segmentation.method: scribbles')."
            )


def _provenance(micrograph: Micrograph, config: MaterialConfig) -> dict[str, Any]:
    settings = to_dict(config)
    return {
        "source": micrograph.source,
        "type": micrograph.type,
        **{key: settings[key] for key in ("crop", "circle", "denoise", "segmentation")},
    }
