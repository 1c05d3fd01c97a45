"""The command ``matvir inspect``: what MatVir sees in an image."""

import argparse
from pathlib import Path

from matvir.micrograph.inspection import inspect, summary
from matvir.report.inspection_figure import draw_inspection


def run(options: argparse.Namespace) -> None:
    """Say what is in an image, and draw it; see `matvir.cli`."""
    found = inspect(options.image)
    name = Path(options.image).name.split(".")[0] or "image"
    picture = options.picture or Path(f"{name}-inspection.png")
    draw_inspection(found, picture)
    print(summary(found))  # noqa: T201
    print(f"{'picture':>16}  {picture}")  # noqa: T201
    print(f"{'next':>16}  matvir run {options.image}")  # noqa: T201
    print(f"{'or':>16}  matvir init {options.image}, to write a configuration")  # noqa: T201
