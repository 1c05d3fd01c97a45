"""Look into the codes of a trained autoencoder (rule ``latent``)."""

from pathlib import Path

from matvir.device import use_threads
from matvir.files import atomic_path
from matvir.generation.latent_space import explore
from matvir.log import log_to
from matvir.micrograph.encoding import read_training
from matvir.report.latent import draw_latent
from matvir.training.checkpoint import load_generator


def main(
    generator: Path, training: Path, held_out: bool, sheet: Path, table: Path, threads: int
) -> None:
    """Draw reconstructions, samples, ways, map and regressions, and write the regressions."""
    use_threads(threads)
    trained = load_generator(generator)
    seen = read_training(training)
    unseen = read_training(training, part="held-out") if held_out else None
    found = explore(trained.network, seen, unseen, seed=trained.provenance["seed"])
    draw_latent(found, trained.phases, trained.network.kind, sheet)
    with atomic_path(table) as temporary:
        found.table.to_csv(temporary, index=False)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        generator=Path(snakemake.input.generator),
        training=Path(snakemake.input.training),
        held_out=snakemake.params.held_out,
        sheet=Path(snakemake.output.sheet),
        table=Path(snakemake.output.table),
        threads=snakemake.threads,
    )
