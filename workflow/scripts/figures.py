"""Draw the figures for papers, with their captions (rule ``figures``)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matvir.log import log_to
from matvir.report.figures import write_figures
from matvir.report.results import MaterialFiles, RunFiles, files_of_results
from matvir.settings.build import from_dict
from matvir.settings.records import FiguresConfig


def main(
    runs: Sequence[RunFiles],
    materials: Sequence[MaterialFiles],
    folder: Path,
    figures: dict[str, Any],
    confidence: float,
) -> None:
    """Draw the figures of all materials."""
    write_figures(runs, materials, folder, from_dict(FiguresConfig, figures), confidence)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        *files_of_results(snakemake.input, **snakemake.params.results),
        folder=Path(snakemake.output.folder),
        figures=snakemake.params.figures,
        confidence=snakemake.params.confidence,
    )
