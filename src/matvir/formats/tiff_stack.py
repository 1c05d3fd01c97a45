"""TIFF stacks as ImageJ writes them."""

from pathlib import Path

from matvir.formats.export import Export
from matvir.storage.samples import write_tiff


def write(path: Path, export: Export) -> None:
    """Write a volume as an ImageJ stack; names of phases stand in its information."""
    write_tiff(
        path,
        export.voxels,
        size=export.voxels.shape,
        voxel_size_um=export.voxel_size_um,
        provenance={**export.provenance, "phases": list(export.phases)},
    )
