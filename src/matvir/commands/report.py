"""The command ``matvir report``: the page of a folder, made anew from its results."""

import argparse

from matvir.commands.run import CONFIGURATION
from matvir.errors import ConfigError
from matvir.workflow import run_workflow


def run(options: argparse.Namespace) -> None:
    """Make the page of what `matvir run` made; see `matvir.cli`."""
    folder = options.folder
    configuration = folder / CONFIGURATION
    if not configuration.exists():
        raise ConfigError(
            f"{configuration}: expected the configuration of a run, as `matvir run` writes it, but "
            "there is none. Name the folder of a run, or use `snakemake report --configfile`."
        )
    run_workflow(folder, ["report"], configuration=configuration, cores=options.cores)
    print(f"page {(folder / 'results/report/index.html').resolve()}")  # noqa: T201
