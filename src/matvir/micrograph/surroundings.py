"""What of an image is not material: borders, data bars, the outside of a round field of view.

Lines of one grey value do not occur in a micrograph, which is noisy; so they are of a frame that a
program or a microscope put around it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.formats.stored import Ranges
from matvir.settings.records import CircleConfig

# Share of the pixels of a line that have the value of a border, or that a data bar is left with
# where there is text in it.
OF_A_BORDER, OF_A_BAR = 0.99, 0.3
# What is left of the image is at least this share of it.
LEAST_LEFT = 0.5
# Share of the image from which on corners of one value are said.
LEAST_CORNERS = 0.005
# Images of fewer values have no noise, so that lines of one value may be material.
LEAST_VALUES, SAMPLED = 24, 1_000_000
CORNER, N_CORNERS = 0.04, 4
SAME_DISC = 0.95


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What surrounds the material.

    Attributes
    ----------
    region : tuple of (int, int) or None
        First and last-plus-one pixel of each axis without borders and bars; None if there are none.
    circle : CircleConfig or None
        Disc outside of which there is one value; None if there is none.
    texts : tuple of str
        What was found, in words.
    """

    region: Ranges | None = None
    circle: CircleConfig | None = None
    texts: tuple[str, ...] = ()


NOTHING = Surroundings()


def surroundings(image: NDArray[Any]) -> Surroundings:
    """Look for what surrounds the material.

    Parameters
    ----------
    image : ndarray of shape (H, W) or (D, H, W)
        Grey values; of a volume all planes are looked at together.

    Returns
    -------
    Surroundings
        Empty for images with fewer than 24 values, as of phantoms and labels.
    """
    step = max(image.size // SAMPLED, 1)
    if len(np.unique(image.ravel()[::step])) < LEAST_VALUES:
        return NOTHING
    circle = _circle(image)
    if circle is not None:
        text = (
            f"shows a round field of view: row {circle.row:.0f}, column {circle.column:.0f}, "
            f"radius {circle.radius:.0f}"
        )
        return Surroundings(circle=circle, texts=(text,))
    ranges, texts = [(0, n) for n in image.shape], []
    for axis, name in ((image.ndim - 2, "row"), (image.ndim - 1, "column")):
        within = image[tuple(slice(*one) for one in ranges)]
        start, n = ranges[axis][0], within.shape[axis]
        first, last = _depth(within, axis), n - _depth(np.flip(within, axis), axis)
        if last - first < LEAST_LEFT * n or (first, last) == (0, n):
            continue
        for a, b in ((0, first), (last, n)):
            if a < b:
                value = within.take(0 if a == 0 else n - 1, axis).flat[0]
                lines = f"{name}s {start + a} to {start + b - 1}"
                texts.append(f"{lines} are a border or data bar of the grey value {value}")
        ranges[axis] = (start + first, start + last)
    if texts:
        return Surroundings(region=tuple(ranges), texts=tuple(texts))
    return Surroundings(texts=_corners(image))


def _depth(image: NDArray[Any], axis: int) -> int:
    """Return how many lines at the beginning of an axis are of a border or a data bar.

    The first and the last of them have one value from end to end. Between such lines there may be
    text on the same ground; an object that reaches the side of the image has no straight ends.
    """
    lines = np.moveaxis(image, axis, 0).reshape(image.shape[axis], -1)
    values, counts = np.unique(lines[0], return_counts=True)
    if counts.max() < OF_A_BORDER * lines.shape[1]:
        return 0
    shares = np.mean(lines == values[counts.argmax()], axis=1)
    depth = int(np.append(shares < OF_A_BAR, True).argmax())
    return depth if shares[depth - 1] >= OF_A_BORDER else 0


def _corners(image: NDArray[Any]) -> tuple[str, ...]:
    """Return what to say of corners that have one value, as those of an image that was turned."""
    flat = _flat_corners(image)
    share = float(np.mean(image == flat[0])) if flat else 0.0
    if len(flat) < 2 or len(set(flat)) > 1 or share < LEAST_CORNERS:
        return ()
    return (f"{len(flat)} corners have the one grey value {flat[0]}, {share:.1%} of the pixels",)


def _flat_corners(image: NDArray[Any]) -> list[Any]:
    """Return the values of those corners of all planes that have one."""
    edge = max(round(CORNER * min(image.shape[-2:])), 2)
    ends = (slice(0, edge), slice(-edge, None))
    corners = [image[..., row, column] for row in ends for column in ends]
    return [corner.flat[0] for corner in corners if np.all(corner == corner.flat[0])]


def _circle(image: NDArray[Any]) -> CircleConfig | None:
    """Return the disc outside of which all four corners, and all the rest, have one value."""
    rows, columns = image.shape[-2:]
    flat = _flat_corners(image)
    if len(flat) < N_CORNERS or len(set(flat)) > 1:
        return None
    outside = image == flat[0]
    outside = outside if image.ndim == 2 else outside.all(axis=0)
    inside = np.argwhere(~outside)
    if not len(inside):
        return None
    ends_of = [(float(inside[:, axis].min()), float(inside[:, axis].max())) for axis in (0, 1)]
    row, column = (sum(one) / 2 for one in ends_of)
    radius = min(high - low + 1 for low, high in ends_of) / 2
    grid = np.ogrid[:rows, :columns]
    disc = (grid[0] - row) ** 2 + (grid[1] - column) ** 2 <= radius**2
    # Material may have the value of the outside, but outside there is nothing else.
    if np.mean(outside[~disc]) < SAME_DISC or np.mean(~outside[disc]) < LEAST_LEFT:
        return None
    return CircleConfig(row=row, column=column, radius=radius)
