"""Read the label volume that judges a material (rule ``reference``)."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from matvir.errors import InputError
from matvir.log import log_to
from matvir.metrics.checks import same_edges
from matvir.micrograph.reading import read_micrograph
from matvir.micrograph.segmentation import segment
from matvir.settings.build import from_dict
from matvir.settings.records import MaterialConfig
from matvir.storage.images import read_specimen, write_image


def main(source: str, labels: Path, reference: Path, material: dict[str, Any]) -> None:
    """Write the volume ``source`` as labels of the phases that the material's image has."""
    specimen = read_specimen(labels)
    volume = read_micrograph(source, type="labels", voxel_size_um=None)
    if volume.image.ndim != 3:
        raise InputError(
            f"{source}: expected a label volume with 3 axes as reference, "
            f"got shape {volume.image.shape}."
        )
    voxel_size = common_voxel_size(source, volume.voxel_size_um, specimen.voxel_size_um)
    config = from_dict(MaterialConfig, material)
    as_labels = replace(
        config, type="labels", stack=False, phases=specimen.phases, crop=None, circle=None
    )
    write_image(reference, segment(replace(volume, voxel_size_um=voxel_size), as_labels).image)


def common_voxel_size(
    source: str, of_volume: tuple[float, ...] | None, expected: tuple[float, ...] | None
) -> tuple[float, ...] | None:
    """Return the image's voxel size after checking that the volume has the same."""
    if expected and of_volume and not same_edges(of_volume, expected):
        raise InputError(
            f"{source}: expected the voxel size of the image, {expected} um, got {of_volume} um. "
            "Resample the reference to the voxels of the image, or leave it out."
        )
    return expected


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        source=snakemake.params.material["reference"],
        labels=Path(snakemake.input.labels),
        reference=Path(snakemake.output.reference),
        material=snakemake.params.material,
    )
