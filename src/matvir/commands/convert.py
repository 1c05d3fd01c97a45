"""The command ``matvir convert``: a volume for another program."""

import argparse
from pathlib import Path

from matvir.generation.export import exported, write_exports


def run(options: argparse.Namespace) -> None:
    """Write what is asked for; see `matvir.cli`."""
    export = exported(
        Path(options.source) if Path(options.source).exists() else options.source,
        number=options.sample,
        phases=options.phases,
        voxel_size_um=options.voxel_size_um,
    )
    for path in write_exports(export, options.out, options.name, options.formats):
        print(path)  # noqa: T201
