"""One-hot encoding: the file that every model trains on.

A label image is cut once into a training part and a held-out part that share no pixel; of a
material known in several planes, each plane is. From each part come 2D sections perpendicular to
each axis, one channel per phase, as uint8 in HDF5::

    training/axis-0/sections   (n_sections, n_phases, rows, columns), 0 or 1
    held-out/axis-0/sections   the same of the part that no training sees

    training/volume            the part of a 3D image itself, labels or values

Each ``axis-*`` group carries ``positions`` (index of each section along its axis of the source) and
``extent`` (start and stop of the part along every axis of the source); the root carries the phases,
voxel size, symmetries, split and provenance. A pixel outside the material is 0 in every channel.
Of an image that keeps its values a section has a channel of values in 0 .. 255 for each colour.
Axes whose slices look alike share one group under two names.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from matvir.errors import ConfigError, InputError
from matvir.files import split_dataset
from matvir.metrics.checks import has_equal_edges
from matvir.settings.build import to_dict
from matvir.settings.records import EncodingConfig, MaterialConfig
from matvir.storage import provenance
from matvir.storage.hdf5 import (
    create_hdf5,
    open_hdf5,
    read_attribute,
    read_edges,
    read_flag,
    read_names,
    read_voxels,
    write_attributes,
)
from matvir.storage.image_types import PHASES, ImageType
from matvir.storage.images import MaterialImage, Specimen, distinct_planes, in_plane_axes, read_kind

logger = logging.getLogger(__name__)

Part = Literal["training", "held-out"]
Extent = tuple[slice, ...]

CHUNK = 256
# Pixels of a stack that are learned from: what is kept of all sections has to fit the memory.
MOST_PIXELS = 2**26


@dataclass(frozen=True, kw_only=True)
class Sections:
    """One-hot sections perpendicular to one axis of one part of the image.

    Attributes
    ----------
    one_hot : ndarray of shape (n_sections, n_phases, rows, columns), uint8
        1 where the pixel is of the phase; all 0 outside the material.
    positions : tuple of int
        Index of each section along its axis of the source; ascending.
    """

    one_hot: NDArray[np.uint8]
    positions: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """What a model learns from: one part of an encoded image.

    Attributes
    ----------
    phases : tuple of str
        Name of each phase; its position is its channel.
    voxel_size_um : tuple of float or None
        Edge of a voxel along each of the three axes in micrometres; None if it is not known.
    mirror, quarter_turns : bool
        Symmetries that the sections have.
    isotropic : bool
        Whether sections perpendicular to any axis are alike.
    sections : dict of int to ndarray of shape (n_sections, n_phases, rows, columns), uint8
        One-hot sections by the axis they are perpendicular to; all 0 outside the material. Axes
        whose slices look alike may share one array.
    rotation_axis : int or None
        Axis around which an anisotropic material looks alike at every angle.
    kind : ImageType
        What the channels of the sections are; if not phases, they hold values in 0 .. 255.
    volume : ndarray of shape (D, H, W), or (D, H, W, 3) for colours, uint8, or None
        The part of a 3D image itself, where it was asked for.
    images : tuple of (str, str)
        Name and SHA-256 of each file that the sections come from, where they come from files.
    """

    phases: tuple[str, ...]
    voxel_size_um: tuple[float, ...] | None
    mirror: bool
    quarter_turns: bool
    isotropic: bool
    sections: dict[int, NDArray[np.uint8]]
    rotation_axis: int | None = None
    kind: ImageType = PHASES
    volume: NDArray[np.uint8] | None = None
    images: tuple[tuple[str, str], ...] = ()

    @property
    def n_phases(self) -> int:
        """Number of phases."""
        return len(self.phases)

    @property
    def axis_groups(self) -> list[tuple[int, ...]]:
        """Axes whose slices look alike, a tuple for each kind of slice.

        All three of an isotropic material; of another one those that share their sections. An axis
        without sections is in none.
        """
        if self.isotropic:
            return [(0, 1, 2)]
        return [axes for axes, _ in distinct_planes(self.sections)]

    @property
    def axes(self) -> list[int]:
        """Axes for whose slices there are sections."""
        return sorted(axis for group in self.axis_groups for axis in group)

    @property
    def image_axis(self) -> int | None:
        """Axis that the images of a 2D model are perpendicular to; None if all look alike.

        Of an anisotropic material it is the first one across which there are sections.
        """
        return None if self.isotropic else self.axes[0]

    @property
    def masked(self) -> bool:
        """Whether some pixels of the sections show no material."""
        if not self.kind.labelled:
            return False
        return any(bool((one.sum(axis=1) == 0).any()) for one in self.sections.values())

    def volume_fractions(self) -> list[float]:
        """Return the fraction of each phase in all sections, what is masked left out.

        Of images that keep their values it is the mean of each channel, in 0 .. 1.
        """
        distinct = [sections for _, sections in distinct_planes(self.sections)]
        if not self.kind.labelled:
            pixels = [one.swapaxes(0, 1).reshape(self.n_phases, -1) for one in distinct]
            return [float(x) for x in np.concatenate(pixels, axis=1).mean(axis=1) / 255]
        counts = np.sum([s.sum(axis=(0, 2, 3), dtype=np.int64) for s in distinct], axis=0)
        return [float(share) for share in counts / counts.sum()]

    def fingerprint(self) -> str:
        """Return a SHA-256 of everything that training takes from here, in hexadecimal."""
        symmetries = (self.mirror, self.quarter_turns, self.isotropic, self.rotation_axis)
        digest = hashlib.sha256(f"{symmetries} {self.kind}".encode())
        for axis, sections in sorted(self.sections.items()):
            digest.update(f"{axis} {sections.shape}".encode())
            digest.update(sections.tobytes())
        if self.volume is not None:
            digest.update(self.volume.tobytes())
        return digest.hexdigest()

    def sections_for_axis(self, axis: int) -> NDArray[np.uint8]:
        """Return the sections that stand for slices perpendicular to ``axis`` of a volume.

        The section of an isotropic material's 2D image stands for all three axes.

        Raises
        ------
        InputError
            If the image has no section perpendicular to ``axis`` and the material is anisotropic.
        """
        if axis in self.sections:
            return self.sections[axis]
        if self.isotropic and axis in (1, 2):
            return self.sections[0]
        raise InputError(
            f"axis {axis}: expected sections perpendicular to it, got only those of axes "
            f"{sorted(self.sections)} of an anisotropic material. Ask for those in 'axes' only."
        )


def encode(specimen: Specimen, config: MaterialConfig, path: Path) -> None:
    """Split the images of a material, encode its sections and write them to an HDF5 file.

    A plane is cut once across its longer side, a volume and a stack across axis 0; which end is
    held out follows from the seed. A plane gives one section, under its axis, and a stack all of
    its images. From a volume, ``sections_per_axis`` distinct random
    planes are taken perpendicular to each axis (all if there are fewer), each cut to the part.

    Parameters
    ----------
    specimen : Specimen
        Planes or a volume.
    config : MaterialConfig
        Uses ``encoding``, ``isotropic`` and ``symmetry``.
    path : Path
        The HDF5 file to write; replaced at once when it is complete.

    Raises
    ------
    InputError
        If a label has no phase, a part shows no material, or there is one plane only of an
        anisotropic material.
    ConfigError
        If the split leaves a part without a plane, or the voxels contradict the symmetries.
    """
    _check(specimen, config)
    rng = np.random.default_rng(config.encoding.seed)
    with create_hdf5(path) as file:
        if specimen.volume is not None:
            extents = _encode_volume(file, specimen.volume, config.encoding, rng)
        else:
            extents = _encode_planes(file, specimen.planes, config.encoding, rng)
        write_attributes(file, _description(specimen, config, extents))


def _encode_volume(
    file: h5py.File, volume: MaterialImage, config: EncodingConfig, rng: np.random.Generator
) -> dict[str, Extent]:
    """Write sections perpendicular to each axis of both parts; return the extents of the parts."""
    extents: dict[str, Extent] = dict(split(volume.shape, config, rng).items())
    for part, extent in extents.items():
        for axis in range(3):
            sections = _take_sections(volume, axis, extent, config, rng)
            _write_sections(file, f"{part}/axis-{axis}", sections, extent)
    labels = volume.voxels[extents["training"]]
    chunks = (*(min(edge, 64) for edge in labels.shape[:3]), *labels.shape[3:])
    file.create_dataset("training/volume", data=labels, chunks=chunks, compression="gzip")
    return extents


def _encode_planes(
    file: h5py.File,
    planes: Mapping[int, MaterialImage],
    config: EncodingConfig,
    rng: np.random.Generator,
) -> dict[str, Extent]:
    """Write the one section of each plane, a plane of several axes once; return all extents."""
    extents: dict[str, Extent] = {}
    for (first, *others), plane in distinct_planes(planes):
        for part, extent in split(plane.shape, config, rng).items():
            name = f"{part}/axis-{first}"
            _write_sections(file, name, _take_sections(plane, first, extent, config, rng), extent)
            extents[name] = extent
            for axis in others:
                file[f"{part}/axis-{axis}"] = file[name]
    return extents


def split(
    shape: tuple[int, ...], config: EncodingConfig, rng: np.random.Generator
) -> dict[Part, Extent]:
    """Cut an image of this shape into a training part and a held-out part.

    Parameters
    ----------
    shape : tuple of int
        (H, W), cut across the longer side, or (D, H, W), cut across axis 0.
    config : EncodingConfig
        ``held_out`` is the share of the held-out part, 0 for none.
    rng : numpy.random.Generator
        Decides which end is held out.

    Returns
    -------
    dict
        Slices of each part along every axis; no ``held-out`` if its share is 0.

    Raises
    ------
    ConfigError
        If one of the parts would be empty.
    """
    whole = [slice(0, edge) for edge in shape]
    if config.held_out == 0:
        return {"training": tuple(whole)}
    axis = int(np.argmax(shape)) if len(shape) == 2 else 0
    length = shape[axis]
    thickness = round(config.held_out * length)
    if not 0 < thickness < length:
        raise ConfigError(
            f"encoding.held_out: {config.held_out} of the {length} planes along axis {axis} leaves "
            f"{length - thickness} for training and {thickness} held out. Choose a share that "
            "leaves at least one plane for each, or 0 to hold out nothing."
        )
    low_end = rng.random() < 0.5
    cut = thickness if low_end else length - thickness
    low, high = slice(0, cut), slice(cut, length)
    cuts: dict[Part, slice] = {
        "training": high if low_end else low,
        "held-out": low if low_end else high,
    }
    return {part: (*whole[:axis], cut, *whole[axis + 1 :]) for part, cut in cuts.items()}


def read_training(
    path: Path, *, part: Part = "training", with_volume: bool = False
) -> TrainingData:
    """Read one part of a file that :func:`encode` wrote.

    Parameters
    ----------
    path : Path
        The HDF5 file.
    part : {"training", "held-out"}
        Which part.
    with_volume : bool
        Whether to read the training part of a 3D image itself, if it is one.

    Raises
    ------
    InputError
        If the file is not such a file, or nothing was held out and the held-out part is asked for.
    """
    expected = f"a training file of MatVir (HDF5 with one-hot sections under '{part}')"
    with open_hdf5(path, expected, "Remove the file and run the command again.") as file:
        if part == "held-out" and part not in file and "training" in file:
            raise InputError(
                f"{path}: expected a held-out part, but the image was encoded without one. "
                "Set 'encoding.held_out' above 0 and encode again."
            )
        groups = {
            int(name.removeprefix("axis-")): file[part][name]
            for name in file[part]
            if name.startswith("axis-")
        }
        phases, kind = read_names(file), read_kind(file)
        # One array for all names of a group, so that axes that share sections are known.
        arrays = {group: _read_sections(group, len(phases), kind) for group in groups.values()}
        if not groups or groups.keys() - {0, 1, 2}:
            raise ValueError(
                f"sections perpendicular to the axes {sorted(groups)} in place of 0, 1 and 2"
            )
        has_volume = with_volume and "volume" in file[part]
        rotation_axis = read_attribute(file, "rotation_axis")
        if rotation_axis not in (None, 0, 1, 2):
            raise ValueError(f"the rotation axis {rotation_axis!r}")
        return TrainingData(
            phases=phases,
            voxel_size_um=read_edges(file),
            mirror=read_flag(file, "mirror"),
            quarter_turns=read_flag(file, "quarter_turns"),
            isotropic=read_flag(file, "isotropic"),
            rotation_axis=rotation_axis,
            kind=kind,
            volume=read_voxels(file[part], "volume") if has_volume else None,
            sections={axis: arrays[group] for axis, group in groups.items()},
            images=_image_files(read_attribute(file, "provenance")),
        )


def _image_files(origin: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return name and hash of the files that were encoded; folders they lay in are nobody's."""
    found: dict[tuple[str, str], None] = {}
    for image in origin["images"]:
        source = image.get("source", {})
        if "sha256" in source:
            file, dataset = split_dataset(source["path"])
            name = file.name if dataset is None else f"{file.name}:{dataset}"
            # An image in several files, such as OME-TIFF, names them all.
            files = source.get("files", {name: source["sha256"]})
            found |= dict.fromkeys(files.items())
    return tuple(found)


