"""The command ``matvir init``: a configuration for an image."""

import argparse
from pathlib import Path

from matvir.errors import ConfigError
from matvir.files import write_text
from matvir.micrograph.first_configuration import first_configuration, material_name
from matvir.micrograph.inspection import inspect


def run(options: argparse.Namespace) -> None:
    """Write a configuration; see `matvir.cli`."""
    path = options.out or Path(f"{material_name(options.image)}.yaml")
    if path.exists() and not options.force:
        raise ConfigError(f"{path}: is there already. Use --force to replace it, or --out.")
    text = first_configuration(inspect(options.image), options.phases)
    write_text(path, text)
    print(text)  # noqa: T201
    print(f"written to {path}; next: snakemake --cores 2 --configfile {path}")  # noqa: T201
