"""Encode the labels of one material for training (rule ``encode``)."""

from pathlib import Path

from matvir.log import log_to
from matvir.micrograph.encoding import encode
from matvir.settings.build import from_dict
from matvir.settings.records import MaterialConfig
from matvir.storage.images import read_specimen


def main(labels: Path, training: Path, material: dict) -> None:
    """Write the one-hot sections of the labels (HDF5)."""
    encode(read_specimen(labels), from_dict(MaterialConfig, material), training)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        labels=Path(snakemake.input.labels),
        training=Path(snakemake.output.training),
        material=snakemake.params.material,
    )
