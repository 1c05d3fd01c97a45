"""Files of images and volumes: one module per format, and the tables of their suffixes."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from matvir.errors import InputError
from matvir.formats.export import Export
from matvir.formats.stored import StoredImage
from matvir.settings.records import RawConfig


def function_at(place: str) -> Callable[..., Any]:
    """Return a function of a module of this package: ``npy:read_npy``."""
    module, _, name = place.partition(":")
    function: Callable[..., Any] = getattr(import_module(f"matvir.formats.{module}"), name)
    return function


@dataclass(frozen=True, kw_only=True)
class Format:
    """One format of files that can be read.

    Attributes
    ----------
    name : str
        What it is called.
    reader : str
        Module of this package and function in it.
    takes : {"path", "name", "header"}
        What the reader takes besides the path: nothing; the name of one of the arrays in the file
        (`matvir.files.split_dataset`); or a header that the configuration states.
    is_folder : bool
        Whether it is a folder and not a file.
    peeker : str or None
        Module and function that read a few planes of a large file.
    """

    name: str
    reader: str
    takes: Literal["path", "name", "header"] = "path"
    is_folder: bool = False
    peeker: str | None = None

    def read(self, path: Path, name: str | None, header: RawConfig | None) -> StoredImage:
        """Read a file of this format."""
        also = {"path": (), "name": (name,), "header": (header,)}[self.takes]
        image: StoredImage = function_at(self.reader)(path, *also)
        return image

    def peek(self, path: Path, most_bytes: float) -> StoredImage:
        """Read some of the planes of a large file."""
        assert self.peeker is not None
        image: StoredImage = function_at(self.peeker)(path, most_bytes)
        return image


@dataclass(frozen=True, kw_only=True)
class Target:
    """One format that volumes are written in.

    Attributes
    ----------
    suffixes : tuple of str
        Of the names of all its files, or of its folder; what is asked for is the first.
    writer : str
        Module of this package and function in it.
    is_folder : bool
        Whether it is a folder and not a file.
    bytes_per_voxel : int
        About what a voxel takes on the disk.
    most_voxels : float
        Of a volume that it can hold.
    """

    suffixes: tuple[str, ...]
    writer: str
    is_folder: bool = False
    bytes_per_voxel: int = 1
    most_voxels: float = math.inf

    @property
    def suffix(self) -> str:
        """Suffix of the file or folder that stands for it."""
        return self.suffixes[0]

    def write(self, path: Path, export: Export) -> None:
        """Write a volume; the file or folder takes its place when it is complete."""
        function_at(self.writer)(path, export)


# A brick has eight corners and eight numbers; so many of them take a gigabyte as text.
_MESH: dict[str, Any] = {"bytes_per_voxel": 120, "most_voxels": 8_000_000}
_HDF5 = Format(name="HDF5", reader="hdf5:read_hdf5", takes="name")
_TIFF = Format(name="TIFF", reader="tiff:read_tiff", peeker="tiff:read_tiff")
_PICTURE = Format(name="picture", reader="picture:read_picture")
_META = Format(name="MetaImage", reader="vtk_image:read_metaimage")
_NIFTI = Format(name="NIfTI", reader="nifti:read_nifti")
_MRC = Format(name="MRC", reader="mrc:read_mrc")
_GATAN = Format(name="DigitalMicrograph", reader="gatan:read_gatan")
_RAW = Format(name="raw", reader="raw:read_raw", takes="header")
FORMATS: Mapping[str, Format] = {
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".png": _PICTURE,
    ".jpg": _PICTURE,
    ".jpeg": _PICTURE,
    ".bmp": _PICTURE,
    ".gif": _PICTURE,
    ".npy": Format(name="NPY", reader="npy:read_npy", peeker="npy:read_npy"),
    ".npz": Format(name="NPZ", reader="npy:read_npz", takes="name"),
    ".h5": _HDF5,
    ".hdf5": _HDF5,
    ".hdf": _HDF5,
    ".dream3d": Format(name="DREAM.3D", reader="hdf5:read_hdf5", takes="name"),
    ".nrrd": Format(name="NRRD", reader="nrrd:read_nrrd"),
    ".mrc": _MRC,
    ".rec": _MRC,
    ".mha": _META,
    ".mhd": _META,
    ".nii": _NIFTI,
    ".nii.gz": _NIFTI,
    ".dm3": _GATAN,
    ".dm4": _GATAN,
    ".vti": Format(name="VTI", reader="vtk_image:read_vti", takes="name"),
    ".zarr": Format(name="Zarr", reader="zarr:read_zarr", takes="name", is_folder=True),
    ".raw": _RAW,
    ".bin": _RAW,
    ".dat": _RAW,
    ".vol": _RAW,
}
TARGETS: Mapping[str, Target] = {
    "tiff": Target(suffixes=(".tif",), writer="tiff_stack:write"),
    "ome-zarr": Target(suffixes=(".ome.zarr",), writer="zarr:write_zarr", is_folder=True),
    "nrrd": Target(suffixes=(".nrrd",), writer="nrrd:write_nrrd"),
    "mha": Target(suffixes=(".mha",), writer="vtk_image:write_mha"),
    "raw": Target(suffixes=(".mhd", ".raw"), writer="vtk_image:write_mhd"),
    "vti": Target(suffixes=(".vti",), writer="vtk_image:write_vti"),
    "npy": Target(suffixes=(".npy", ".npy.json"), writer="npy:write_npy"),
    "dream3d": Target(suffixes=(".dream3d",), writer="dream3d:write_dream3d"),
    "stl": Target(suffixes=("-stl",), writer="surface_mesh:write_stl", is_folder=True),
    "ply": Target(
        suffixes=("-ply",),
        writer="surface_mesh:write_ply",
        is_folder=True,
    ),
    "abaqus": Target(suffixes=(".inp",), writer="voxel_mesh:write_abaqus", **_MESH),
    "vtu": Target(suffixes=(".vtu",), writer="voxel_mesh:write_vtu", **_MESH),
}


def format_of(path: Path) -> Format:
    """Return the format that a file's suffix names.

    Raises
    ------
    InputError
        If it names none that can be read.
    """
    name = path.name.lower()
    suffixes = [one for one in FORMATS if name.endswith(one)]
    if not suffixes:
        raise InputError(
            f"{path}: expected a file whose name ends in one of {sorted(FORMATS)}, got "
            f"{path.suffix!r}. Save the image as TIFF."
        )
    return FORMATS[max(suffixes, key=len)]
