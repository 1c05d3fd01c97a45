"""The command ``matvir measure``: properties of a file of labels."""

import argparse

import pandas as pd

from matvir.api import measure
from matvir.commands.sources import read_labels
from matvir.files import write_text


def run(options: argparse.Namespace) -> None:
    """Measure every image or volume of a file, and print means; see `matvir.cli`."""
    images = read_labels(options.source, options.phases, options.voxel_size_um)
    tables = [
        measure(image, metrics=options.metrics).assign(sample=number)
        for number, image in enumerate(images)
    ]
    table = pd.concat(tables, ignore_index=True)
    if options.out is not None:
        write_text(
            options.out, table[["sample", *table.columns.drop("sample")]].to_csv(index=False)
        )
    keys = ["metric", "phase", "axis", "unit"]
    means = table.groupby(keys, sort=False)["value"].agg(["mean", "std", "count"]).reset_index()
    shown = means if len(images) > 1 else means.drop(columns=["std", "count"])
    print(shown.to_string(index=False, float_format="{:.4g}".format))  # noqa: T201
    if options.out is not None:
        print(f"\nall values: {options.out}")  # noqa: T201
