"""Fetch the dataset that a material names (rule ``dataset``)."""

from pathlib import Path
from typing import Any

from matvir.datasets import fetch
from matvir.files import link_or_copy
from matvir.log import log_to
from matvir.settings.build import from_dict
from matvir.settings.records import DatasetConfig


def main(name: str, dataset: dict[str, Any], image: Path) -> None:
    """Fetch the file and make it a result."""
    link_or_copy(fetch(name, from_dict(DatasetConfig, dataset)), image)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        name=snakemake.params.name,
        dataset=snakemake.params.dataset,
        image=Path(snakemake.output.image),
    )
