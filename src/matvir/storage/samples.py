"""Files of generated volumes or images: HDF5 with all samples, TIFF with one of them."""

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile
from numpy.typing import NDArray

from matvir.files import atomic_path
from matvir.storage.hdf5 import (
    create_hdf5,
    open_hdf5,
    read_attribute,
    read_edges,
    read_mapping,
    read_names,
    read_voxels,
    write_attributes,
)
from matvir.storage.image_types import PHASES, ImageType
from matvir.storage.images import N_AXES_OF_IMAGES, read_kind
from matvir.storage.windows import Range, slices_of

# Edge of the chunks that a file of volumes is compressed in; blocks of volumes are multiples of it.
CHUNK = 64
COMPRESSION_LEVEL = 1


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Generated volumes of one generator.

    Attributes
    ----------
    labels : ndarray of shape (n, D, H, W), or (n, H, W) of 2D images, uint8
        Phase of each voxel, or its value in 0 .. 255, with a last axis of three for colours.
    phases : tuple of str
        Name of each phase; its position is its label. Of values the channels.
    voxel_size_um : tuple of three float or None
        Edge of a voxel along each axis in micrometres.
    seeds : tuple of int
        Seed of each volume.
    provenance : dict
        Material, model, seed, configuration hash, version and revision.
    kind : ImageType
        What ``labels`` are.
    """

    labels: NDArray[np.uint8]
    phases: tuple[str, ...]
    voxel_size_um: tuple[float, ...] | None
    seeds: tuple[int, ...]
    provenance: dict[str, Any]
    kind: ImageType = PHASES

    @property
    def are_images(self) -> bool:
        """Whether they are 2D images and not volumes."""
        return len(self.kind.spatial_shape(self.labels)) == N_AXES_OF_IMAGES

    @property
    def image_axis(self) -> int | None:
        """Axis that 2D images are perpendicular to, of an anisotropic material; else None."""
        return self.provenance.get("image_axis")


def write_samples(
    path: Path,
    blocks: Iterable[tuple[int, Sequence[Range], NDArray[np.uint8]]],
    *,
    size: Sequence[int],
    seeds: Sequence[int],
    phases: Sequence[str],
    voxel_size_um: Sequence[float] | None,
    provenance: dict[str, Any],
    kind: ImageType = PHASES,
) -> None:
    """Write volumes block by block, as they are generated, to an HDF5 file, atomically.

    Parameters
    ----------
    path : Path
        The file; dataset ``labels`` of shape (n, D, H, W), chunked and compressed. With a last
        axis of three for colours.
    blocks : iterable of (int, sequence of (int, int), ndarray of uint8)
        What :func:`matvir.generation.sampling.sample_blocks` yields: number, place and content of
        parts, together all of as many volumes as there are ``seeds``.
    size : sequence of int
        (D, H, W), or (H, W) of 2D images.
    seeds : sequence of int
        Seed of each volume.
    phases, voxel_size_um, provenance, kind
        As in `Samples`.
    """
    colours = kind.colour_shape
    chunks = (1, *(min(edge, CHUNK) for edge in size), *colours)
    with create_hdf5(path, streamed=True) as file:
        dataset = file.create_dataset(
            "labels",
            (len(seeds), *size, *colours),
            np.uint8,
            chunks=chunks,
            compression="gzip",
            compression_opts=COMPRESSION_LEVEL,
        )
        for index, window, labels in blocks:
            _write_block(dataset, index, window, labels)
        described = {
            "phases": list(phases),
            "voxel_size_um": voxel_size_um and list(voxel_size_um),
            "seeds": list(seeds),
            "provenance": provenance,
        }
        texts = {name: json.dumps(value) for name, value in described.items()}
        write_attributes(file, {"kind": kind.text, **texts})


def _write_block(
    dataset: h5py.Dataset, index: int, window: Sequence[Range], labels: NDArray[np.uint8]
) -> None:
    """Write a part of a volume, compressed here where it is made of whole chunks."""
    starts, stops = zip(*window, strict=True)
    size, chunk = (shape[1 : len(window) + 1] for shape in (dataset.shape, dataset.chunks))
    whole = all(
        start % edge == 0 and (stop % edge == 0 or stop == length)
        for start, stop, edge, length in zip(starts, stops, chunk, size, strict=True)
    )
    if not whole:
        dataset[index, *slices_of(window)] = labels
        return
    n_colours = len(dataset.chunks) - 1 - len(window)
    for corner in product(*map(range, starts, stops, chunk)):
        inside = [slice(c - s, c - s + e) for c, s, e in zip(corner, starts, chunk, strict=True)]
        full = np.zeros(dataset.chunks[1:], dtype=np.uint8)
        part = labels[tuple(inside)]
        full[tuple(map(slice, part.shape))] = part
        place = (index, *corner, *[0] * n_colours)
        dataset.id.write_direct_chunk(place, _deflated(full))


def _deflated(chunk: NDArray[np.uint8]) -> bytes:
    """Return a chunk as HDF5's gzip would store it, in half the time.

    Phases are runs of one number: what looks for other repetitions finds little more.
    """
    stream = zlib.compressobj(COMPRESSION_LEVEL, strategy=zlib.Z_RLE)
    return stream.compress(chunk.data) + stream.flush()


def read_samples(path: Path) -> Samples:
    """Read what :func:`write_samples` wrote.

    Raises
    ------
    InputError
        If the file is not such a file.
    """
    expected = "generated samples of MatVir (HDF5 with 'labels', 'phases' and 'seeds')"
    with open_hdf5(path, expected, "Remove the file and run the command again.") as file:
        return Samples(
            labels=read_voxels(file, "labels"),
            phases=read_names(file),
            voxel_size_um=read_edges(file),
            seeds=_read_seeds(file),
            provenance=read_mapping(file),
            kind=read_kind(file),
        )


def _read_seeds(file: h5py.File) -> tuple[int, ...]:
    """Return the seed of each sample, after a look at how many samples there are."""
    seeds, shape = read_attribute(file, "seeds"), file["labels"].shape
    n_axes = len(shape) - len(read_kind(file).colour_shape)
    if not isinstance(seeds, list) or n_axes not in (3, 4) or len(seeds) != shape[0]:
        raise ValueError(f"seeds {seeds!r} of samples of shape {shape}")
    return tuple(seeds)


def first_volume(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Yield the planes of the first volume that :func:`write_samples` wrote."""
    with h5py.File(path, "r") as file:
        labels = file["labels"]
        for start in range(0, labels.shape[1], CHUNK):
            yield from labels[0, start : start + CHUNK]


