"""Whether features keep their size in larger volumes.

Run it as ``python benchmarks/feature_size.py NAME=generator.pt ...``; the table goes to
``benchmarks/results/``. Mean chord lengths of volumes of three sizes, which the paper's network
makes of latents of edge 4, 8 and 16; of each size so many that the standard error is small. Drawn
weights would show the same of the layers; trained ones are what people use. It needs torch, numpy,
pandas and PyYAML.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from generation import N_THREADS
from table import write_table

from matvir.device import pick_device, use_threads
from matvir.generation.sampling import VolumeGenerator, prepared, sample_labels, sample_seeds
from matvir.metrics.chord_length import mean_chord_length
from matvir.training.checkpoint import load_generator

# Edges of volumes, and how many of each.
SIZES = {64: 8232, 192: 468, 448: 16}


def chords(
    generator: VolumeGenerator, edge: int, n_volumes: int, n_phases: int
) -> list[tuple[float, float]]:
    """Return the mean chord length of each phase over volumes, and its standard error.

    A volume counts by its chords: means over few of them are biased. The error is that of the
    jackknife over volumes.
    """
    voxels, ends = np.zeros((2, n_phases, n_volumes))
    for index, seed in enumerate(sample_seeds(edge, n_volumes)):
        labels = sample_labels(generator, (edge,) * 3, seed)
        for phase in range(n_phases):
            mask = labels == phase
            n = mask.sum()
            lengths = [mean_chord_length(mask, axis) for axis in range(3)]
            voxels[phase, index] = 3 * n
            ends[phase, index] = sum(n / length for length in lengths if length > 0)
    found = []
    for n, e in zip(voxels, ends, strict=True):
        without = (n.sum() - n) / (e.sum() - e)
        error = np.sqrt((n_volumes - 1) / n_volumes * ((without - without.mean()) ** 2).sum())
        found.append((float(n.sum() / e.sum()), float(error)))
    return found


def main() -> None:
    """Measure each generator and write the table."""
    use_threads(N_THREADS)
    rows = []
    for argument in sys.argv[1:]:
        name, path = argument.split("=", 1)
        trained = load_generator(Path(path))
        generator = prepared(trained.network, pick_device())
        n_phases = len(trained.phases)
        found = {edge: chords(generator, edge, n, n_phases) for edge, n in SIZES.items()}
        for phase, phase_name in enumerate(trained.phases):
            row: dict[str, object] = {"generator": name, "phase": phase_name}
            first, _ = found[min(SIZES)][phase]
            for edge, by_phase in found.items():
                mean, error = by_phase[phase]
                row[f"{edge}^3"] = f"{mean:.3f} +- {error:.3f}"
                if edge != min(SIZES):
                    row[f"drift at {edge} %"] = f"{100 * (mean / first - 1):+.2f}"
            rows.append(row)
    counts = ", ".join(f"{n} of {edge}^3" for edge, n in SIZES.items())
    write_table(
        "feature-size",
        pd.DataFrame(rows),
        f"Mean chord length in voxels with its standard error, over volumes: {counts}. Drift: "
        "relative to the smallest.",
        libraries=("numpy", "torch"),
    )


if __name__ == "__main__":
    main()
