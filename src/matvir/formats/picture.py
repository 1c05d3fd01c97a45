"""PNG, JPEG, BMP and GIF: values as they are stored, with their palette and orientation."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.errors import InputError
from matvir.files import require_decodable
from matvir.formats.orientation import upright
from matvir.formats.sem import sidecar_pixel_size
from matvir.formats.stored import StoredImage

# Only what the suffix says: some formats that a content can have run other programs.
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".bmp": "BMP", ".gif": "GIF"}
MOST_BYTES_A_BAND = 4
ORIENTATION = 274
# Of a PNG: the place of the number of bits, and what Pillow would make bytes of.
PLACE_OF_BITS, DEEP, FEW = 24, 16, (2, 4)
SHORTENED = ("RGB", "RGBA", "LA")


def read_picture(path: Path) -> StoredImage:
    """Read a picture; several frames of a GIF are planes.

    Raises
    ------
    InputError
        If it would not fit into memory, or holds colours for a printer (CMYK).
    """
    from PIL import Image

    with (
        open(path, "rb") as file,
        _without_limit(),
        Image.open(file, formats=[FORMATS[path.suffix.lower()]]) as picture,
    ):
        # Phones put a second picture, as of another camera, behind a JPEG.
        n_frames = 1 if picture.format == "MPO" else getattr(picture, "n_frames", 1)
        bands = len(picture.getbands())
        require_decodable(path, (n_frames, *picture.size, bands), MOST_BYTES_A_BAND)
        if picture.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
            raise InputError(
                f"{path}: expected grey values or red, green and blue, got {picture.mode} colours. "
                "Save it as RGB or grey."
            )
        orientation = int(picture.getexif().get(ORIENTATION, 1))
        if n_frames > 1:
            return StoredImage(array=_frames(picture, path, n_frames), channels="colours")
        size, notes = sidecar_pixel_size(path, picture.width)
        image = replace(_single(picture, path), voxel_size=size, notes=notes)
    return upright(image, orientation)


def _frames(picture: Any, path: Path, n_frames: int) -> NDArray[np.uint8]:
    """Return the colours of all frames, (n_frames, H, W, 3)."""
    from PIL import Image

    size, found = picture.size, []
    # A frame may say that it is larger than the picture, which only shows when it is looked at.
    Image.MAX_IMAGE_PIXELS = size[0] * size[1]
    for index in range(n_frames):
        try:
            picture.seek(index)
            larger = picture.size != size
        except Image.DecompressionBombError:
            larger = True
        if larger:
            raise InputError(
                f"{path}: expected frames of at most {size[0]} x {size[1]} pixels, as its header "
                f"says, got a larger one (frame {index}). It is damaged; save it again, or its "
                "planes as TIFF."
            )
        found.append(np.asarray(picture.convert("RGB")))
    return np.stack(found)


@contextmanager
def _without_limit() -> Iterator[None]:
    """Let Pillow open large pictures: how large they may be is checked here."""
    from PIL import Image

    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _single(picture: Any, path: Path) -> StoredImage:
    """Return a picture of one frame."""
    if picture.mode == "P":
        palette = np.array(picture.getpalette("RGB"), np.uint8).reshape(-1, 3)
        return StoredImage(array=np.asarray(picture), channels="none", palette=palette)
    if picture.mode == "PA":
        picture = picture.convert("RGBA")
    array = np.asarray(picture)
    if picture.format == "PNG" and picture.mode in (*SHORTENED, "L"):
        array = _as_stored(path, array)
    return StoredImage(array=array, channels="colours" if array.ndim == 3 else "none")


def _as_stored(path: Path, array: NDArray[Any]) -> NDArray[Any]:
    """Return the numbers of a PNG: Pillow keeps 8 of 16 bits, and spreads 2 or 4 to 0 .. 255."""
    content = path.read_bytes()
    bits = content[PLACE_OF_BITS]
    if bits in FEW:
        return array // np.uint8(255 // (2**bits - 1))
    if bits != DEEP:
        return array
    from imagecodecs import png_decode

    return np.asarray(png_decode(content))
