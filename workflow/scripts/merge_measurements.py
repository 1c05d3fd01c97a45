"""Join what several jobs measured (rules ``measure`` and ``measure_real`` with ``parts``)."""

from collections.abc import Sequence
from pathlib import Path

from matvir.log import log_to
from matvir.measurement.tables import merge_measurements


def main(tables: Sequence[Path], curves: Sequence[Path], metrics: Path, joined: Path) -> None:
    """Write the table and the curves of all parts."""
    merge_measurements(tables, curves, metrics_path=metrics, curves_path=joined)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        tables=[Path(path) for path in snakemake.input.metrics],
        curves=[Path(path) for path in snakemake.input.curves],
        metrics=Path(snakemake.output.metrics),
        joined=Path(snakemake.output.curves),
    )
