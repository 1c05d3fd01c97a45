"""Grow a synthetic material and take raw micrographs of it (rule ``synthesise``)."""

from collections.abc import Sequence
from pathlib import Path

from matvir.log import log_to
from matvir.settings.build import from_dict
from matvir.settings.records import SyntheticConfig
from matvir.storage.images import in_plane_axes, write_image
from matvir.synthetic.growth import synthesise
from matvir.synthetic.imaging import write_micrograph


def main(
    micrographs: Sequence[Path],
    truth: Path,
    synthetic: dict,
    phases: list[str] | None,
    voxel_size_um: float | None,
) -> None:
    """Write a micrograph perpendicular to each axis (TIFF) and the 3D truth (HDF5 labels)."""
    material = synthesise(
        from_dict(SyntheticConfig, synthetic),
        phases=None if phases is None else tuple(phases),
        voxel_size_um=voxel_size_um,
    )
    write_image(truth, material.truth)
    edges = material.truth.voxel_size_um
    for axis, path in enumerate(micrographs):
        first, second = in_plane_axes(axis)
        write_micrograph(
            path,
            material.micrographs[axis],
            pixel_size_um=None if edges is None else (edges[first], edges[second]),
            plane=material.planes[axis],
            provenance=material.truth.provenance,
        )


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        micrographs=[Path(path) for path in snakemake.output.micrographs],
        truth=Path(snakemake.output.truth),
        synthetic=snakemake.params.synthetic,
        phases=snakemake.params.phases,
        voxel_size_um=snakemake.params.voxel_size_um,
    )
