"""Label images: the phase of each pixel or voxel, with the voxel size and the phases' names."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from matvir.errors import InputError
from matvir.files import atomic_path


@dataclass(frozen=True, kw_only=True)
class LabelImage:
    """A segmented image or volume.

    Attributes
    ----------
    labels : ndarray of shape (H, W) or (D, H, W), uint8
        Phase of each voxel, in 0 .. n_phases - 1; axes are (plane, row, column).
    phases : tuple of str
        Name of each phase; its position is its label.
    voxel_size_um : tuple of float or None
        Edge of a voxel along each axis of ``labels`` in micrometres; None if it is not known.
    valid : ndarray of bool with the shape of ``labels`` or None
        False where the image shows something else than the material (outside a circular mask);
        None if all of it is material.
    raw : ndarray with the shape of ``labels`` or None
        The grey values the labels were made from; None if the input was labels.
    provenance : dict
        Where the image came from and how it was made; plain JSON values.
    """

    labels: NDArray[np.uint8]
    phases: tuple[str, ...]
    voxel_size_um: tuple[float, ...] | None = None
    valid: NDArray[np.bool_] | None = None
    raw: NDArray[Any] | None = None
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def n_phases(self) -> int:
        """Number of phases."""
        return len(self.phases)

    @property
    def material(self) -> NDArray[np.bool_]:
        """Mask of the voxels that show the material, with the shape of ``labels``."""
        if self.valid is None:
            return np.ones(self.labels.shape, dtype=bool)
        return self.valid

    def volume_fractions(self) -> NDArray[np.float64]:
        """Share of each phase among the material's voxels, shape (n_phases,), in 0 .. 1."""
        labels = self.labels if self.valid is None else self.labels[self.valid]
        counts = np.bincount(labels.ravel(), minlength=self.n_phases)
        return counts / counts.sum()


def write_labels(path: Path, image: LabelImage) -> None:
    """Write a label image to an HDF5 file, atomically."""
    chunks = tuple(min(edge, 128) for edge in image.labels.shape)
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        arrays = {"labels": image.labels, "valid": image.valid, "raw": image.raw}
        for name, array in arrays.items():
            if array is not None:
                file.create_dataset(name, data=array, chunks=chunks, compression="gzip")
        file.attrs["phases"] = json.dumps(image.phases)
        file.attrs["voxel_size_um"] = json.dumps(image.voxel_size_um)
        file.attrs["provenance"] = json.dumps(image.provenance)


def read_labels(path: Path) -> LabelImage:
    """Read a label image that :func:`write_labels` wrote.

    Raises
    ------
    InputError
        If the file is not such a label image.
    """
    try:
        with h5py.File(path, "r") as file:
            voxel_size = json.loads(file.attrs["voxel_size_um"])
            return LabelImage(
                labels=file["labels"][()],
                phases=tuple(json.loads(file.attrs["phases"])),
                voxel_size_um=None if voxel_size is None else tuple(voxel_size),
                valid=file["valid"][()] if "valid" in file else None,
                raw=file["raw"][()] if "raw" in file else None,
                provenance=json.loads(file.attrs["provenance"]),
            )
    except (OSError, KeyError, ValueError) as error:
        raise InputError(
            f"{path}: expected a label file of MatVir (HDF5 with 'labels', 'phases' and "
            f"'voxel_size_um'), got {error}. Remove the file and run the command again."
        ) from error
