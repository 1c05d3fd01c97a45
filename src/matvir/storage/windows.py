"""Parts of images and volumes by where they begin and end along each axis."""

from collections.abc import Sequence

# From the first index to the one behind the last.
Range = tuple[int, int]
Window = tuple[Range, Range, Range]


def slices_of(window: Sequence[Range]) -> tuple[slice, ...]:
    """Return a window as the index of an array."""
    return tuple(slice(*bounds) for bounds in window)
