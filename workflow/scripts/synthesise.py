"""Grow a built-in material and take a raw micrograph of it (rule ``synthesise``)."""

from pathlib import Path

from matvir.config import SyntheticConfig, from_dict
from matvir.labels import write_labels
from matvir.log import log_to
from matvir.micrograph.synthetic import synthesise, write_micrograph


def main(
    micrograph: Path,
    truth: Path,
    synthetic: dict,
    phases: list[str],
    voxel_size_um: float | None,
) -> None:
    """Write the micrograph (TIFF) and the 3D truth (HDF5 labels)."""
    material = synthesise(
        from_dict(SyntheticConfig, synthetic), phases=tuple(phases), voxel_size_um=voxel_size_um
    )
    write_labels(truth, material.truth)
    write_micrograph(micrograph, material)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        micrograph=Path(snakemake.output.micrograph),
        truth=Path(snakemake.output.truth),
        synthetic=snakemake.params.synthetic,
        phases=snakemake.params.phases,
        voxel_size_um=snakemake.params.voxel_size_um,
    )
