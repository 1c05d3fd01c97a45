"""Segment the raw image, or the raw planes, of one material (rule ``segment``)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matvir.files import write_json
from matvir.log import log_to
from matvir.micrograph.planes import join_planes, read_whole
from matvir.micrograph.segmentation import segment, segment_planes, to_json
from matvir.report.segmentation_sheet import draw_sheet
from matvir.settings.build import from_dict
from matvir.settings.records import MaterialConfig, PlaneConfig
from matvir.storage.images import Specimen, distinct_planes, perpendicular_to, write_specimen


def main(
    grown: Sequence[str], labels: Path, sheet: Path, summary: Path, material: dict[str, Any]
) -> None:
    """Read and segment what is configured, or ``grown``; write labels, sheet and summary."""
    config = from_dict(MaterialConfig, material)
    planes = config.planes
    if config.synthetic is not None and not config.isotropic:
        planes = tuple(PlaneConfig(image=path, quarter_turns=0) for path in grown)
    if planes is None:
        source = grown[0] if config.image is None else config.image
        segmentation = segment(read_whole(source, config), config)
        draw_sheet({"": segmentation}, sheet)
        write_json(summary, to_json(segmentation))
        write_specimen(labels, Specimen.of(segmentation.image))
        return
    found = segment_planes(planes, config)
    draw_sheet({f"{perpendicular_to(axes)}: ": one for axes, one in distinct_planes(found)}, sheet)
    write_json(summary, {f"axis-{axis}": to_json(one) for axis, one in found.items()})
    images = {axis: one.image for axis, one in found.items()}
    write_specimen(labels, join_planes(images, config.fraction_tolerance))


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        # Only grown images are found by the rule's inputs: a configured path may name a data set
        # inside a file.
        grown=[str(path) for path in snakemake.input.images],
        labels=Path(snakemake.output.labels),
        sheet=Path(snakemake.output.sheet),
        summary=Path(snakemake.output.summary),
        material=snakemake.params.material,
    )
