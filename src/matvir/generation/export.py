"""Files of generated volumes: HDF5 with all samples, TIFF with one of them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile
from numpy.typing import NDArray

from matvir.errors import InputError
from matvir.files import atomic_path


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Generated volumes of one generator.

    Attributes
    ----------
    labels : ndarray of shape (n, D, H, W), uint8
        Phase of each voxel.
    phases : tuple of str
        Name of each phase; its position is its label.
    voxel_size_um : tuple of three float or None
        Edge of a voxel along each axis in micrometres.
    seeds : tuple of int
        Seed of each volume.
    provenance : dict
        Material, model, seed, configuration hash, version and revision.
    """

    labels: NDArray[np.uint8]
    phases: tuple[str, ...]
    voxel_size_um: tuple[float, ...] | None
    seeds: tuple[int, ...]
    provenance: dict[str, Any]


def write_samples(
    path: Path,
    volumes: Iterable[NDArray[np.uint8]],
    *,
    size: Sequence[int],
    seeds: Sequence[int],
    phases: Sequence[str],
    voxel_size_um: Sequence[float] | None,
    provenance: dict[str, Any],
) -> None:
    """Write volumes one by one, as they are generated, to an HDF5 file, atomically.

    Parameters
    ----------
    path : Path
        The file; dataset ``labels`` of shape (n, D, H, W), chunked and compressed.
    volumes : iterable of ndarray of shape (D, H, W), uint8
        As many as there are ``seeds``.
    size : sequence of three int
        (D, H, W).
    seeds : sequence of int
        Seed of each volume.
    phases, voxel_size_um, provenance
        As in `Samples`.
    """
    chunks = (1, *(min(edge, 64) for edge in size))
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        dataset = file.create_dataset(
            "labels", (len(seeds), *size), np.uint8, chunks=chunks, compression="gzip"
        )
        for index, volume in enumerate(volumes):
            dataset[index] = volume
        file.attrs["phases"] = json.dumps(list(phases))
        file.attrs["voxel_size_um"] = json.dumps(voxel_size_um and list(voxel_size_um))
        file.attrs["seeds"] = json.dumps(list(seeds))
        file.attrs["provenance"] = json.dumps(provenance)


def read_samples(path: Path) -> Samples:
    """Read what :func:`write_samples` wrote.

    Raises
    ------
    InputError
        If the file is not such a file.
    """
    try:
        with h5py.File(path, "r") as file:
            voxel_size = json.loads(file.attrs["voxel_size_um"])
            return Samples(
                labels=file["labels"][()],
                phases=tuple(json.loads(file.attrs["phases"])),
                voxel_size_um=None if voxel_size is None else tuple(voxel_size),
                seeds=tuple(json.loads(file.attrs["seeds"])),
                provenance=json.loads(file.attrs["provenance"]),
            )
    except (OSError, KeyError, ValueError) as error:
        raise InputError(
            f"{path}: expected generated samples of MatVir (HDF5 with 'labels', 'phases' and "
            f"'seeds'), got {error}. Remove the file and run the command again."
        ) from error


def write_tiff(
    path: Path,
    labels: NDArray[np.uint8],
    *,
    voxel_size_um: Sequence[float] | None,
    provenance: dict[str, Any],
) -> None:
    """Write one label volume as a compressed ImageJ TIFF stack, atomically.

    Parameters
    ----------
    path : Path
        The file.
    labels : ndarray of shape (D, H, W), uint8
        Axes are (plane, row, column).
    voxel_size_um : sequence of three float or None
        Written as ImageJ's resolution and spacing in micrometres.
    provenance : dict
        Written as JSON into ImageJ's info field.
    """
    metadata: dict[str, Any] = {"axes": "ZYX", "Info": json.dumps(provenance)}
    resolution = None
    if voxel_size_um is not None:
        depth, height, width = voxel_size_um
        metadata |= {"unit": "um", "spacing": depth}
        resolution = (1 / width, 1 / height)
    with atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary,
            labels,
            imagej=True,
            compression="zlib",
            resolution=resolution,
            metadata=metadata,
        )
