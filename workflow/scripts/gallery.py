"""Draw all materials of the run side by side (rule ``gallery``)."""

from collections.abc import Sequence
from pathlib import Path

from matvir.log import log_to
from matvir.report.gallery import draw_gallery, read_row


def main(
    names: Sequence[str], labels: Sequence[Path], samples: Sequence[Path], sheet: Path
) -> None:
    """Draw a row for each material: its images and the first volume of its first run."""
    files = zip(names, labels, samples, strict=True)
    draw_gallery([read_row(*row) for row in files], sheet)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        names=snakemake.params.materials,
        labels=[Path(path) for path in snakemake.input.labels],
        samples=[Path(path) for path in snakemake.input.samples],
        sheet=Path(snakemake.output.sheet),
    )
