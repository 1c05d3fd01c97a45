"""Raw numbers without a header, which the configuration states."""

import math
from pathlib import Path

import numpy as np

from matvir.errors import ConfigError, InputError
from matvir.files import require_decodable
from matvir.formats.stored import StoredImage
from matvir.settings.records import RawConfig

LETTERS = {"little": "<", "big": ">"}


def read_raw(path: Path, header: RawConfig | None) -> StoredImage:
    """Read numbers in the order of planes, rows and columns.

    Parameters
    ----------
    path : Path
        The file.
    header : RawConfig or None
        What the configuration says of it.

    Raises
    ------
    ConfigError
        If the configuration says nothing.
    InputError
        If the file has another size than that.
    """
    n_bytes = path.stat().st_size
    if header is None:
        raise ConfigError(
            f"{path}: raw numbers have no header; say what they are, as in 'raw: {{shape: [100, "
            f"200, 300], dtype: uint8}}'. The file has {n_bytes} bytes."
        )
    dtype = np.dtype(LETTERS[header.byte_order] + np.dtype(header.dtype).str[1:])
    expected = header.offset + math.prod(header.shape) * dtype.itemsize
    if expected != n_bytes:
        raise InputError(
            f"{path}: expected {expected} bytes (offset {header.offset}, shape "
            f"{list(header.shape)}, {header.dtype}), got {n_bytes}. Correct 'raw', or copy the "
            "file again."
        )
    require_decodable(path, header.shape, dtype.itemsize)
    numbers = np.fromfile(path, dtype=dtype, offset=header.offset).reshape(header.shape)
    return StoredImage(array=numbers, channels="none")
