"""What the numbers of an image file mean: channels, palettes, white as zero, transparency.

Grey values and colours are what a viewer shows; labels are the numbers in the file.
"""

from dataclasses import replace

import numpy as np

from matvir.errors import ConfigError, InputError
from matvir.formats.stored import MOST_DETECTORS, StoredImage


def as_numbers(image: StoredImage, source: str) -> StoredImage:
    """Return an image of integers or floats of this machine; truth values become 0 and 1.

    Raises
    ------
    InputError
        If it holds anything else, or no pixels.
    """
    array = image.array.astype(np.uint8) if image.array.dtype == bool else image.array
    if array.dtype.kind not in "iuf":
        raise InputError(
            f"{source}: expected integers or floats, got values of {array.dtype}. Save the image "
            "as an array of numbers."
        )
    if array.size == 0:
        raise InputError(
            f"{source}: the image has no pixels (shape {array.shape}). Export it again."
        )
    return replace(image, array=array.astype(array.dtype.newbyteorder("="), copy=False))


def chosen_channel(image: StoredImage, source: str, channel: int | str | None) -> StoredImage:
    """Return an image with one of its channels, or with its channels as planes.

    Parameters
    ----------
    image : StoredImage
        Colours stay as they are if no channel is chosen.
    source : str
        The file, for messages.
    channel : int, "planes" or None
        As the configuration has it.

    Raises
    ------
    InputError
        If there are several detectors and none is chosen.
    ConfigError
        If there is no such channel.
    """
    n_channels = image.array.shape[-1] if image.n_spatial < image.array.ndim else 1
    if channel is None:
        if image.channels == "detectors" and n_channels > 1:
            raise InputError(_which_channel(source, n_channels))
        return _without_channels(image) if image.channels == "detectors" else image
    if channel == "planes":
        if image.channels != "detectors" or image.n_spatial != 2:
            raise ConfigError(
                f"channel: 'planes' is for a 2D image with channels, got {source} of shape "
                f"{image.array.shape}. Set channel to null."
            )
        planes = np.ascontiguousarray(np.moveaxis(image.array, -1, 0))
        notes = (*image.notes, f"{n_channels} channels are read as planes of a volume")
        # Of channels no file says how far they are apart.
        return replace(image, array=planes, channels="none", voxel_size=None, notes=notes)
    if n_channels == 1 or not isinstance(channel, int) or not 0 <= channel < n_channels:
        allowed = f"0 .. {n_channels - 1}" if n_channels > 1 else "null, as there is one"
        raise ConfigError(f"channel: expected {allowed}, for {source}, got {channel!r}.")
    picked = np.ascontiguousarray(image.array[..., channel])
    return replace(image, array=picked, channels="none", palette=None)


def _which_channel(source: str, n_channels: int) -> str:
    text = f"{source}: expected one value per pixel, got {n_channels} channels. "
    if n_channels > MOST_DETECTORS:
        text += "Set 'channel: planes' if they are the planes of a volume, "
        return text + f"or 'channel' to the one to use (0 .. {n_channels - 1})."
    return text + f"Set 'channel' to the one to use (0 .. {n_channels - 1}), or save one of them."


def _without_channels(image: StoredImage) -> StoredImage:
    return replace(image, array=image.array[..., 0], channels="none")


def as_seen(image: StoredImage, type: str, colour_labels: bool, source: str) -> StoredImage:
    """Return an image with the values that a viewer shows, or labels as they are stored.

    Parameters
    ----------
    image : StoredImage
        As it was read.
    type : {"grey", "rgb", "labels"}
        What the values mean.
    colour_labels : bool
        Whether labels are meant by their colours, not by their indices.
    source : str
        The file, for messages.

    Raises
    ------
    InputError
        If an index has no colour.
    """
    if image.palette is not None and (type != "labels" or colour_labels):
        image = _coloured(image, source)
    if image.black is not None:
        image = _black_on_white(image, type)
    if type != "rgb" and image.channels == "colours" and not colour_labels:
        image = _grey_if_equal(image)
    return image


def _coloured(image: StoredImage, source: str) -> StoredImage:
    """Return the colours that indices stand for."""
    assert image.palette is not None
    if image.array.max() >= len(image.palette):
        raise InputError(
            f"{source}: expected indices of its {len(image.palette)} colours, got "
            f"{image.array.max()}: the file is damaged. Save the image again."
        )
    colours = image.palette[image.array]
    return replace(image, array=colours, channels="colours", palette=None)


def _black_on_white(image: StoredImage, type: str) -> StoredImage:
    """Return an image whose zero is shown white with its zero black.

    Labels of more than two values are numbers that nobody looks at, and stay.
    """
    array, black = image.array, image.black
    if type == "labels" and not ((array == 0) | (array == black)).all():
        note = "shows zero white; its labels are the numbers as they are stored"
        return replace(image, black=None, notes=(*image.notes, note))
    if array.dtype.kind == "u":
        array = (array.dtype.type(black) - array).astype(array.dtype)
    else:
        # The complement of a signed integer cannot overflow.
        array = ~array if array.dtype.kind == "i" else -array
    note = "shows zero white, so its values are reversed"
    return replace(image, array=array, black=None, notes=(*image.notes, note))


def _grey_if_equal(image: StoredImage) -> StoredImage:
    """Return one value per pixel where red, green and blue are the same everywhere."""
    array = image.array
    n_colours = array.shape[-1]
    if n_colours in (3, 4) and all(
        np.array_equal(array[..., 0], array[..., other]) for other in (1, 2)
    ):
        return replace(image, array=array[..., [0, 3]] if n_colours == 4 else array[..., [0]])
    return image


def without_alpha(image: StoredImage, source: str) -> StoredImage:
    """Return an image without its opacity, if that hides nothing, and without a single channel.

    Raises
    ------
    InputError
        If some pixels are transparent.
    """
    if image.channels != "colours":
        return image
    array = image.array
    if array.shape[-1] in (2, 4):
        alpha = array[..., -1]
        opaque = np.iinfo(array.dtype).max if array.dtype.kind == "u" else alpha.max()
        if np.any(alpha != opaque):
            raise InputError(
                f"{source}: {np.mean(alpha != opaque):.1%} of the pixels are transparent; their "
                "colour means nothing. Save the image without transparency and use 'crop' or "
                "'circle' to choose the part that shows the material."
            )
        array = array[..., :-1]
    if array.shape[-1] == 1:
        return replace(image, array=np.ascontiguousarray(array[..., 0]), channels="none")
    return replace(image, array=np.ascontiguousarray(array))
