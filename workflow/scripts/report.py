"""Write the report page and the table of all measurements (rule ``report``)."""

from collections.abc import Sequence
from pathlib import Path

from matvir.log import log_to
from matvir.report.page import build_report
from matvir.report.results import MaterialFiles, RunFiles, files_of_results


def main(
    runs: Sequence[RunFiles],
    materials: Sequence[MaterialFiles],
    page: Path,
    metrics: Path,
    threads: int,
) -> None:
    """Build the page from the files of all runs and materials."""
    build_report(runs, materials, out=page, metrics_csv=metrics, processes=threads)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        *files_of_results(snakemake.input, **snakemake.params.results),
        page=Path(snakemake.output.page),
        metrics=Path(snakemake.output.metrics),
        threads=snakemake.threads,
    )
