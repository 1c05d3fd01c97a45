"""Write a generated volume for another program (rules ``export_*``)."""

from pathlib import Path

from matvir.generation.export import exported, write_exports
from matvir.log import log_to


def main(samples: Path, first: Path, target: str) -> None:
    """Write the first volume of ``samples`` in one format, beside ``first``."""
    write_exports(exported(samples), first.parent, "volume", [target])


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        samples=Path(snakemake.input.samples),
        first=Path(snakemake.output[0]),
        target=snakemake.params.target,
    )
