"""Images of a few parallel lines: the simplest texture with a number, a direction and a fraction.

Source: S. Hashemi, M. Guerzhoy and N. H. Paulson, arXiv 2402.11103: one to three lines in images of
224 x 224 pixels, all vertical or all horizontal, 112 to 224 pixels long and 5 to 10 thick.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matvir.errors import ConfigError

MOST_LINES = 3
# In shares of the image's edge.
LENGTHS, THICKNESSES = (0.5, 1.0), (5 / 224, 10 / 224)
THINNEST = 2
# Directions in degrees against the rows; the first two are those of the source.
DIRECTIONS = (0.0, 90.0, 45.0, 135.0)
SMALLEST = 32
# Draws of the offsets of an image's lines before fewer lines are drawn.
ATTEMPTS = 50


@dataclass(frozen=True, eq=False)
class Lines:
    """Images of lines, with what they show.

    Attributes
    ----------
    images : ndarray of shape (n, size, size), uint8
        1 on lines, 0 elsewhere.
    directions : ndarray of shape (n,)
        Of the lines of each image in degrees against the rows: 0 is horizontal, 90 vertical.
    counts : ndarray of shape (n,), int
        Lines in each image; no two of them touch.
    """

    images: NDArray[np.uint8]
    directions: NDArray[np.float64]
    counts: NDArray[np.int64]


def draw_lines(n: int, size: int, rng: np.random.Generator, *, n_directions: int = 2) -> Lines:
    """Draw images of one to three parallel lines.

    Parameters
    ----------
    n : int
        Number of images.
    size : int
        Edge of an image in pixels. Lines are as long and thick relative to it as in the source, at
        least two pixels thick.
    rng : numpy.random.Generator
        Source of the numbers.
    n_directions : int
        2 for horizontal and vertical lines, as in the source; 4 for lines at 45 degrees too.

    Raises
    ------
    ConfigError
        If an image is smaller than `SMALLEST`, or there are no such directions.
    """
    if size < SMALLEST or n_directions not in (2, 4):
        raise ConfigError(
            f"lines: expected images of at least {SMALLEST} pixels and 2 or 4 directions, got "
            f"{size} and {n_directions}."
        )
    directions = rng.choice(DIRECTIONS[:n_directions], n)
    wanted = rng.integers(1, MOST_LINES + 1, n)
    drawn = [_draw(size, *one, rng) for one in zip(directions, wanted, strict=True)]
    return Lines(
        images=np.stack([image for image, _ in drawn]),
        directions=directions,
        counts=np.array([count for _, count in drawn]),
    )


def grow_lines(
    shape: tuple[int, int, int], rng: np.random.Generator, *, n_directions: int = 2
) -> NDArray[np.uint8]:
    """Draw a stack of images of lines.

    Parameters
    ----------
    shape : tuple of int
        (number of images, edge, edge).
    rng, n_directions
        As in `draw_lines`.

    Returns
    -------
    ndarray of the given shape, uint8
        1 on lines, 0 elsewhere.

    Raises
    ------
    ConfigError
        If images are not square, or as `draw_lines` says.
    """
    n_images, rows, columns = shape
    if rows != columns:
        raise ConfigError(
            f"synthetic.shape: lines are drawn in square images, got {rows} x {columns} pixels. "
            "Give (number of images, edge, edge)."
        )
    return draw_lines(n_images, rows, rng, n_directions=n_directions).images


def _draw(
    size: int, direction: float, wanted: int, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], int]:
    """Draw one image; return it and how many lines found room."""
    angle = np.deg2rad(direction)
    rows, columns = np.indices((size, size)) - (size - 1) / 2
    # Lines run down to the right at 45 degrees: rows are counted downwards.
    along = columns * np.cos(angle) + rows * np.sin(angle)
    across = rows * np.cos(angle) - columns * np.sin(angle)
    thicknesses = rng.uniform(*THICKNESSES, wanted) * size
    thicknesses = np.maximum(np.round(thicknesses), THINNEST)
    offsets = _offsets(thicknesses, _room(size, direction), rng)
    image = np.zeros((size, size), np.uint8)
    for offset, thickness in zip(offsets, thicknesses, strict=False):
        length = rng.uniform(*LENGTHS) * size
        reach = max((_span(size, direction, offset) - length) / 2, 0)
        centre = rng.uniform(-reach, reach)
        # Half a pixel to one side, so that a line is as many pixels thick as it is told to be.
        inside = (across - offset >= -thickness / 2) & (across - offset < thickness / 2)
        image[inside & (np.abs(along - centre) <= length / 2)] = 1
    return image, len(offsets)


def _room(size: int, direction: float) -> float:
    """Return how far from the middle a line may be: so far that it keeps half of the edge."""
    oblique = direction % 90 != 0
    return size * (np.sqrt(2) - LENGTHS[0]) / 2 if oblique else size / 2


def _span(size: int, direction: float, offset: float) -> float:
    """Return how long a line at an offset from the middle can be within the image."""
    oblique = direction % 90 != 0
    return float(np.sqrt(2) * size - 2 * abs(offset)) if oblique else float(size)


def _offsets(
    thicknesses: NDArray[np.float64], room: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw where lines are so that none touches another; fewer of them if they find no room."""
    for count in range(len(thicknesses), 1, -1):
        half = thicknesses[:count] / 2
        for _ in range(ATTEMPTS):
            offsets = rng.uniform(half - room, room - half)
            gaps = np.abs(offsets[:, None] - offsets) - half[:, None] - half
            if (gaps[~np.eye(count, dtype=bool)] >= THINNEST).all():
                return offsets
    half = thicknesses[:1] / 2
    return rng.uniform(half - room, room - half)
