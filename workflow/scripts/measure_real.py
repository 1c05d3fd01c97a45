"""Measure crops and sub-volumes of the real material (rule ``measure_real``)."""

from pathlib import Path
from typing import Any

import numpy as np

from matvir.log import log_to
from matvir.measurement.run import measure
from matvir.measurement.samples import part_of, real_samples
from matvir.measurement.tables import write_measurements
from matvir.settings.build import from_dict
from matvir.settings.records import GenerationConfig
from matvir.settings.sizes import size_in_voxels
from matvir.storage.images import read_image, read_specimen


def main(
    labels: Path,
    reference: Path | None,
    metrics: Path,
    curves: Path,
    material: str,
    isotropic: bool,
    generation: dict[str, Any],
    measured: dict[str, Any],
    part: tuple[int, int],
    threads: int,
    memory_mb: float,
) -> None:
    """Measure samples as large as the generated ones, or a part; write the table and the curves."""
    specimen = read_specimen(labels)
    volume = None if reference is None else read_image(reference)
    # How many volumes are generated does not matter here and must not re-run this.
    config = from_dict(GenerationConfig, {**generation, "n_volumes": 1, "formats": []})
    size = size_in_voxels(config, specimen.voxel_size_um)
    # The same samples in every run: which they are is no setting.
    rng = np.random.default_rng(0)
    samples = real_samples(
        specimen, volume, size, measured["max_samples"], rng, isotropic=isotropic
    )
    table, curves_by_dimension = measure(
        part_of(samples, *part),
        phases=specimen.phases,
        voxel_size_um=specimen.voxel_size_um,
        metrics=measured["metrics"],
        connected_to=measured["connected_to"],
        conductivities=measured["conductivities"],
        youngs_moduli=measured["youngs_moduli"],
        poissons_ratios=measured["poissons_ratios"],
        n_workers=threads,
        memory_mb=memory_mb,
        kind=specimen.kind,
    )
    write_measurements(
        table,
        curves_by_dimension,
        material=material,
        model="real",
        seed=None,
        metrics_path=metrics,
        curves_path=curves,
    )


if __name__ == "__main__":
    log_to(snakemake.log[0])
    reference = snakemake.input.get("reference")
    main(
        labels=Path(snakemake.input.labels),
        reference=None if reference is None else Path(reference),
        metrics=Path(snakemake.output.metrics),
        curves=Path(snakemake.output.curves),
        material=snakemake.wildcards.material,
        isotropic=snakemake.params.isotropic,
        generation=snakemake.params.generation,
        measured=snakemake.params.measure,
        part=(int(snakemake.wildcards.get("part", 0)), snakemake.params.parts),
        threads=snakemake.threads,
        memory_mb=snakemake.resources.mem_mb,
    )
