"""The command ``matvir compare``: generated volumes against the real material."""

import argparse

from matvir.api import compare
from matvir.commands.sources import read_labels
from matvir.comparison.tables import agreement
from matvir.errors import InputError
from matvir.files import write_text

SHOWN = ("dimension", "metric", "phase", "axis", "mean_real", "mean_generated", "times_floor")
WORST = 12


def run(options: argparse.Namespace) -> None:
    """Compare two files of labels, and print what differs most; see `matvir.cli`."""
    (real, *others) = read_labels(options.real, options.phases, options.voxel_size_um)
    if others:
        raise InputError(
            f"{options.real}: expected one real image or volume, got {1 + len(others)}. Give the "
            "labels of the real material first, then the generated samples."
        )
    generated = read_labels(options.generated, options.phases, options.voxel_size_um)
    if generated[0].phases != real.phases:
        raise InputError(
            f"{options.generated}: expected the phases {', '.join(real.phases)} of "
            f"{options.real}, got {', '.join(generated[0].phases)}. Name them with --phases."
        )
    table = compare(
        real,
        generated,
        metrics=options.metrics,
        isotropic=not options.anisotropic,
        workers=options.cores,
    )
    within, judged = agreement(table)
    worst = table[table["difference"].notna() & (table["w1_over_sd"] > table["w1_floor_high"])]
    worst = worst.assign(times_floor=worst["w1_over_sd"] / worst["w1_floor"])
    worst = worst.nlargest(WORST, "times_floor")
    print(  # noqa: T201
        f"{within} of {judged} statistics are as close to the real ones as more "
        f"real data would be ({len(generated)} generated samples)."
    )
    if len(worst):
        print("What differs most:")  # noqa: T201
        print(  # noqa: T201
            worst[list(SHOWN)].to_string(index=False, float_format="{:.4g}".format)
        )
    write_text(options.out, table.to_csv(index=False))
    print(f"all of them: {options.out}")  # noqa: T201
