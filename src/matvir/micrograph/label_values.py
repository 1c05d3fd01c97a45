"""Label maps: exact numbers or colours, and signs that they are not what was once drawn."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from matvir.errors import InputError
from matvir.formats.stored import StoredImage

MAX_LABELS = 64
MOST_LISTED = 8
# A single label that is everywhere at boundaries may be a thin layer.
FEWEST_BLENDS = 2
# Of a label that was drawn at least this share of the pixels has no other label beside it.
INNER_SHARE = 0.02
# A photograph has more colours than this.
MOST_COLOURS = 16


def colour_code(text: str) -> int:
    """Return the number of a colour, ``"#rrggbb"``: red * 65536 + green * 256 + blue."""
    return int(text.removeprefix("#"), 16)


def code_text(value: Any, colour_coded: bool) -> str:
    """Return how a label is written in the configuration: a number, or ``#rrggbb``."""
    if colour_coded:
        return f"#{int(value):06x}"
    return str(int(value) if value == int(value) else float(value))


def numbers_of_colours(array: NDArray[Any]) -> NDArray[np.int32]:
    """Return the number of each colour, (..., 3) of 8 or 16 bits: see `colour_code`."""
    colours = array[..., :3] >> 8 if array.dtype == np.uint16 else array[..., :3]
    codes: NDArray[np.int32] = colours.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)
    return codes


def colour_codes(image: StoredImage, source: str, *, understood: bool) -> StoredImage:
    """Return an image of colours with the number of each colour in their place.

    Parameters
    ----------
    image : StoredImage
        Red, green and blue of each pixel.
    source : str
        The file, for messages.
    understood : bool
        Whether the configuration says which phase each colour is.

    Raises
    ------
    InputError
        If it does not; the colours that were found and their shares are named.
    """
    array = image.array
    if array.dtype not in (np.uint8, np.uint16) or array.shape[-1] != 3:
        raise InputError(
            f"{source}: expected labels, or colours of 8 or 16 bits, got {array.dtype} of shape "
            f"{array.shape}. Save the labels as numbers, one per pixel."
        )
    codes = numbers_of_colours(array)
    if not understood:
        raise InputError(
            f"{source}: expected labels, got colours: {shares_text(codes, colour_coded=True)}. Say "
            'which phase each is, as in \'phases: {pore: "#0000ff", solid: "#ff0000"}\', or set '
            "'type: rgb' if it is a photograph."
        )
    return replace(image, array=codes, channels="none")


def shares_text(values: NDArray[Any], *, colour_coded: bool) -> str:
    """Return the most frequent values and their shares in words: ``0 (60.0 %), 255 (40.0 %)``."""
    found, counts = np.unique(values, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:MOST_LISTED]
    named = [
        f"{code_text(found[one], colour_coded)} ({counts[one] / values.size:.2%})" for one in order
    ]
    rest = len(found) - len(named)
    return ", ".join(named) + (f" and {rest} more" if rest else "")


def check_labels(image: NDArray[Any], source: str, *, colour_coded: bool) -> None:
    """Check that labels are whole numbers, and not too many.

    Raises
    ------
    InputError
        If they are not.
    """
    values = np.unique(image)
    if len(values) > MAX_LABELS:
        raise InputError(
            f"{source}: expected labels, at most {MAX_LABELS} distinct values, got {len(values)}. "
            "JPEG compression or anti-aliasing may have blurred them, or it is a raw micrograph: "
            "set 'type: grey' and name the 'phases' from dark to bright, and it will be "
            "segmented; on the command line, `matvir segment` it first."
        )
    if not colour_coded and not np.all(values == np.round(values)):
        fraction = values[values != np.round(values)][0]
        raise InputError(
            f"{source}: expected whole numbers as labels, got {fraction}. Set 'type: grey' and "
            "name the 'phases' from dark to bright, and the image will be segmented."
        )


def require_drawn(image: NDArray[Any], source: str) -> None:
    """Check that labels nobody named are labels, and not blends of those beside them.

    Enlarging with interpolation and JPEG compression put values between two labels along their
    boundary. Such a value has hardly a pixel without another value beside it.

    Raises
    ------
    InputError
        If two or more values lie along boundaries alone.
    """
    values, blends = np.unique(image), _blends(image)
    drawn = len(values) - len(blends)
    if drawn >= 2 and len(blends) >= FEWEST_BLENDS:
        raise InputError(
            f"{source}: expected labels, got {len(values)} values, of which {len(blends)} lie "
            f"along the boundaries of others alone: {shares_text(image, colour_coded=False)}. "
            "Interpolation or JPEG compression have blurred the labels. Save them again without "
            f"either, as PNG or TIFF; or set 'type: grey' and name {drawn} 'phases' from dark "
            "to bright, and thresholds will undo it."
        )


def is_drawn(image: NDArray[Any]) -> bool:
    """Return whether an image of few values is a map of labels, and not noisy or blurred."""
    values, blends = np.unique(image), _blends(image)
    return len(blends) < FEWEST_BLENDS or len(values) == len(blends) == FEWEST_BLENDS


def _blends(image: NDArray[Any]) -> list[Any]:
    """Return values that hardly a pixel has without another value beside it."""
    return [one for one in np.unique(image) if _inner_share(image == one) < INNER_SHARE]


def require_photograph(image: NDArray[Any], source: str) -> None:
    """Check that an image of colours is no map of phases, whose brightness would mean nothing.

    Parameters
    ----------
    image : ndarray of shape (..., 3)
        Red, green and blue.
    source : str
        The file, for messages.

    Raises
    ------
    InputError
        If it has as few colours as a map has phases.
    """
    colours = np.unique(image.reshape(-1, 3), axis=0)
    if len(colours) <= MOST_COLOURS and np.ptp(colours.astype(np.int64), axis=1).any():
        codes = numbers_of_colours(image)
        raise InputError(
            f"{source}: expected a photograph, got a map of {len(colours)} colours: "
            f"{shares_text(codes, colour_coded=True)}. Set 'type: labels' and say which phase each "
            'is, as in \'phases: {pore: "#0000ff", solid: "#ff0000"}\'.'
        )


def _inner_share(mask: NDArray[np.bool_]) -> float:
    """Return the share of a label's pixels whose neighbours through sides all have it."""
    inner = ndimage.binary_erosion(mask, border_value=1)
    return float(np.count_nonzero(inner) / np.count_nonzero(mask))


def order_of(
    values: NDArray[Any],
    wanted: Sequence[float | str],
    image: NDArray[Any],
    source: str,
    *,
    coded: bool,
) -> list[int]:
    """Return the phase of each value, by the values or colours that the configuration names.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Of the labels, ascending.
    wanted : sequence of float or str
        Number or colour of each phase.
    image : ndarray
        The labels, for messages.
    source : str
        The file, for messages.
    coded : bool
        Whether the labels are colours.

    Raises
    ------
    InputError
        If the image has others, or not all of them.
    """
    codes = [colour_code(one) if isinstance(one, str) else one for one in wanted]
    named, found = set(codes), {value.item() for value in values}
    if named != found:
        lacking = [code_text(one, coded) for one in sorted(named - found)]
        raise InputError(
            f"{source}: 'phases' names the labels {[code_text(one, coded) for one in codes]}, got "
            f"{shares_text(image, colour_coded=coded)}"
            f"{f'; {lacking} do not occur' if lacking else ''}. Name each of them once."
        )
    return [codes.index(value.item()) for value in values]
