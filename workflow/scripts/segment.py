"""Segment the raw image of one material (rule ``segment``)."""

from pathlib import Path
from typing import Any

from matvir.config import MaterialConfig, from_dict
from matvir.files import write_json
from matvir.labels import write_labels
from matvir.log import log_to
from matvir.micrograph.reading import read_micrograph
from matvir.micrograph.segmentation import segment, to_json
from matvir.micrograph.sheet import draw_sheet


def main(image: str, labels: Path, sheet: Path, summary: Path, material: dict[str, Any]) -> None:
    """Read ``image``, segment it and write labels, sheet and summary."""
    config = from_dict(MaterialConfig, material)
    micrograph = read_micrograph(image, type=config.type, voxel_size_um=config.voxel_size_um)
    segmentation = segment(micrograph, config)
    draw_sheet(segmentation, sheet)
    write_json(summary, to_json(segmentation))
    write_labels(labels, segmentation.image)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        # The configured path may name a data set inside the file that is the rule's input.
        image=snakemake.params.material["image"] or snakemake.input.image,
        labels=Path(snakemake.output.labels),
        sheet=Path(snakemake.output.sheet),
        summary=Path(snakemake.output.summary),
        material=snakemake.params.material,
    )
