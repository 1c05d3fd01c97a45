"""Measure generated volumes and their slices, or images (rule ``measure``)."""

from pathlib import Path

from matvir.log import log_to
from matvir.measurement.run import measure
from matvir.measurement.samples import generated_samples, part_of
from matvir.measurement.tables import write_measurements
from matvir.storage.samples import read_samples


def main(
    samples: Path,
    metrics: Path,
    curves: Path,
    names: dict[str, str],
    isotropic: bool,
    measured: dict,
    part: tuple[int, int],
    threads: int,
    memory_mb: float,
) -> None:
    """Measure all samples of ``samples``, or a part, and write the table and the curves."""
    generated = read_samples(samples)
    table, curves_by_dimension = measure(
        part_of(generated_samples(generated, isotropic=isotropic), *part),
        phases=generated.phases,
        voxel_size_um=generated.voxel_size_um,
        metrics=measured["metrics"],
        connected_to=measured["connected_to"],
        conductivities=measured["conductivities"],
        youngs_moduli=measured["youngs_moduli"],
        poissons_ratios=measured["poissons_ratios"],
        n_workers=threads,
        memory_mb=memory_mb,
        kind=generated.kind,
    )
    write_measurements(
        table,
        curves_by_dimension,
        material=names["material"],
        model=names["model"],
        seed=int(names["seed"]),
        metrics_path=metrics,
        curves_path=curves,
    )


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        samples=Path(snakemake.input.samples),
        metrics=Path(snakemake.output.metrics),
        curves=Path(snakemake.output.curves),
        names=dict(snakemake.wildcards.items()),
        isotropic=snakemake.params.isotropic,
        measured=snakemake.params.measure,
        part=(int(snakemake.wildcards.get("part", 0)), snakemake.params.parts),
        threads=snakemake.threads,
        memory_mb=snakemake.resources.mem_mb,
    )
