"""The part of an image that is looked at: crop, circle, and what the microscope scanned."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.errors import ConfigError
from matvir.formats.stored import Ranges
from matvir.micrograph.surroundings import NOTHING, Surroundings, surroundings
from matvir.settings.records import CircleConfig, MaterialConfig


@dataclass(frozen=True, kw_only=True)
class Frame:
    """The part of an image that is looked at.

    Attributes
    ----------
    region : tuple of (int, int) or None
        First and last-plus-one pixel of each axis; None for all.
    circle : CircleConfig or None
        Disc in pixels of the region.
    notes : tuple of str
        What is to be said of it.
    left : Surroundings
        What seems to be no material and is left, in pixels of the region.
    """

    region: Ranges | None
    circle: CircleConfig | None
    notes: tuple[str, ...] = ()
    left: Surroundings = NOTHING


def frame_of(grey: NDArray[Any] | None, scanned: Ranges | None, config: MaterialConfig) -> Frame:
    """Return the part of an image that its settings mean, and what seems to be no material.

    Parameters
    ----------
    grey : ndarray of shape (H, W) or (D, H, W), or None
        The whole image; None of labels, in which nothing is looked for.
    scanned : tuple of (int, int) or None
        What the header of the microscope says was scanned.
    config : MaterialConfig
        ``crop`` and ``circle`` may be ``auto`` or null.
    """
    notes: list[str] = []
    if config.crop == "auto":
        found = NOTHING if grey is None else surroundings(grey)
        region = found.region
        notes += [f"cut off: {text}" for text in found.texts if region is not None]
    elif config.crop is None and scanned is not None:
        region = scanned
        notes.append(f"cropped to {_listed(region)}, which the header states as scanned")
    else:
        region = config.crop
    fixed = None if config.circle == "auto" else config.circle
    left = None if grey is None else grey[tuple(slice(*one) for one in region or ())]
    # A crop outside the image is refused later.
    if left is None or left.size == 0 or fixed is not None:
        return Frame(region=region, circle=fixed, notes=tuple(notes))
    rest = surroundings(left)
    if config.circle == "auto":
        notes.append(f"masked: {rest.texts[0]}" if rest.circle else "has no round field of view")
        return Frame(region=region, circle=rest.circle, notes=tuple(notes))
    if rest.texts:
        notes.append(f"{'; '.join(rest.texts)}. {_advice(rest, region)}")
    return Frame(region=region, circle=None, notes=tuple(notes), left=rest)


def _advice(rest: Surroundings, region: Ranges | None) -> str:
    """Return what to set so that what is not material does not count."""
    if rest.circle is not None:
        return "What is around it counts as material: set 'circle: auto'."
    if rest.region is None:
        return "They count as material: set 'crop' to leave them out."
    automatic = "'crop: auto', or " if region is None else ""
    ranges = rest.region if region is None else _within(region, rest.region)
    return (
        f"This counts as material unless it is cut off: set {automatic}'crop: {_listed(ranges)}'."
    )


def _listed(ranges: Ranges) -> list[list[int]]:
    return [list(one) for one in ranges]


def _within(outer: Ranges, inner: Ranges) -> Ranges:
    """Return ranges that are counted from the beginning of others from that of the image."""
    return tuple((a + start, a + stop) for (a, _), (start, stop) in zip(outer, inner, strict=True))


def crop_slices(shape: tuple[int, ...], crop: Ranges | None) -> tuple[slice, ...]:
    """Return the crop of an image as slices.

    Raises
    ------
    ConfigError
        If it is not inside the image.
    """
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


def circle_mask(shape: tuple[int, ...], circle: CircleConfig | None) -> NDArray[np.bool_] | None:
    """Return where the pixels' centres lie in the circle, the same in every plane.

    Parameters
    ----------
    shape : tuple of int
        Of the cropped image.
    circle : CircleConfig or None
        None for no mask.

    Returns
    -------
    ndarray of bool with this shape or None

    Raises
    ------
    ConfigError
        If the centre is not in the image.
    """
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


def inscribed_square(image: NDArray[Any], circle: CircleConfig | None) -> NDArray[Any]:
    """Return the part of each plane that is the largest square inside the circle."""
    if circle is None:
        return image
    half = circle.radius / np.sqrt(2)
    rows, columns = (
        slice(max(int(np.ceil(centre - half)), 0), int(centre + half) + 1)
        for centre in (circle.row, circle.column)
    )
    return image[..., rows, columns]
