"""Generating volumes or images from a trained generator into files."""

import shutil
from collections.abc import Iterator
from math import prod
from pathlib import Path
from statistics import mean
from typing import Any

from matvir.device import pick_device, pick_precision, precision_name, use_threads
from matvir.families import FAMILIES, load
from matvir.files import require_space
from matvir.generation.control import Control
from matvir.generation.diffusion import DiffusionGenerator
from matvir.generation.images import SampledImage
from matvir.generation.sampling import Block, prepared, sample_blocks, sample_seeds
from matvir.models.network import Network
from matvir.progress import Progress
from matvir.settings.build import to_dict
from matvir.settings.records import GenerationConfig
from matvir.settings.sizes import edge_of_images, size_in_voxels
from matvir.storage import provenance
from matvir.storage.images import in_plane_axes
from matvir.storage.samples import first_volume, write_samples, write_tiff
from matvir.training.checkpoint import TrainedGenerator


def generate(
    trained: TrainedGenerator,
    config: GenerationConfig,
    samples: Path,
    volume: Path,
    *,
    seed: int,
    threads: int,
    details: dict[str, Any] | None = None,
    control: Control | None = None,
) -> None:
    """Write volumes to an HDF5 file and the first of them to a TIFF stack.

    A model of 2D images writes as many images instead, all of them to the stack too.

    Parameters
    ----------
    trained : TrainedGenerator
        The generator.
    config : GenerationConfig
        How many volumes, and how large.
    samples, volume : Path
        The two files.
    seed : int
        Determines the seeds of all volumes.
    threads : int
        How many to compute with.
    details : dict, optional
        What else the files are to say of where they come from.
    control : Control, optional
        What volumes of a diffusion model are to have.

    Raises
    ------
    ConfigError
        If the size does not fit the voxels, or the periods the network.
    OSError
        If the disk has not enough room.
    """
    if FAMILIES[trained.kind].makes == "images":
        _generate_images(trained, trained.network, config, samples, volume, seed, threads, details)
        return
    use_threads(threads)
    size = size_in_voxels(config, trained.voxel_size_um)
    seeds = sample_seeds(seed, config.n_volumes)
    n_voxels = prod(size) * len(seeds)
    kind = trained.network.kind
    n_bytes = kind.bytes_per_voxel * (n_voxels + prod(size))
    device = pick_device()
    network = prepared(trained.network, device, pick_precision(config.precision, device))
    n_workers = network.workers(threads, size, len(seeds))
    unfinished = samples.with_name(f"{samples.name}.unfinished")
    if isinstance(network, DiffusionGenerator):
        n_bytes += network.bytes_unfinished(size, len(seeds), n_workers)
        network.unfinished = unfinished
        network.control = control or network.control
    require_space(samples, n_bytes)
    use_threads(threads // n_workers)

    def blocks() -> Iterator[Block]:
        with Progress("generating", n_voxels, "voxels") as progress:
            for block in sample_blocks(
                network, size, seeds, periodic=config.periodic, n_workers=n_workers
            ):
                yield block
                progress.update(progress.done + prod(stop - start for start, stop in block[1]))

    origin = trained.provenance | {"generation": to_dict(config)} | provenance.package()
    origin |= {"precision": precision_name(network.precision), **(details or {})}
    write_samples(
        samples,
        blocks(),
        size=size,
        seeds=seeds,
        phases=trained.phases,
        voxel_size_um=trained.voxel_size_um,
        provenance=origin,
        kind=kind,
    )
    write_tiff(
        volume,
        first_volume(samples),
        size=size,
        voxel_size_um=trained.voxel_size_um,
        provenance=origin,
        kind=kind,
    )
    if unfinished.exists():
        shutil.rmtree(unfinished)


def _generate_images(
    trained: TrainedGenerator,
    network: Network,
    config: GenerationConfig,
    samples: Path,
    stack: Path,
    seed: int,
    threads: int,
    details: dict[str, Any] | None,
) -> None:
    """Write 2D images to an HDF5 file and to a TIFF stack."""
    use_threads(threads)
    axis = trained.provenance.get("image_axis")
    size = size_in_voxels(config, trained.voxel_size_um)
    edge = edge_of_images(size, axis, network.output_size(1), config.periodic, trained.kind)
    seeds = sample_seeds(seed, config.n_volumes)
    require_space(samples, 2 * network.kind.bytes_per_voxel * edge**2 * len(seeds))
    sampler = load(FAMILIES[trained.kind].sampler)
    made: list[SampledImage] = list(sampler(network, edge, seeds, pick_device()))
    images = [one.voxels for one in made]
    sure = [one.certainty for one in made if one.certainty is not None]
    origin = trained.provenance | {"generation": to_dict(config)} | provenance.package()
    origin |= {
        "precision": "float32",
        "certainty": mean(sure) if sure else None,
        "gradient_energy": mean(one.gradient_energy for one in made),
        **(details or {}),
    }
    common: dict[str, Any] = {"provenance": origin, "kind": network.kind}
    window = ((0, edge), (0, edge))
    blocks = ((index, window, image) for index, image in enumerate(images))
    write_samples(
        samples,
        blocks,
        size=(edge, edge),
        seeds=seeds,
        phases=trained.phases,
        voxel_size_um=trained.voxel_size_um,
        **common,
    )
    pixel_size = trained.voxel_size_um
    if pixel_size is not None:
        pixel_size = tuple(pixel_size[other] for other in in_plane_axes(axis or 0))
    write_tiff(stack, images, size=(len(images), edge, edge), voxel_size_um=pixel_size, **common)
