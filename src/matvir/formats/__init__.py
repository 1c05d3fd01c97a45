"""Files of images and volumes: one module per format, and the table of their suffixes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from matvir.errors import InputError
from matvir.formats.stored import StoredImage


@dataclass(frozen=True, kw_only=True)
class Format:
    """One format of files.

    Attributes
    ----------
    name : str
        What it is called.
    reader : str
        Module of this package and function in it: ``npy:read_npy``.
    holds_several : bool
        Whether a file holds several arrays, of which the source names one: ``file.h5:/data``
        (`matvir.files.split_dataset`). Then the reader takes this name, too.
    """

    name: str
    reader: str
    holds_several: bool = False

    def read(self, path: Path, dataset: str | None) -> StoredImage:
        """Read a file of this format."""
        module, _, function = self.reader.partition(":")
        reader: Callable[..., StoredImage] = getattr(
            import_module(f"matvir.formats.{module}"), function
        )
        return reader(path, dataset) if self.holds_several else reader(path)


_HDF5 = Format(name="HDF5", reader="hdf5:read_hdf5", holds_several=True)
_TIFF = Format(name="TIFF", reader="tiff:read_tiff")
_PICTURE = Format(name="picture", reader="picture:read_picture")
FORMATS: Mapping[str, Format] = {
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".png": _PICTURE,
    ".jpg": _PICTURE,
    ".jpeg": _PICTURE,
    ".bmp": _PICTURE,
    ".gif": _PICTURE,
    ".npy": Format(name="NPY", reader="npy:read_npy"),
    ".npz": Format(name="NPZ", reader="npy:read_npz", holds_several=True),
    ".h5": _HDF5,
    ".hdf5": _HDF5,
    ".hdf": _HDF5,
    ".dream3d": Format(name="DREAM.3D", reader="hdf5:read_hdf5", holds_several=True),
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
