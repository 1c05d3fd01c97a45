"""Volumes for other programs: from files of samples, labels or anyone's label volume."""

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

from matvir.errors import ConfigError, InputError
from matvir.files import require_space, split_dataset
from matvir.formats import TARGETS
from matvir.formats.export import Export
from matvir.micrograph.reading import Channel, read_micrograph
from matvir.storage.hdf5 import numbers_in, open_hdf5, read_edges, read_mapping, read_names
from matvir.storage.images import MaterialImage, read_kind


def exported(
    source: str | Path,
    *,
    number: int = 0,
    phases: Sequence[str] | None = None,
    voxel_size_um: Sequence[float] | None = None,
    channel: Channel = None,
) -> Export:
    """Return a volume of labels of a file.

    Parameters
    ----------
    source : str or Path
        A ``samples.h5`` or ``labels.h5`` of MatVir, or a label volume of any format.
    number : int
        Which volume of several.
    phases : sequence of str, optional
        Names by ascending label, where the file has none; else phase-0, phase-1, ...
    voxel_size_um : sequence of float, optional
        One edge, or one per axis, where the file has none.
    channel : int, "planes" or None
        As of `matvir.micrograph.reading.read_micrograph`.

    Raises
    ------
    InputError
        If the file is no label volume.
    ConfigError
        If names, edges or the number do not fit it.
    """
    path, dataset = split_dataset(source)
    ours = dataset is None and is_ours(path)
    found = _of_matvir(path, number) if ours else _of_anyone(source, channel)
    if phases is not None and len(phases) != len(found.phases):
        raise ConfigError(
            f"--phases: expected {len(found.phases)} names, one per label of {source}, got "
            f"{list(phases)}."
        )
    names = found.phases if phases is None else tuple(phases)
    _check_names(names)
    edges = found.voxel_size_um
    if voxel_size_um is not None:
        given = [float(edge) for edge in voxel_size_um]
        if len(given) not in (1, 3) or not all(0 < edge < math.inf for edge in given):
            raise ConfigError(
                f"--voxel-size-um: expected one positive number or three, got {given}."
            )
        edges = tuple(given if len(given) == 3 else given * 3)
    return replace(found, phases=names, voxel_size_um=edges)


def _check_names(phases: Sequence[str]) -> None:
    """Check that names can be those of files and of sets of elements."""
    odd = [name for name in phases if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name)]
    if odd or len(set(phases)) < len(phases):
        raise ConfigError(
            f"--phases: expected different names of letters, digits, '-' and '_', got "
            f"{list(phases)}."
        )


def is_ours(path: Path) -> bool:
    """Return whether a file is one of MatVir, with labels and names of phases."""
    if path.suffix.lower() != ".h5" or not path.is_file() or not h5py.is_hdf5(path):
        return False
    with h5py.File(path, "r") as file:
        return "labels" in file and "phases" in file.attrs


def _of_matvir(path: Path, number: int) -> Export:
    """Return one volume of samples, or a label volume."""
    advice = "Give a samples.h5 or a labels.h5 of a run."
    with open_hdf5(path, "volumes of MatVir", advice) as file:
        labels = numbers_in(file, "labels")
        if not read_kind(file).labelled:
            raise InputError(
                f"{path}: expected labels of phases, got {read_kind(file).text} values. Only TIFF "
                "holds those: use volume.tif of the run."
            )
        several = labels.ndim == 4
        n_volumes = labels.shape[0] if several else 1
        if labels.ndim < 3 or (labels.ndim == 3 and "seeds" in file.attrs):
            raise InputError(
                f"{path}: expected volumes, got 2D images. Use the images as they are."
            )
        if not 0 <= number < n_volumes:
            raise ConfigError(
                f"--sample: expected 0 .. {n_volumes - 1}, the volumes of {path}, got {number}."
            )
        return Export(
            voxels=np.asarray(labels[number] if several else labels[()], dtype=np.uint8),
            phases=read_names(file),
            voxel_size_um=read_edges(file),
            provenance=read_mapping(file) | ({"sample": number} if several else {}),
        )


def _of_anyone(source: str | Path, channel: Channel) -> Export:
    """Return a label volume of any format."""
    image = labels_of_anyone(source, channel)
    if len(image.shape) != 3:
        raise InputError(
            f"{source}: expected a volume, got an image of shape {image.shape}. Only volumes "
            "are written for other programs."
        )
    return Export(
        voxels=image.voxels,
        phases=image.phases,
        voxel_size_um=image.voxel_size_um,
        provenance=image.provenance,
    )


def labels_of_anyone(source: str | Path, channel: Channel = None) -> MaterialImage:
    """Return labels of any format; their values, ascending, become 0 .. n - 1.

    Raises
    ------
    InputError
        If the file holds no labels.
    """
    read = read_micrograph(source, type="labels", voxel_size_um=None, channel=channel)
    values, labels = np.unique(read.image, return_inverse=True)
    return MaterialImage(
        voxels=labels.reshape(read.image.shape).astype(np.uint8),
        phases=tuple(f"phase-{number}" for number in range(len(values))),
        voxel_size_um=read.voxel_size_um,
        provenance={"source": read.source, "values": values.tolist()},
    )


def require_exportable(formats: Sequence[str], n_voxels: int) -> None:
    """Check before volumes are made that formats can hold so many voxels.

    Raises
    ------
    ConfigError
        If a mesh would be too large.
    """
    meshes = [one for one in formats if TARGETS[one].most_voxels < n_voxels]
    if meshes:
        most = TARGETS[meshes[0]].most_voxels
        raise ConfigError(
            f"{', '.join(meshes)}: a mesh of {n_voxels} elements is too large, expected at most "
            f"{most} ({round(most ** (1 / 3))} voxels cubed). Make smaller volumes, or write "
            "'vti', which holds them without a mesh."
        )


def require_free(folder: Path, name: str, formats: Sequence[str]) -> None:
    """Check that files of other programs would replace none that are there.

    Raises
    ------
    ConfigError
        If one is there.
    """
    paths = [folder / f"{name}{suffix}" for one in formats for suffix in TARGETS[one].suffixes]
    taken = [str(path) for path in paths if path.exists()]
    if taken:
        raise ConfigError(
            f"{', '.join(taken)}: there already. Choose another folder (--out) or name "
            "(--name), or replace it with --force."
        )


def write_exports(export: Export, folder: Path, name: str, formats: Sequence[str]) -> list[Path]:
    """Write a volume in several formats; what is there under these names is replaced.

    Parameters
    ----------
    export : Export
        The volume.
    folder : Path
        Where to; it is created.
    name : str
        Of the files, without a suffix.
    formats : sequence of str
        Names in `matvir.formats.TARGETS`.

    Returns
    -------
    list of Path
        What was written, a file or a folder each.

    Raises
    ------
    ConfigError
        If a mesh would be too large.
    OSError
        If the disk has not enough room.
    """
    require_exportable(formats, export.voxels.size)
    paths = [folder / f"{name}{TARGETS[one].suffix}" for one in formats]
    per_voxel = sum(TARGETS[one].bytes_per_voxel for one in formats)
    if paths:
        folder.mkdir(parents=True, exist_ok=True)
        require_space(paths[0], per_voxel * export.voxels.size)
    for one, path in zip(formats, paths, strict=True):
        TARGETS[one].write(path, export)
    return paths
