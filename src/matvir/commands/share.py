"""The command ``matvir share``: a generator to pass on, with its card."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from matvir.comparison.tables import agreement
from matvir.errors import InputError
from matvir.measurement.tables import read_comparison
from matvir.training.checkpoint import TrainedGenerator, load_generator, save_generator

# What is passed on of the comparison; means over the axes.
QUALITY = ["dimension", "metric", "phase", "unit"]


def run(options: argparse.Namespace) -> None:
    """Write the file; see `matvir.cli`."""
    if options.out.exists():
        raise InputError(
            f"--out: expected a file that does not exist yet, got {options.out}. Give another name."
        )
    trained = load_generator(options.generator)
    comparison = options.comparison or comparison_of(options.generator)
    found = shared(
        trained,
        quality(comparison, trained),
        licence=options.licence,
        authors=options.authors,
        source=options.source,
    )
    save_generator(options.out, found)
    print(f"{options.out}: pass it on; `matvir card {options.out}` prints its card")  # noqa: T201


def comparison_of(generator: Path) -> Path:
    """Return where the workflow has the comparison of a generator's material.

    Raises
    ------
    InputError
        If it is not there.
    """
    # The generator is {material}/{model}/seed-{seed}/train/generator.pt.
    path = generator.resolve().parent / "../../../compare/comparison.csv"
    path = Path(os.path.normpath(path))
    if not path.is_file():
        raise InputError(
            f"{path}: expected the comparison of the run, which says how good {generator} is, but "
            "there is none. Let the run end (`matvir run`), or name the table with --comparison."
        )
    return path


def quality(path: Path, trained: TrainedGenerator) -> list[dict[str, Any]]:
    """Return how well what a generator makes agrees with the real material, property by property.

    Parameters
    ----------
    path : Path
        ``comparison.csv`` of its run.
    trained : TrainedGenerator
        The generator.

    Returns
    -------
    list of dict
        ``dimension``, ``metric``, ``phase``, ``unit``, and the means ``real`` and ``generated``,
        over the axes; ``statistics`` and how many of them are ``within`` what real data has to
        more real data.

    Raises
    ------
    InputError
        If the table has nothing of it.
    """
    rows, origin = read_comparison(path), trained.provenance
    # What `matvir compare` writes names no run.
    for name in ("material", "model", "seed"):
        if name in rows:
            rows = rows[rows[name] == str(origin.get(name))]
    rows = rows[rows["difference"].notna()]
    if rows.empty:
        raise InputError(
            f"{path}: expected a comparison of {origin.get('model')!r}, seed "
            f"{origin.get('seed')}, with the material {origin.get('material')!r}, got none of it. "
            "Give that of its own run."
        )
    found = []
    for key, group in rows.groupby(QUALITY, sort=False):
        within, statistics = agreement(group)
        means = {
            "real": float(group["mean_real"].mean()),
            "generated": float(group["mean_generated"].mean()),
        }
        names = dict(zip(QUALITY, key, strict=True))
        found.append({**names, **means, "statistics": statistics, "within": within})
    return found


def shared(
    trained: TrainedGenerator,
    quality_rows: Sequence[dict[str, Any]],
    *,
    licence: str,
    authors: Sequence[str],
    source: str | None,
) -> TrainedGenerator:
    """Return a generator with what others need to know of it in its provenance."""
    card = {"licence": licence, "authors": list(authors), "source": source}
    return replace(trained, provenance=trained.provenance | card | {"quality": list(quality_rows)})
