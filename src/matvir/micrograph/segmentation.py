"""From grey values to phases."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.config import CircleConfig, MaterialConfig, to_dict
from matvir.errors import ConfigError, InputError
from matvir.labels import LabelImage
from matvir.micrograph.boundaries import correct_edges, remove_specks
from matvir.micrograph.denoising import denoise, estimate_noise
from matvir.micrograph.reading import Micrograph, read_micrograph
from matvir.micrograph.scribbles import classify, decide, stroke_phases
from matvir.micrograph.shading import otsu_with_shading

logger = logging.getLogger(__name__)

MIN_SHARE = 0.001
# By how much the thresholds move for the sensitivity, as a share of the grey range.
SHIFT = 0.02
# Rec. 709, as in skimage.color.rgb2gray, which would rescale the values.
LUMINANCE = (0.2125, 0.7154, 0.0721)
# Labels of a segmentation for a threshold shift or probability bias of -SHIFT and +SHIFT.
Moved = Callable[[float, int | None], NDArray[np.uint8]]


@dataclass(frozen=True, kw_only=True)
class Segmentation:
    """A segmented image and how far it can be trusted.

    Attributes
    ----------
    image : LabelImage
        The labels, with the raw grey values they were made from.
    thresholds : tuple of float or None
        Ascending grey values between the phases, valid for ``denoised``; None if no thresholds
        were used.
    denoised : ndarray with the shape of the labels, float32, or None
        Grey values after denoising and removal of the shading; None if the input was labels.
    fractions : dict of str to float
        Share of each phase among the material's pixels.
    sensitivity : dict of str to dict or None
        Per phase the change of its fraction (``minus`` and ``plus``) when the decision moves by
        2 % in either direction; ``sensitivity_to`` says which. None if the input was labels.
    sensitivity_to : str
        What was moved, in words.
    """

    image: LabelImage
    thresholds: tuple[float, ...] | None
    denoised: NDArray[np.float32] | None
    fractions: dict[str, float]
    sensitivity: dict[str, dict[str, float]] | None
    sensitivity_to: str


def segment(micrograph: Micrograph, config: MaterialConfig) -> Segmentation:
    """Assign each pixel of a micrograph to a phase.

    The image is cropped, denoised, and its grey values are divided by Otsu's thresholds (with a
    shading model), by given thresholds, or by a classifier trained on scribbles; then blurred
    boundaries are corrected and specks are removed. Labels pass through, renumbered. Pixels
    outside ``circle`` take part in nothing.

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
        If scribbles do not fit the image, or a phase is missing or below 0.1 %.
    """
    region = _crop_slices(micrograph.spatial_shape, config.crop)
    cropped = replace(micrograph, image=micrograph.image[region])
    valid = _circle_mask(cropped.spatial_shape, config.circle)
    if micrograph.type == "labels":
        return _pass_labels(cropped, valid, config)
    if not config.phases:
        raise ConfigError(
            "phases: expected the names of the phases from dark to bright, got none; "
            "if the image holds labels already, set 'type: labels'."
        )
    raw = _grey(cropped)
    smooth = denoise(
        raw.astype(np.float32),
        config.denoise,
        noise=estimate_noise(_inside(raw, config.circle).astype(np.float32)),
    )
    if config.segmentation.method == "scribbles":
        moved, thresholds, analysed, details = _by_scribbles(smooth, valid, region, cropped, config)
        steps: tuple[int | None, ...] = tuple(range(len(config.phases)))
    else:
        moved, thresholds, analysed, details = _by_thresholds(raw, smooth, valid, config)
        steps = (None,)
    image = LabelImage(
        labels=_outside_zero(moved(0.0, None), valid),
        phases=config.phases,
        voxel_size_um=micrograph.voxel_size_um,
        valid=valid,
        raw=raw,
        provenance={**_provenance(micrograph, config), **details},
    )
    _check_shares(image, str(micrograph.source["path"]))
    return Segmentation(
        image=image,
        thresholds=thresholds,
        denoised=analysed,
        fractions=_fractions(image),
        sensitivity=_sensitivity(image, moved, steps),
        sensitivity_to=(
            "all thresholds moved by 2 % of the grey range"
            if thresholds is not None
            else "probability of the phase moved by 0.02"
        ),
    )


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
        "shape": list(image.labels.shape),
        "provenance": image.provenance,
    }


def _by_thresholds(
    raw: NDArray[Any],
    smooth: NDArray[np.float32],
    valid: NDArray[np.bool_] | None,
    config: MaterialConfig,
) -> tuple[Moved, tuple[float, ...], NDArray[np.float32], dict[str, Any]]:
    assert config.phases is not None
    settings, n_phases = config.segmentation, len(config.phases)
    material = raw if valid is None else raw[valid]
    low, high = float(material.min()), float(material.max())
    if settings.method == "thresholds":
        thresholds, analysed, details = settings.thresholds or (), smooth, {}
        _check_thresholds(thresholds, n_phases, low, high)
    elif low == high:
        raise InputError(
            f"the part of the image inside 'crop' and 'circle' is constant ({low:g}). Correct them."
        )
    else:
        found = otsu_with_shading(smooth, n_phases, settings.shading_degree, valid=valid)
        thresholds, analysed = found.thresholds, found.flat
        details = {"shading_range": found.shading_range}

    def moved(shift: float, phase: int | None) -> NDArray[np.uint8]:
        del phase  # all thresholds move together
        borders = np.asarray(thresholds) + shift * (high - low)
        labels = np.digitize(analysed, borders).astype(np.uint8)
        if settings.edge_correction:
            labels = correct_edges(analysed, labels, valid=valid)
        return remove_specks(labels, settings.min_speck, valid=valid)

    return moved, tuple(thresholds), analysed, {**details, "thresholds": list(thresholds)}


def _by_scribbles(
    smooth: NDArray[np.float32],
    valid: NDArray[np.bool_] | None,
    region: tuple[slice, ...],
    cropped: Micrograph,
    config: MaterialConfig,
) -> tuple[Moved, None, NDArray[np.float32], dict[str, Any]]:
    settings = config.segmentation
    if settings.scribbles is None or config.phases is None:
        raise ConfigError("segmentation.scribbles: expected the path of the scribble image.")
    n_phases = len(config.phases)
    drawing = read_micrograph(settings.scribbles, type="labels", voxel_size_um=None)
    full_shape = tuple(cropped.source["shape"][: len(region)])
    strokes = stroke_phases(drawing.image, n_phases, full_shape)[region]
    if valid is not None:
        strokes = np.where(valid, strokes, -1)
    classification = classify(smooth, strokes, n_phases)

    def moved(shift: float, phase: int | None) -> NDArray[np.uint8]:
        bias = None if phase is None else shift * np.eye(n_phases)[phase]
        labels = decide(
            classification,
            smooth,
            place_boundaries=settings.edge_correction,
            bias=bias,
            valid=valid,
        )
        return remove_specks(labels, settings.min_speck, valid=valid)

    return moved, None, smooth, {"scribbles": drawing.source}


def _sensitivity(
    image: LabelImage, moved: Moved, steps: tuple[int | None, ...]
) -> dict[str, dict[str, float]]:
    """Return the change of each phase's fraction when the decision moves by 2 % either way."""
    reference = image.volume_fractions()
    changes: dict[str, dict[str, float]] = {name: {} for name in image.phases}
    for step in steps:
        for name, shift in (("minus", -SHIFT), ("plus", SHIFT)):
            labels = _outside_zero(moved(shift, step), image.valid)
            change = replace(image, labels=labels).volume_fractions() - reference
            for phase, phase_name in enumerate(image.phases):
                if step in (None, phase):
                    changes[phase_name][name] = float(change[phase])
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
    labels = np.searchsorted(values, micrograph.image)
    labels = _outside_zero(np.minimum(labels, len(values) - 1).astype(np.uint8), valid)
    mapping = {str(_plain(value)): name for value, name in zip(values, phases, strict=True)}
    image = LabelImage(
        labels=labels,
        phases=phases,
        voxel_size_um=micrograph.voxel_size_um,
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


def _inside(image: NDArray[Any], circle: CircleConfig | None) -> NDArray[Any]:
    """Return the largest square inside the circle: noise outside may differ."""
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
    ascending = all(a < b for a, b in zip(thresholds, thresholds[1:], strict=False))
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


def _fractions(image: LabelImage) -> dict[str, float]:
    return {
        name: float(share)
        for name, share in zip(image.phases, image.volume_fractions(), strict=True)
    }


def _check_shares(image: LabelImage, source: str) -> None:
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
