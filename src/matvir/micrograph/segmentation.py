"""From grey values to phases."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.errors import ConfigError, InputError
from matvir.files import split_dataset
from matvir.micrograph.blur import explain_blurred
from matvir.micrograph.boundaries import correct_edges, remove_specks
from matvir.micrograph.denoising import denoise, estimate_noise
from matvir.micrograph.frame import Frame, circle_mask, crop_slices, frame_of, inscribed_square
from matvir.micrograph.label_values import (
    code_text,
    order_of,
    require_drawn,
    require_photograph,
    shares_text,
)
from matvir.micrograph.planes import read_plane
from matvir.micrograph.reading import Micrograph, read_micrograph, read_stored
from matvir.micrograph.scribbles import (
    halves,
    phase_probabilities,
    pixel_features,
    place_boundaries,
    stroke_phases,
)
from matvir.micrograph.shading import otsu_with_shading
from matvir.micrograph.surroundings import NOTHING, Surroundings
from matvir.settings.build import to_dict
from matvir.settings.records import CircleConfig, MaterialConfig, PlaneConfig
from matvir.storage.images import N_AXES_OF_IMAGES, MaterialImage

logger = logging.getLogger(__name__)

MIN_SHARE = 0.001
# By how much the thresholds move for the sensitivity, as a share of the grey range.
SHIFT = 0.02
# Share of pixels below which there are none near a threshold.
EMPTY = 1e-4
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
    left : Surroundings
        What seems to be no material although it was segmented.
    """

    image: MaterialImage
    thresholds: tuple[float, ...] | None
    denoised: NDArray[np.float32] | None
    fractions: dict[str, float]
    sensitivity: dict[str, dict[str, float]] | None
    sensitivity_to: str
    left: Surroundings = NOTHING


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
    grey = None if micrograph.type == "labels" else _grey(micrograph)
    source = str(micrograph.source["path"])
    frame = frame_of(grey, micrograph.region, config)
    for note in frame.notes:
        logger.warning("%s: %s", source, note)
    if config.segmentation.method == "none":
        return _keep_values(micrograph, config, frame)
    if micrograph.type != "labels" and not config.phases:
        raise ConfigError(
            "phases: expected the names of the phases from dark to bright, got none; "
            "if the image holds labels already, set 'type: labels'."
        )
    region = crop_slices(micrograph.spatial_shape, frame.region)
    cropped = replace(micrograph, image=micrograph.image[region])
    valid = circle_mask(cropped.spatial_shape, frame.circle)
    if micrograph.type == "labels":
        return _pass_labels(cropped, valid, config, frame)
    if micrograph.type == "rgb":
        require_photograph(cropped.image, source)
    raw = _grey(cropped)
    smooth = _denoised(raw, config, frame.circle)
    if config.segmentation.method == "scribbles":
        strokes = _read_strokes(config, micrograph.spatial_shape)[region]
        decision = _by_scribbles(smooth, valid, strokes, config)
    else:
        decision = _by_thresholds(raw, smooth, valid, config)
    if frame.left.texts and decision.variants:
        reason = "not known while something that is not material is part of the image"
        decision = replace(decision, variants={}, variants_change=reason)
    image = MaterialImage(
        voxels=decision.labels,
        phases=tuple(config.phases or ()),
        voxel_size_um=micrograph.voxel_size_um,
        stack=config.stack,
        valid=valid,
        raw=raw,
        provenance={**_provenance(micrograph, config, frame), **decision.details},
    )
    _check_shares(image, source)
    return Segmentation(
        image=image,
        thresholds=decision.thresholds,
        denoised=decision.analysed,
        fractions=_fractions(image),
        sensitivity=_sensitivity(image, decision) if decision.variants else None,
        sensitivity_to=decision.variants_change,
        left=frame.left,
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
                _keep_values(micrograph, material, frame_of(None, None, material), value_range)
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


def _denoised(
    raw: NDArray[Any], config: MaterialConfig, circle: CircleConfig | None
) -> NDArray[np.float32]:
    """Denoise by the noise inside the circle: outside it may differ."""
    noise = estimate_noise(inscribed_square(raw, circle).astype(np.float32))
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
    looked_at = analysed if valid is None else analysed[valid]
    if settings.method == "otsu":
        thresholds = tuple(
            _in_the_middle(looked_at, one, SHIFT * (high - low)) for one in thresholds
        )

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

    # First: what is fitted to the blurred image is that of the labels, not of a variant.
    labels = divide(0.0)
    shift = SHIFT * (high - low)
    unknown = _why_not_sensitive(looked_at, thresholds, shift)
    variants = {} if unknown else {"minus": divide(-shift), "plus": divide(shift)}
    moved = f"thresholds moved by -{100 * SHIFT:g} %, +{100 * SHIFT:g} % of the grey range"
    return _Decision(
        labels=labels,
        variants=variants,
        variants_change=unknown or moved,
        thresholds=tuple(thresholds),
        analysed=analysed,
        details={**details, "thresholds": list(thresholds)},
    )


def _why_not_sensitive(
    values: NDArray[np.float32], thresholds: Sequence[float], shift: float
) -> str | None:
    """Return why a shift of the thresholds would tell nothing, or None."""
    near = [float(np.mean(np.abs(values - one) <= shift)) for one in thresholds]
    lonely = [one for one, share in zip(thresholds, near, strict=True) if share < EMPTY]
    if not lonely:
        return None
    named = ", ".join(f"{one:.4g}" for one in lonely)
    reason = (
        f"not known: hardly a pixel has a grey value near the threshold {named}; the phases "
        "are far apart in grey value, or something else than material is in the image"
    )
    logger.warning("sensitivity of the volume fractions %s", reason)
    return reason


def _in_the_middle(values: NDArray[np.float32], threshold: float, widest: float) -> float:
    """Return a threshold that lies in a wide gap between values in the middle of it.

    Which phase a pixel has does not change, and noise of a next image would change the least.
    """
    below, above = values[values <= threshold], values[values > threshold]
    if not below.size or not above.size:
        return threshold
    low, high = float(below.max()), float(above.min())
    return (low + high) / 2 if high - low > widest else threshold


def _read_strokes(config: MaterialConfig, shape: tuple[int, ...]) -> NDArray[np.intp]:
    if config.segmentation.scribbles is None:
        raise ConfigError(
            "segmentation.scribbles: expected the path of the scribble image, got none."
        )
    stored = read_stored(*split_dataset(config.segmentation.scribbles), None)
    if stored.channels == "colours":
        raise InputError(
            "segmentation.scribbles: expected one number per pixel in "
            f"{config.segmentation.scribbles}, 0 where nothing was drawn, then 1, 2, ... in the "
            f"order of 'phases', got colours (shape {stored.array.shape}). Draw with grey values "
            "on a black image of 8 bits, and save it as PNG or TIFF."
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
    micrograph: Micrograph, valid: NDArray[np.bool_] | None, config: MaterialConfig, frame: Frame
) -> Segmentation:
    """Renumber labels: their values, ascending, become 0 .. n - 1."""
    source = str(micrograph.source["path"])
    seen = micrograph.image if valid is None else micrograph.image[valid]
    values = np.unique(seen)
    phases = config.phases or tuple(f"phase-{i}" for i in range(len(values)))
    if config.phases is None:
        require_drawn(micrograph.image, source)
    coded = micrograph.colour_coded
    order = list(range(len(values)))
    if config.phase_values is not None:
        order = order_of(values, config.phase_values, seen, source, coded=coded)
    elif len(values) != len(phases):
        raise InputError(
            f"{source}: expected {len(phases)} labels for the phases {list(phases)}, got "
            f"{len(values)}: {shares_text(seen, colour_coded=coded)}. Name one phase per label, in "
            "ascending order of the labels, or set 'type: grey' if it is a raw micrograph."
        )
    # Values that occur outside the circle alone have no place in the list.
    position = np.minimum(np.searchsorted(values, micrograph.image), len(values) - 1)
    mapping = {
        code_text(value, coded): phases[phase] for value, phase in zip(values, order, strict=True)
    }
    image = MaterialImage(
        voxels=_outside_zero(np.array(order, np.uint8)[position], valid),
        phases=phases,
        voxel_size_um=micrograph.voxel_size_um,
        stack=config.stack,
        valid=valid,
        provenance={**_provenance(micrograph, config, frame), "value_to_phase": mapping},
    )
    # Labels are what the user drew: there is nothing to correct where one is rare.
    for name, share in _fractions(image).items():
        if share < MIN_SHARE:
            logger.warning("%s: phase %r is rare, %.4f %% of the labels", source, name, 100 * share)
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
    frame: Frame,
    value_range: tuple[float, float] | None = None,
) -> Segmentation:
    """Return the cropped image as bytes; values of other types are scaled to them."""
    region = crop_slices(micrograph.spatial_shape, frame.region)
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
        provenance={**_provenance(micrograph, config, frame), **details},
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


def _grey(micrograph: Micrograph) -> NDArray[Any]:
    if micrograph.type == "rgb":
        return (micrograph.image @ np.asarray(LUMINANCE)).astype(np.float32)
    return micrograph.image


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


def _provenance(micrograph: Micrograph, config: MaterialConfig, frame: Frame) -> dict[str, Any]:
    settings = to_dict(config)
    return {
        "source": micrograph.source,
        "type": micrograph.type,
        "crop": None if frame.region is None else [list(one) for one in frame.region],
        "circle": None if frame.circle is None else to_dict(frame.circle),
        "notes": list(frame.notes),
        **{key: settings[key] for key in ("denoise", "segmentation")},
    }
