"""Generate volumes from a trained generator (rule ``generate``)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir import provenance
from matvir.config import GenerationConfig, from_dict
from matvir.device import pick_device, use_threads
from matvir.generation.export import read_samples, write_samples, write_tiff
from matvir.generation.sampling import sample_labels, sample_seeds
from matvir.generation.size import size_in_voxels
from matvir.log import log_to
from matvir.progress import Progress
from matvir.training.checkpoint import load_generator


def main(
    generator: Path, samples: Path, volume: Path, generation: dict[str, Any], threads: int
) -> None:
    """Write all volumes to ``samples`` and the first of them to ``volume``."""
    use_threads(threads)
    device = pick_device()
    trained = load_generator(generator)
    config = from_dict(GenerationConfig, generation)
    size = size_in_voxels(config, trained.voxel_size_um)
    seeds = sample_seeds(trained.provenance["seed"], config.n_volumes)
    network = trained.network.to(device)

    def volumes() -> Iterator[NDArray[np.uint8]]:
        with Progress("generating", len(seeds), "volumes") as progress:
            for done, seed in enumerate(seeds, start=1):
                yield sample_labels(network, size, seed, device)
                progress.update(done)

    origin = trained.provenance | {"generation": generation} | provenance.package()
    edges = trained.voxel_size_um
    voxel_size = None if edges is None else (*edges, edges[-1])[:3]
    write_samples(
        samples,
        volumes(),
        size=size,
        seeds=seeds,
        phases=trained.phases,
        voxel_size_um=voxel_size,
        provenance=origin,
    )
    first = read_samples(samples).labels[0]
    write_tiff(volume, first, voxel_size_um=voxel_size, provenance=origin)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        generator=Path(snakemake.input.generator),
        samples=Path(snakemake.output.samples),
        volume=Path(snakemake.output.volume),
        generation=snakemake.params.generation,
        threads=snakemake.threads,
    )
