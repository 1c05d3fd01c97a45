"""Generate volumes from a trained generator (rule ``generate``)."""

from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

from matvir import provenance
from matvir.config import GenerationConfig, from_dict
from matvir.device import pick_device, pick_precision, precision_name, use_threads
from matvir.files import require_space
from matvir.generation.blocks import BlockwiseGenerator
from matvir.generation.export import BYTES_PER_VOXEL, first_volume, write_samples, write_tiff
from matvir.generation.sampling import sample_blocks, sample_seeds
from matvir.generation.size import size_in_voxels
from matvir.log import log_to
from matvir.progress import Progress
from matvir.training.checkpoint import load_generator


def main(
    generator: Path, samples: Path, volume: Path, generation: dict[str, Any], threads: int
) -> None:
    """Write all volumes to ``samples`` and the first of them to ``volume``."""
    n_workers = min(threads, 2)  # see sample_blocks
    use_threads(threads // n_workers)
    trained = load_generator(generator)
    config = from_dict(GenerationConfig, generation)
    size = size_in_voxels(config, trained.voxel_size_um)
    seeds = sample_seeds(trained.provenance["seed"], config.n_volumes)
    n_voxels = prod(size) * len(seeds)
    require_space(samples, BYTES_PER_VOXEL * (n_voxels + prod(size)))
    device = pick_device()
    precision = pick_precision(config.precision, device)
    network = BlockwiseGenerator(trained.network, device, precision)

    def blocks() -> Iterator[Any]:
        with Progress("generating", n_voxels, "voxels") as progress:
            for block in sample_blocks(
                network, size, seeds, periodic=config.periodic, n_workers=n_workers
            ):
                yield block
                progress.update(progress.done + block[2].size)

    origin = trained.provenance | {"generation": generation} | provenance.package()
    origin["precision"] = precision_name(precision)
    write_samples(
        samples,
        blocks(),
        size=size,
        seeds=seeds,
        phases=trained.phases,
        voxel_size_um=trained.voxel_size_um,
        provenance=origin,
    )
    write_tiff(
        volume,
        first_volume(samples),
        size=size,
        voxel_size_um=trained.voxel_size_um,
        provenance=origin,
    )


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        generator=Path(snakemake.input.generator),
        samples=Path(snakemake.output.samples),
        volume=Path(snakemake.output.volume),
        generation=snakemake.params.generation,
        threads=snakemake.threads,
    )