def write_tiff(
    path: Path,
    planes: Iterable[NDArray[np.uint8]],
    *,
    size: Sequence[int],
    voxel_size_um: Sequence[float] | None,
    provenance: dict[str, Any],
    kind: ImageType = PHASES,
) -> None:
    """Write one volume as a compressed ImageJ TIFF stack, atomically.

    Parameters
    ----------
    path : Path
        The file.
    planes : iterable of ndarray of shape (H, W), or (H, W, 3) for colours, uint8
        As many as ``size`` says; one is held in memory at a time.
    size : sequence of three int
        (D, H, W); axes are (plane, row, column).
    voxel_size_um : sequence of float or None
        Written as ImageJ's resolution and spacing in micrometres; two of planes that are no volume.
    provenance : dict
        Written as JSON into ImageJ's info field.
    kind : ImageType
        What the planes are.
    """
    colours = kind.colour_shape
    axes = "ZYXS" if colours else "ZYX"
    metadata: dict[str, Any] = {"axes": axes, "Info": json.dumps(provenance)}
    resolution = None
    if voxel_size_um is not None:
        *depth, height, width = voxel_size_um
        metadata |= {"unit": "um", **({"spacing": depth[0]} if depth else {})}
        resolution = (1 / width, 1 / height)
    with atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary,
            iter(planes),
            shape=(*size, *colours),
            dtype=np.uint8,
            imagej=True,
            photometric="rgb" if colours else "minisblack",
            compression="zlib",
            resolution=resolution,
            metadata=metadata,
        )
