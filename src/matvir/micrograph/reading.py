"""Reading micrographs and volumes, and refusing what cannot be used.

What `matvir.formats` finds in a file becomes what the configuration says it is. Nothing is guessed:
what the values mean (`type`) is stated by the configuration, and a voxel size only by the
configuration or by the file.
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from matvir.errors import ConfigError, InputError, MatvirError
from matvir.files import file_hash, split_dataset
from matvir.formats import format_of
from matvir.formats.folder import read_folder
from matvir.formats.stored import Ranges, StoredImage
from matvir.metrics.checks import same_edges
from matvir.micrograph.label_values import check_labels, colour_codes
from matvir.micrograph.values import as_numbers, as_seen, chosen_channel, without_alpha
from matvir.settings.records import RawConfig
from matvir.storage.image_types import COLOUR, GREY, PHASES, ImageType

logger = logging.getLogger(__name__)

MicrographType = Literal["grey", "rgb", "labels"]
Channel = int | Literal["planes"] | None
IMAGE_TYPES: dict[MicrographType, ImageType] = {"grey": GREY, "rgb": COLOUR, "labels": PHASES}


@dataclass(frozen=True, kw_only=True)
class Micrograph:
    """An image or a volume as it was read.

    Attributes
    ----------
    image : ndarray of shape (H, W) or (D, H, W), or with a last axis of 3 colours for ``rgb``
        Grey values, colours or labels in the units of the file; axes are (plane, row, column).
    type : {"grey", "rgb", "labels"}
        What the values mean.
    voxel_size_um : tuple of float or None
        Edge of a voxel along each spatial axis in micrometres; None if it is not known.
    source : dict
        Where it came from: ``path`` as given, ``sha256``, ``dtype``, ``shape``, the voxel size
        that the file states (``file_voxel_size_um``), who states the one that is used
        (``voxel_size_from``) and what was said of the file (``notes``); plain JSON values.
    region : tuple of (int, int) or None
        First and last-plus-one pixel of each axis that the microscope scanned, where the file says
        that the rest is something else.
    colour_coded : bool
        Whether labels are colours, red * 65536 + green * 256 + blue.
    """

    image: NDArray[Any]
    type: MicrographType
    voxel_size_um: tuple[float, ...] | None
    source: dict[str, Any]
    region: Ranges | None = None
    colour_coded: bool = False

    @property
    def spatial_shape(self) -> tuple[int, ...]:
        """Shape without the colour axis."""
        return self.kind.spatial_shape(self.image)

    @property
    def kind(self) -> ImageType:
        """Image type of the values."""
        return IMAGE_TYPES[self.type]


def read_micrograph(
    source: str | Path,
    *,
    type: MicrographType,
    voxel_size_um: float | Sequence[float] | None,
    stack: bool = False,
    channel: Channel = None,
    colour_labels: bool = False,
    raw: RawConfig | None = None,
) -> Micrograph:
    """Read an image or a volume and check that it can be used.

    Parameters
    ----------
    source : str or Path
        A file of one of the formats of `matvir.formats`, ``file.h5:/path/to/dataset``, or a
        folder of pictures that are the planes of a volume.
    type : {"grey", "rgb", "labels"}
        What the values mean. Grey values and colours are those that a viewer shows; labels are the
        numbers in the file.
    voxel_size_um : float, sequence of float or None
        Edge of a voxel in micrometres, one number or one per spatial axis. It wins over what the
        file states; with None the file's is used, and if the file states none it stays None.
    stack : bool
        Whether planes are micrographs of their own: then ``voxel_size_um`` is of their pixels, and
        what lies between two of them does not count. The first axis gets the width of a pixel.
    channel : int, "planes" or None
        Which of several channels to use, from 0; or that channels are the planes of a volume.
    colour_labels : bool
        Whether colours may stand for labels.
    raw : RawConfig, optional
        Header of a file that has none.

    Returns
    -------
    Micrograph
        An opaque alpha channel is dropped, truth values become 0 and 1.

    Raises
    ------
    InputError
        If the file is missing, empty, truncated or of an unknown format, or its values are not
        what ``type`` promises: wrong number of axes, colour, no pixels, NaN or infinite, constant,
        too many labels.
    ConfigError
        If ``type`` is unknown, or the voxel size or the channel does not fit the image.
    """
    if type not in get_args(MicrographType):
        raise ConfigError(f"type: expected one of {list(get_args(MicrographType))}, got {type!r}.")
    path, dataset = split_dataset(source)
    stored = read_stored(path, dataset, raw)
    image, coded = _meant(stored, str(source), type, channel, colour_labels)
    array = image.array
    n_axes = len(IMAGE_TYPES[type].spatial_shape(array))
    given = _per_axis(voxel_size_um, n_axes - stack, str(source))
    stated = None if image.voxel_size is None else image.voxel_size.edges_um
    if stack:
        given, stated = (one and (one[-1], *one[-2:]) for one in (given, stated))
    size, stated_by = (stated, None) if given is None else (given, "the configuration")
    if size is not None and stated_by is None and image.voxel_size is not None:
        stated_by = image.voxel_size.stated_by
    found = Micrograph(
        image=array,
        type=type,
        voxel_size_um=size,
        source={
            "path": str(source),
            "sha256": file_hash(path),
            "dtype": str(stored.array.dtype),
            "shape": list(stored.array.shape),
            "file_voxel_size_um": None if stated is None else list(stated),
            "voxel_size_from": stated_by,
            "notes": list(image.notes),
        },
        region=image.region,
        colour_coded=coded,
    )
    if stored.files:
        found.source["files"] = {one.name: file_hash(one) for one in stored.files}
    _say(found, given, stated)
    return found


def _say(
    micrograph: Micrograph,
    given: tuple[float, ...] | None,
    stated: tuple[float, ...] | None,
) -> None:
    """Write to the log what was read, and what is to be known of it."""
    name, source = micrograph.source["path"], micrograph.source
    size = "not known" if micrograph.voxel_size_um is None else str(micrograph.voxel_size_um)
    logger.info(
        "%s: %s of shape %s, voxel size in um %s (stated by %s)",
        name,
        micrograph.type,
        micrograph.spatial_shape,
        size,
        source["voxel_size_from"] or "nobody",
    )
    for note in source["notes"]:
        logger.warning("%s: %s", name, note)
    if given is not None and stated is not None and not same_edges(given, stated):
        logger.warning("%s: voxel size %s um given, %s um in the file", name, given, stated)


def read_stored(
    path: Path, dataset: str | None, raw: RawConfig | None, *, most_bytes: float = math.inf
) -> StoredImage:
    """Return what a file holds, before anything is said of what its values mean.

    Parameters
    ----------
    path, dataset
        As `matvir.files.split_dataset` returns them.
    raw : RawConfig or None
        Header of a file that has none.
    most_bytes : float
        Of a larger TIFF stack or NPY file only some planes are read.

    Raises
    ------
    InputError
        If the file is missing, empty, truncated or of an unknown format.
    """
    if not path.exists():
        raise InputError(
            f"{path}: there is no such file. Paths are relative to {Path.cwd()}; "
            "correct the path in the configuration."
        )
    folder = path.is_dir() and not path.name.lower().endswith(".zarr")
    if path.is_file() and path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty (0 bytes). Copy or export it again.")
    try:
        if folder:
            return read_folder(path)
        one = format_of(path)
        large = path.is_file() and path.stat().st_size > most_bytes
        return one.peek(path, most_bytes) if large and one.peeker else one.read(path, dataset, raw)
    except MatvirError:
        raise
    except Exception as error:  # each decoder has error types of its own
        raise InputError(
            f"{path}: the file is truncated or not what its suffix says ({error}). "
            "Open it in an image viewer, save it again and check that it was copied completely."
        ) from error


def _meant(
    stored: StoredImage, source: str, type: MicrographType, channel: Channel, colour_labels: bool
) -> tuple[StoredImage, bool]:
    """Return an image of what its values mean, and whether its labels are colours."""
    if stored.channels is None:
        coloured = type == "rgb" or colour_labels
        stored = replace(stored, channels="colours" if coloured else "none")
    image = as_numbers(stored, source).without_single_planes()
    image = chosen_channel(image, source, channel)
    image = without_alpha(as_seen(image, type, colour_labels, source), source)
    coded = type == "labels" and image.channels == "colours"
    if coded:
        image = colour_codes(image, source, understood=colour_labels)
    if image.channels == "colours" and type == "grey":
        table = " of a lookup table, which a viewer can set to grey,"
        looked_up = "" if stored.palette is None else table
        raise InputError(
            f"{source}: expected one grey value per pixel, got colours{looked_up} (shape "
            f"{image.array.shape}). Set 'type: rgb' to use the luminance of a photograph, 'type: "
            "labels' if each colour is a phase, or save it with one channel."
        )
    if type == "rgb" and (image.channels != "colours" or image.array.shape[-1] != 3):
        raise InputError(
            f"{source}: expected a colour image of shape (H, W, 3) or (D, H, W, 3), got shape "
            f"{image.array.shape}. Set 'type: grey' if it has one channel."
        )
    check_axes(image, source)
    check_values(image.array, source)
    if type == "labels":
        check_labels(image.array, source, colour_coded=coded)
    return image, coded


def check_axes(image: StoredImage, source: str) -> None:
    """Check that an image has two spatial axes, or three.

    Raises
    ------
    InputError
        If it has others.
    """
    if image.n_spatial not in (2, 3):
        raise InputError(
            f"{source}: expected an image of shape (H, W) or a volume of shape (D, H, W), got "
            f"{image.n_spatial} axes (shape {image.array.shape}). Save one image or one volume."
        )


def check_values(image: NDArray[Any], source: str) -> None:
    """Check that an image holds numbers, and not one alone.

    Raises
    ------
    InputError
        If some are NaN or infinite, or all are the same.
    """
    if image.dtype.kind == "f":
        n_bad = image.size - int(np.count_nonzero(np.isfinite(image)))
        if n_bad:
            raise InputError(
                f"{source}: {n_bad} of {image.size} values are NaN or infinite. "
                "Replace them, or cut them off before saving the image."
            )
    if image.min() == image.max():
        raise InputError(
            f"{source}: all {image.size} values are {image.flat[0]}: there is nothing to see in a "
            "constant image. Check that the right file or channel was exported."
        )


def _per_axis(
    voxel_size_um: float | Sequence[float] | None, n_axes: int, source: str
) -> tuple[float, ...] | None:
    if voxel_size_um is None:
        return None
    edges = np.atleast_1d(np.asarray(voxel_size_um, dtype=float))
    if edges.size == 1:
        edges = np.repeat(edges, n_axes)
    if edges.shape != (n_axes,) or not np.all(np.isfinite(edges)) or np.any(edges <= 0):
        raise ConfigError(
            f"voxel_size_um: expected one positive number or {n_axes} for {source}, "
            f"got {voxel_size_um!r}."
        )
    return tuple(float(edge) for edge in edges)
