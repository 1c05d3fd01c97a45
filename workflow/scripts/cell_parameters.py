"""Write the parameters of an electrode for battery models (rule ``cell_parameters``)."""

from pathlib import Path
from typing import Any

from matvir.comparison.cell_parameters import cell_parameters
from matvir.files import write_json
from matvir.log import log_to
from matvir.measurement.tables import read_comparison
from matvir.settings.build import from_dict
from matvir.settings.records import ElectrodeConfig
from matvir.storage.images import read_specimen


def main(intervals: Path, labels: Path, electrode: dict[str, Any], parameters: Path) -> None:
    """Write the parameters by model."""
    phases = read_specimen(labels).phases
    config = from_dict(ElectrodeConfig, electrode)
    by_model = read_comparison(intervals).groupby("model", sort=False)
    write_json(
        parameters,
        {str(model): cell_parameters(rows, phases, config) for model, rows in by_model},
    )


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        Path(snakemake.input.intervals),
        Path(snakemake.input.labels),
        snakemake.params.electrode,
        Path(snakemake.output.parameters),
    )
