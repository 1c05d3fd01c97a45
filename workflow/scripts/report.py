"""Write the report page and the table of all measurements (rule ``report``)."""

from collections.abc import Sequence
from pathlib import Path

from matvir.comparison.run import TABLES
from matvir.log import log_to
from matvir.report.page import build_report
from matvir.report.results import MaterialFiles, RunFiles


def main(
    materials: Sequence[MaterialFiles], runs: Sequence[RunFiles], page: Path, metrics: Path
) -> None:
    """Build the page from the files of all materials and runs."""
    build_report(runs, materials, out=page, metrics_csv=metrics)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    OF_MATERIAL = (
        "labels",
        "segmentation",
        "sheet",
        "telling",
        "intervals",
        "real_metrics",
        "real_curves",
    )
    OF_RUN = ("history", "config", "samples", "metrics", "curves")
    inputs, params = snakemake.input, snakemake.params

    def files(names: Sequence[str], number: int) -> dict[str, Path]:
        """Return the ``number``-th file of each of the rule's named lists of inputs."""
        return {name.removeprefix("real_"): Path(inputs[name][number]) for name in names}

    def latent(number: int) -> Path:
        """Return the folder beside the ``number``-th run's training."""
        return Path(inputs.config[number]).parents[1] / "latent"

    main(
        materials=[
            MaterialFiles(
                name=material["name"],
                synthetic=material["synthetic"],
                reference=None if material["reference"] is None else Path(material["reference"]),
                tables=files(TABLES, number),
                **files(OF_MATERIAL, number),
            )
            for number, material in enumerate(params.materials)
        ],
        runs=[
            RunFiles(
                material=material,
                model=model,
                seed=seed,
                latent=latent(number) if model in params.autoencoders else None,
                **files(OF_RUN, number),
            )
            for number, (material, model, seed) in enumerate(params.runs)
        ],
        page=Path(snakemake.output.page),
        metrics=Path(snakemake.output.metrics),
    )
