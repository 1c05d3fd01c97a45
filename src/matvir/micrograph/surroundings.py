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

# Share of a row's pixels that have the value of a border, or of a data bar with text in it.
OF_A_BORDER, OF_A_BAR = 0.99, 0.55
# Rows of text in a data bar may have less; no more of them than this in a row.
LONGEST_TEXT = 24
# A bar is at least so many lines, and what is left of the image at least this share of it.
LEAST_BAR, LEAST_LEFT = 6, 0.5
# Share of lines within the image that may look like those of a bar.
MOST_WITHIN = 0.02
# Images of fewer values have no noise, so that lines of one value may be material.
LEAST_VALUES, SAMPLED = 24, 1_000_000
CORNER = 0.04
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
    low, high = image.min(), image.max()
    ranges, texts = [(0, n) for n in image.shape], []
    for axis, name in ((image.ndim - 2, "row"), (image.ndim - 1, "column")):
        for value, colour in ((low, "dark"), (high, "bright")):
            within = image[tuple(slice(*one) for one in ranges)]
            first, last = _lines(within, axis, value)
            if (first, last) == (0, within.shape[axis]):
                continue
            start = ranges[axis][0]
            parts = [(start, start + first), (start + last, ranges[axis][1])]
            named = " and ".join(f"{a} to {b - 1}" for a, b in parts if b > a)
            texts.append(f"{name}s {named} are a {colour} border or data bar (grey value {value})")
            ranges[axis] = (start + first, start + last)
    if not texts:
        return NOTHING
    return Surroundings(region=tuple(ranges), texts=tuple(texts))


def _lines(image: NDArray[Any], axis: int, value: Any) -> tuple[int, int]:
    """Return the first and last-plus-one line along an axis that are not of a border or bar."""
    others = tuple(other for other in range(image.ndim) if other != axis)
    shares = np.mean(image == value, axis=others)
    n = len(shares)
    first, last = _depth(shares), n - _depth(shares[::-1])
    if last - first < LEAST_LEFT * n:
        return 0, n
    if np.mean(shares[first:last] >= OF_A_BAR) > MOST_WITHIN:
        return 0, n
    return first, last


def _depth(shares: NDArray[np.floating]) -> int:
    """Return how many lines at the beginning are of a border or a bar.

    Parameters
    ----------
    shares : ndarray of shape (n,)
        Share of each line's pixels that have the value.
    """
    if shares[0] < OF_A_BAR:
        return 0
    flat = np.flatnonzero(shares >= OF_A_BAR)
    # The last line before a gap that no text would fill.
    gaps = np.flatnonzero(np.diff(flat) > LONGEST_TEXT)
    depth = int(flat[gaps[0] if len(gaps) else -1]) + 1
    border = int(np.argmin(np.append(shares >= OF_A_BORDER, False)))
    return depth if depth >= LEAST_BAR else border


def _circle(image: NDArray[Any]) -> CircleConfig | None:
    """Return the disc outside of which all four corners, and all the rest, have one value."""
    rows, columns = image.shape[-2:]
    edge = max(round(CORNER * min(rows, columns)), 2)
    ends = (slice(0, edge), slice(-edge, None))
    corners = [image[..., row, column] for row in ends for column in ends]
    value = corners[0].flat[0]
    if not all(np.all(corner == value) for corner in corners):
        return None
    outside = image == value
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
