"""Curves over the lag, one per sample, and their file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from matvir.storage.hdf5 import create_hdf5, open_hdf5, read_array, read_text, write_attributes

CONTENT = "MatVir curves"


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """One curve for each of many samples.

    Attributes
    ----------
    lags : ndarray of shape (n_lags,)
        Distance, in ``unit``; of spectra the spatial frequency, of histograms the value.
    values : ndarray of shape (n_samples, n_lags)
        Probabilities, in 0 .. 1; of images that keep their values covariances or powers too.
    unit : str
        Unit of the lags: "um", or "voxel" if the voxel size is not known; its reciprocal for
        spectra, "1" for histograms.
    """

    lags: NDArray[np.float64]
    values: NDArray[np.float64]
    unit: str


def stack_curves(samples: Sequence[Mapping[str, Curve]]) -> dict[str, Curve]:
    """Join the curves of many samples; they end with the shortest sample's lags.

    The lags of samples of different size are equal as far as they go.
    """
    stacked = {}
    for name, first in samples[0].items():
        n_lags = min(sample[name].lags.size for sample in samples)
        values = np.concatenate([sample[name].values[:, :n_lags] for sample in samples])
        stacked[name] = Curve(lags=first.lags[:n_lags], values=values, unit=first.unit)
    return stacked


def write_curves(path: Path, groups: Mapping[str, Mapping[str, Curve]]) -> None:
    """Write curves to an HDF5 file, atomically.

    Parameters
    ----------
    path : Path
        The file.
    groups : mapping of str to mapping of str to Curve
        The curves by name, by group; such as ``{"2d": ..., "3d": ...}``.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    with create_hdf5(path) as file:
        write_attributes(file, {"content": CONTENT})
        for group, curves in groups.items():
            file.create_group(group)
            for name, curve in curves.items():
                entry = file.create_group(f"{group}/{name}")
                entry.create_dataset("lags", data=curve.lags)
                entry.create_dataset("values", data=curve.values, compression="gzip")
                write_attributes(entry, {"unit": curve.unit})


def read_curves(path: Path) -> dict[str, dict[str, Curve]]:
    """Read the curves that :func:`write_curves` wrote, by name, by group.

    Raises
    ------
    InputError
        If the file is not such a file.
    """
    advice = "Remove the file and run the command again."
    with open_hdf5(path, "a file of curves of MatVir (HDF5)", advice) as file:
        if read_text(file, "content") != CONTENT:
            raise KeyError("no mark of such a file")
        return {group: _read_group(file[group]) for group in file}


def _read_group(group: h5py.Group) -> dict[str, Curve]:
    curves = {}

    def add(name: str, entry: h5py.Group | h5py.Dataset) -> None:
        if "unit" in entry.attrs:
            lags, values = read_array(entry, "lags"), read_array(entry, "values")
            if values.shape[1:] != lags.shape:
                raise ValueError(f"{name!r} of shape {values.shape} for {lags.shape} lags")
            curves[name] = Curve(lags=lags, values=values, unit=read_text(entry, "unit"))

    group.visititems(add)
    return curves
