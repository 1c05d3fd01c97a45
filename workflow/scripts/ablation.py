"""Compare the GANs of 2D images of a run by their settings (rule ``ablation``)."""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from matvir.comparison.ablation import ablation_table
from matvir.files import atomic_path, write_text
from matvir.log import log_to
from matvir.measurement.tables import read_comparison
from matvir.report.ablation import ablation_figure, ablation_text

NAMES = ("material", "model", "seed")


def main(
    *,
    runs: Sequence[tuple[str, str, int]],
    settings: Sequence[Path],
    histories: Sequence[Path],
    compared: dict[str, Sequence[Path]],
    table: Path,
    figure: Path,
    text: Path,
) -> None:
    """Write the table of all runs, their loss curves, and what the table says."""
    models = [json.loads(path.read_text())["config"] for path in settings]
    named = [dict(zip(NAMES, run, strict=True)) for run in runs]
    tables = {name: pd.concat(map(read_comparison, paths)) for name, paths in compared.items()}
    found = ablation_table(list(zip(named, models, strict=True)), **tables)
    write_text(table, found.to_csv(index=False))
    write_text(text, ablation_text(found))
    lines = [[json.loads(line) for line in path.read_text().splitlines()] for path in histories]
    with atomic_path(figure) as temporary:
        ablation_figure(found, dict(zip(runs, lines, strict=True))).savefig(
            temporary, format="png", dpi=130
        )


if __name__ == "__main__":
    log_to(snakemake.log[0])
    inputs, outputs = snakemake.input, snakemake.output
    main(
        runs=snakemake.params.runs,
        settings=[Path(path) for path in inputs.settings],
        histories=[Path(path) for path in inputs.history],
        compared={
            name: [Path(path) for path in inputs[name]]
            for name in ("comparison", "s2", "diversity")
        },
        table=Path(outputs.table),
        figure=Path(outputs.figure),
        text=Path(outputs.text),
    )
