"""The command ``matvir convert``: a volume for another program."""

import argparse

from matvir.generation.export import exported, require_free, write_exports


def run(options: argparse.Namespace) -> None:
    """Write what is asked for; see `matvir.cli`."""
    if not options.force:
        require_free(options.out, options.name, options.formats)
    export = exported(
        options.source,
        number=options.sample,
        phases=options.phases,
        voxel_size_um=options.voxel_size_um,
        channel=options.channel,
    )
    for path in write_exports(export, options.out, options.name, options.formats):
        print(path)  # noqa: T201