def _read_sections(group: h5py.Group, n_channels: int, kind: ImageType) -> NDArray[np.uint8]:
    """Return sections, (n, n_channels, H, W), after a look at their shape and values."""
    sections = read_voxels(group, "sections")
    if sections.ndim != 4 or sections.shape[1] != n_channels:
        raise ValueError(f"sections of shape {sections.shape} in place of {n_channels} channels")
    if sections.max() > kind.full:
        raise ValueError(f"{sections.max()} in sections in place of 0 and 1")
    return sections


def _check(specimen: Specimen, config: MaterialConfig) -> None:
    """Raise if labels and phases, planes and isotropy, or voxels and symmetries do not fit."""
    n_phases = specimen.n_phases
    labelled = [image for image in specimen.images if image.kind.labelled]
    highest = max((int(im.voxels.max(where=im.material, initial=0)) for im in labelled), default=0)
    if highest >= n_phases:
        raise InputError(
            f"labels: expected values below {n_phases}, the number of phases "
            f"{specimen.phases}, got {highest}. Name every phase under 'phases'."
        )
    if not config.isotropic and specimen.volume is None and len(specimen.planes) < 2:
        raise InputError(
            "planes: expected images perpendicular to two axes at least of an anisotropic "
            "material, got one "
            f"perpendicular to axis {min(specimen.planes)}. Give 'planes' or a 3D image, or set "
            "'isotropic: true' if the material looks alike in every direction."
        )
    edges = specimen.voxel_size_um
    needs_cubes = config.isotropic or config.symmetry.quarter_turns
    if edges is not None and needs_cubes and not has_equal_edges(edges):
        raise ConfigError(
            f"voxel_size_um: 'isotropic' and 'symmetry.quarter_turns' need voxels with equal "
            f"edges, got {edges}. Resample the image, or set both to false."
        )
    around = config.symmetry.rotation_axis
    if edges is not None and around is not None:
        first, second = (edges[axis] for axis in in_plane_axes(around))
        if not has_equal_edges((first, second)):
            raise ConfigError(
                f"symmetry.rotation_axis: slices at 45 degrees around axis {around} need voxels "
                f"with equal edges along the two other axes, got {first} and {second} um. Resample "
                "the images, or set it to null."
            )


