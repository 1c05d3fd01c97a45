"""Reading micrographs and volumes from TIFF, PNG, JPEG, NPY and HDF5 files."""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Literal, get_args

import h5py
import numpy as np
import tifffile
from numpy.typing import NDArray

from matvir.errors import ConfigError, InputError
from matvir.files import file_hash, require_decodable, split_dataset
from matvir.micrograph.voxel_size import known_edges, tiff_voxel_size
from matvir.storage.hdf5 import read_array
from matvir.storage.image_types import COLOUR, GREY, PHASES, ImageType

logger = logging.getLogger(__name__)

MicrographType = Literal["grey", "rgb", "labels"]
IMAGE_TYPES: dict[MicrographType, ImageType] = {"grey": GREY, "rgb": COLOUR, "labels": PHASES}

MAX_LABELS = 64
MOST_BYTES_A_BAND = 4


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
        Where it came from: ``path`` as given, ``sha256``, ``dtype``, ``shape``, and the voxel
        size that the file states (``file_voxel_size_um``); plain JSON values.
    """

    image: NDArray[Any]
    type: MicrographType
    voxel_size_um: tuple[float, ...] | None
    source: dict[str, Any]

    @property
    def spatial_shape(self) -> tuple[int, ...]:
        """Shape without the colour axis."""
        return self.kind.spatial_shape(self.image)

    @property
    def kind(self) -> ImageType:
        """Image type of the values."""
        return IMAGE_TYPES[self.type]


@dataclass(frozen=True, kw_only=True)
class _Decoded:
    """Array of a file, whether its last axis is colour (None: not stated), its voxel size."""

    array: NDArray[Any]
    colour: bool | None
    voxel_size_um: tuple[float, ...] | None = None


def read_micrograph(
    source: str | Path,
    *,
    type: MicrographType,
    voxel_size_um: float | Sequence[float] | None,
    stack: bool = False,
) -> Micrograph:
    """Read an image or a volume and check that it can be used.

    Parameters
    ----------
    source : str or Path
        A TIFF, PNG, JPEG or NPY file, or ``file.h5:/path/to/dataset``.
    type : {"grey", "rgb", "labels"}
        What the values mean.
    voxel_size_um : float, sequence of float or None
        Edge of a voxel in micrometres, one number or one per spatial axis. It wins over what the
        file states; with None the file's is used, and if the file states none it stays None.
    stack : bool
        Whether planes are micrographs of their own: then ``voxel_size_um`` is of their pixels, and
        what lies between two of them does not count. The first axis gets the width of a pixel.

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
        If ``type`` is unknown or the voxel size does not fit the image.
    """
    if type not in get_args(MicrographType):
        raise ConfigError(f"type: expected one of {list(get_args(MicrographType))}, got {type!r}.")
    path, dataset = split_dataset(source)
    _check_file(path)
    decode = _decoder(path, dataset)
    try:
        decoded = decode(path)
    except InputError:
        raise
    except Exception as error:  # each decoder has error types of its own
        raise InputError(
            f"{path}: the file is truncated or not what its suffix says ({error}). "
            "Open it in an image viewer, save it again and check that it was copied completely."
        ) from error
    image = _spatial(decoded, str(source), type)
    _check_values(image, str(source), type)
    n_axes = len(IMAGE_TYPES[type].spatial_shape(image))
    given = _per_axis(voxel_size_um, n_axes - stack, str(source))
    stated = decoded.voxel_size_um
    if stack:
        given, stated = (one and (one[-1], *one[-2:]) for one in (given, stated))
    if given is not None and stated is not None and not np.allclose(given, stated, rtol=1e-3):
        logger.info("%s: voxel size %s um given, %s um in the file", source, given, stated)
    return Micrograph(
        image=image,
        type=type,
        voxel_size_um=stated if given is None else given,
        source={
            "path": str(source),
            "sha256": file_hash(path),
            "dtype": str(decoded.array.dtype),
            "shape": list(decoded.array.shape),
            "file_voxel_size_um": None if stated is None else list(stated),
        },
    )


def _check_file(path: Path) -> None:
    if not path.exists():
        raise InputError(
            f"{path}: there is no such file. Paths are relative to {Path.cwd()}; "
            "correct the path in the configuration."
        )
    if path.is_dir():
        raise InputError(f"{path}: expected an image file, got a folder. Name one file in it.")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty (0 bytes). Copy or export it again.")


def _decoder(path: Path, dataset: str | None) -> Callable[[Path], _Decoded]:
    suffix = path.suffix.lower()
    if suffix in (".h5", ".hdf5", ".hdf"):
        return lambda file: _read_hdf5(file, dataset)
    readers = {
        ".tif": _read_tiff,
        ".tiff": _read_tiff,
        ".png": _read_picture,
        ".jpg": _read_picture,
        ".jpeg": _read_picture,
        ".npy": _read_npy,
    }
    if suffix not in readers:
        raise InputError(
            f"{path}: expected one of {sorted(readers)} or 'file.h5:/path/to/dataset', "
            f"got the suffix {suffix!r}. Save the image as TIFF."
        )
    return readers[suffix]


def _read_npy(path: Path) -> _Decoded:
    # Mapped first: that fails where the file holds less than it says, whatever it says.
    mapped = np.load(path, allow_pickle=False, mmap_mode="r")
    if not isinstance(mapped, np.ndarray):
        mapped.close()
        raise ValueError("several arrays in one file")
    require_decodable(path, mapped.shape, mapped.itemsize)
    return _Decoded(array=np.array(mapped), colour=None)


def _read_picture(path: Path) -> _Decoded:
    import imageio.v3 as iio
    from PIL import Image

    suffix = path.suffix.lower()
    # An open file, because imageio leaves one that it opened itself open when it fails.
    with open(path, "rb") as file:
        # Only what the suffix says: some formats that a content can have run other programs.
        with Image.open(file, formats=["PNG"] if suffix == ".png" else ["JPEG"]) as picture:
            require_decodable(path, (*picture.size, len(picture.getbands())), MOST_BYTES_A_BAND)
        file.seek(0)
        array = np.asarray(iio.imread(file, index=0, extension=suffix))
    return _Decoded(array=array, colour=array.ndim == 3)


def _read_hdf5(path: Path, dataset: str | None) -> _Decoded:
    with h5py.File(path, "r") as file:
        found: list[str] = []
        file.visititems(
            lambda name, item: found.append(f"/{name}") if isinstance(item, h5py.Dataset) else None
        )
        name = "/" + (dataset or "").strip("/")
        if name not in found:
            raise InputError(
                f"{path}: expected 'file.h5:/path/to/dataset', "
                f"got {f'the dataset {name!r}' if dataset else 'no dataset'}; "
                f"the file holds {sorted(found)}."
            )
        # The attribute of ilastik and of ImageJ's HDF5 plugin, in the order of the array's axes.
        size = None
        if "element_size_um" in file[name].attrs:
            # Texts of a length that varies may keep the library from returning.
            known = file[name].attrs.get_id("element_size_um").dtype.kind in "iuf"
            size = file[name].attrs["element_size_um"] if known else None
        array = read_array(file, name)
    stated = None if size is None else known_edges(tuple(float(edge) for edge in size))
    return _Decoded(array=np.asarray(array), colour=None, voxel_size_um=stated)


def _read_tiff(path: Path) -> _Decoded:
    # Not the other files that OME metadata may name.
    with tifffile.TiffFile(path, _multifile=False) as tiff:
        _require_end(tiff.pages)
        if len(tiff.series) > 1:
            shapes = [series.shape for series in tiff.series]
            raise InputError(
                f"{path}: expected one image or one stack, got {len(shapes)} of the shapes "
                f"{shapes}. Save the one to use as a file of its own."
            )
        series = tiff.series[0]
        if series.dtype is None:
            raise ValueError("pixels of an unknown type")
        require_decodable(path, series.shape, series.dtype.itemsize)
        page = series.keyframe
        # Missing parts would be filled with zeros, one after the other, however many.
        if math.prod(page.chunked) > len(page.dataoffsets):
            raise ValueError(f"{len(page.dataoffsets)} of {math.prod(page.chunked)} parts of it")
        axes = [axis for axis, n in zip(series.axes, series.shape, strict=True) if n > 1]
        array = series.asarray().squeeze()
        colour_axes = [i for i, axis in enumerate(axes) if axis in "SC"]
        if colour_axes:
            array = np.moveaxis(array, colour_axes[0], -1)
        n_spatial = array.ndim - bool(colour_axes)
        return _Decoded(
            array=array,
            colour=bool(colour_axes),
            voxel_size_um=tiff_voxel_size(tiff, n_spatial),
        )


def _require_end(pages: tifffile.TiffPages) -> None:
    """Check that pages, each of which says where the next one is, do not go round in a circle."""
    places: set[int] = set()
    for number in count():
        try:
            place = pages[number].offset
        except IndexError:
            return
        if place in places:
            raise ValueError(f"page {number} is an earlier one again")
        places.add(place)


def _spatial(decoded: _Decoded, source: str, type: MicrographType) -> NDArray[Any]:
    """Return the array with two or three spatial axes, and three colours where they are asked for.

    A volume three voxels wide is not a colour image: only what the file states counts.
    """
    array = decoded.array
    if array.dtype == bool:
        array = array.astype(np.uint8)
    if array.dtype.kind not in "iuf":
        raise InputError(f"{source}: expected integers or floats, got values of {array.dtype}.")
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.size == 0:
        raise InputError(
            f"{source}: the image has no pixels (shape {array.shape}). Export it again."
        )
    colour = type == "rgb" if decoded.colour is None else decoded.colour
    if colour and array.shape[-1] in (2, 4):
        array = _without_alpha(array, source)
    if colour and array.shape[-1] == 1:
        array, colour = array[..., 0], False
    if colour and type != "rgb":
        raise InputError(
            f"{source}: expected one {'grey value' if type == 'grey' else 'label'} per pixel, got "
            f"colours (shape {array.shape}). Set 'type: rgb' to use its luminance, or save it "
            "with one channel."
        )
    _check_axes(array, colour, source, type)
    return array


def _check_axes(array: NDArray[Any], colour: bool, source: str, type: MicrographType) -> None:
    if type == "rgb" and not (colour and array.ndim in (3, 4) and array.shape[-1] == 3):
        raise InputError(
            f"{source}: expected a colour image of shape (H, W, 3) or (D, H, W, 3), got shape "
            f"{array.shape}. Set 'type: grey' if it has one channel."
        )
    if type != "rgb" and array.ndim not in (2, 3):
        raise InputError(
            f"{source}: expected an image of shape (H, W) or a volume of shape (D, H, W), got "
            f"{array.ndim} axes (shape {array.shape}). Save one image or one volume."
        )


def _without_alpha(array: NDArray[Any], source: str) -> NDArray[Any]:
    """Drop an alpha channel that hides nothing."""
    alpha = array[..., -1]
    opaque = np.iinfo(array.dtype).max if array.dtype.kind == "u" else alpha.max()
    if np.any(alpha != opaque):
        raise InputError(
            f"{source}: {np.mean(alpha != opaque):.1%} of the pixels are transparent; their colour "
            "means nothing. Save the image without transparency and use 'crop' or 'circle' to "
            "choose the part that shows the material."
        )
    return array[..., :-1]


def _check_values(image: NDArray[Any], source: str, type: MicrographType) -> None:
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
    if type == "labels":
        _check_labels(image, source)


def _check_labels(image: NDArray[Any], source: str) -> None:
    values = np.unique(image)
    if len(values) > MAX_LABELS:
        raise InputError(
            f"{source}: expected labels, at most {MAX_LABELS} distinct values, got {len(values)}. "
            "JPEG compression or anti-aliasing may have blurred them, or it is a raw micrograph: "
            "set 'type: grey' and name the 'phases' from dark to bright, and it will be segmented."
        )
    if not np.all(values == np.round(values)):
        fraction = values[values != np.round(values)][0]
        raise InputError(
            f"{source}: expected whole numbers as labels, got {fraction}. Set 'type: grey' and "
            "name the 'phases' from dark to bright, and the image will be segmented."
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
