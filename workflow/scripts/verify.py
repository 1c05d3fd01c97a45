"""Check results, and compare them with published ones (rule ``verify``)."""

import logging
from pathlib import Path

from matvir.comparison.verification import verify
from matvir.log import log_to


def main(report: Path, published: Path | None, tolerance: float) -> None:
    """Say what was found, or fail with what is wrong."""
    for line in verify(report, published, tolerance):
        logging.getLogger("matvir").info(line)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    settings = snakemake.params.settings
    main(
        report=Path(snakemake.params.report),
        published=None if settings["published"] is None else Path(settings["published"]),
        tolerance=settings["tolerance"],
    )
