"""Generate volumes or images from a trained generator (rule ``generate``)."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from matvir.families import FAMILIES
from matvir.generation.run import generate
from matvir.log import log_to
from matvir.settings.build import from_dict
from matvir.settings.records import GenerationConfig
from matvir.training.checkpoint import load_generator


def main(
    generator: Path, samples: Path, volume: Path, generation: dict[str, Any], threads: int
) -> None:
    """Write all samples to ``samples``; the first volume, or all images, to ``volume``."""
    trained = load_generator(generator)
    config = from_dict(GenerationConfig, {**generation, "formats": []})
    images = FAMILIES[trained.kind].makes == "images"
    if images and trained.provenance["image_axis"] is None:
        # As many as volumes have middle slices, which images are compared with.
        config = replace(config, n_volumes=3 * config.n_volumes)
    seed = trained.provenance["seed"]
    generate(trained, config, samples, volume, seed=seed, threads=threads)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        generator=Path(snakemake.input.generator),
        samples=Path(snakemake.output.samples),
        volume=Path(snakemake.output.volume),
        generation=snakemake.params.generation,
        threads=snakemake.threads,
    )
