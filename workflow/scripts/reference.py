"""Read the label volume that judges a material (rule ``reference``)."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from matvir.config import MaterialConfig, from_dict
from matvir.errors import InputError
from matvir.labels import read_labels, write_labels
from matvir.log import log_to
from matvir.micrograph.reading import read_micrograph
from matvir.micrograph.segmentation import segment


def main(source: str, labels: Path, reference: Path, material: dict[str, Any]) -> None:
    """Write the volume ``source`` as labels of the phases that the material's image has."""
    image = read_labels(labels)
    edges = image.voxel_size_um
    voxel_size = None if edges is None else (*edges, edges[-1])[:3]
    volume = read_micrograph(source, type="labels", voxel_size_um=voxel_size)
    if volume.image.ndim != 3:
        raise InputError(
            f"{source}: expected a label volume with 3 axes as reference, "
            f"got shape {volume.image.shape}."
        )
    config = from_dict(MaterialConfig, material)
    as_labels = replace(config, type="labels", phases=image.phases, crop=None, circle=None)
    write_labels(reference, segment(volume, as_labels).image)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        source=snakemake.params.material["reference"],
        labels=Path(snakemake.input.labels),
        reference=Path(snakemake.output.reference),
        material=snakemake.params.material,
    )