def _take_sections(
    image: MaterialImage,
    axis: int,
    extent: Extent,
    config: EncodingConfig,
    rng: np.random.Generator,
) -> Sections:
    """Encode random distinct planes perpendicular to ``axis``, cut to ``extent``."""
    labels, material, start = image.voxels[extent], image.material[extent], 0
    if len(image.shape) == 2:
        labels, material = np.expand_dims(labels, axis), np.expand_dims(material, axis)
    else:
        start = extent[axis].start
    candidates = np.flatnonzero(material.any(axis=in_plane_axes(axis)))
    if candidates.size == 0:
        raise InputError(
            f"the part {_bounds(extent)} of the image shows no material: all of it is masked out. "
            "Choose a larger 'circle' or 'crop', or another 'encoding.seed' or 'held_out'."
        )
    most = _most_images(image) if image.stack else config.sections_per_axis
    count = min(most, candidates.size)
    chosen = np.sort(rng.choice(candidates, count, replace=False))
    encoded = [
        image.kind.encode(labels.take(i, axis), image.n_phases, material.take(i, axis))
        for i in chosen
    ]
    return Sections(
        one_hot=np.stack(encoded), positions=tuple(int(start + index) for index in chosen)
    )


def _most_images(stack: MaterialImage) -> int:
    """Return how many images of a stack are learned from at most."""
    n_images, rows, columns = stack.shape
    most = max(MOST_PIXELS // (rows * columns), 1)
    if most < n_images:
        logger.warning(
            "the stack has %d images of %d x %d pixels: a random %d of each part are learned from",
            *(n_images, rows, columns, most),
        )
    return most


def _write_sections(file: h5py.File, name: str, sections: Sections, extent: Extent) -> None:
    n_sections, n_phases, rows, columns = sections.one_hot.shape
    group = file.create_group(name)
    group.create_dataset(
        "sections",
        data=sections.one_hot,
        chunks=(1, n_phases, min(rows, CHUNK), min(columns, CHUNK)),
        compression="gzip",
    )
    write_attributes(group, {"positions": sections.positions, "extent": _bounds(extent)})
    logger.info("%s: %d sections of %d x %d", name, n_sections, rows, columns)


def _description(
    specimen: Specimen, config: MaterialConfig, extents: Mapping[str, Extent]
) -> dict[str, Any]:
    """Return the attributes of the file; what is not a number is JSON."""
    bounds = {part: _bounds(extent) for part, extent in extents.items()}
    shapes = [image.shape for image in specimen.images]
    provenances = [image.provenance for image in specimen.images]
    return {
        "kind": specimen.kind.text,
        "phases": json.dumps(specimen.phases),
        "value_to_phase": json.dumps(provenances[0].get("value_to_phase")),
        "voxel_size_um": json.dumps(specimen.voxel_size_um),
        "mirror": config.symmetry.mirror,
        "quarter_turns": config.symmetry.quarter_turns,
        "isotropic": config.isotropic,
        "rotation_axis": json.dumps(config.symmetry.rotation_axis),
        "split": json.dumps({"source_shapes": shapes, "extents": bounds}),
        "encoding": json.dumps(to_dict(config.encoding)),
        "seed": config.encoding.seed,
        "provenance": json.dumps({"images": provenances, "encoded_by": provenance.package()}),
    }


def _bounds(extent: Extent) -> list[list[int]]:
    return [[part.start, part.stop] for part in extent]
