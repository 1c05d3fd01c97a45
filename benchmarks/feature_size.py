"""Whether features keep their size in larger volumes.

Run it as ``python benchmarks/feature_size.py NAME=generator.pt ...``; the table goes to
``benchmarks/results/``. Mean chord lengths of volumes of three sizes, which the paper's network
makes of latents of edge 4, 8 and 16; of each size as many volumes as are one of the largest. Drawn
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
from matvir.generation.blocks import BlockwiseGenerator
from matvir.generation.sampling import sample_labels, sample_seeds
from matvir.metrics.chord_length import mean_chord_length
from matvir.training.checkpoint import load_generator

# Edges of volumes, and how many of each.
SIZES = {64: 343, 192: 13, 448: 2}


def chords(generator: BlockwiseGenerator, edge: int, n_volumes: int, phase: int) -> np.ndarray:
    """Return the mean chord length of a phase in each volume, averaged over the axes."""
    found = []
    for seed in sample_seeds(edge, n_volumes):
        labels = sample_labels(generator, (edge,) * 3, seed)
        found.append(np.mean([mean_chord_length(labels == phase, axis) for axis in range(3)]))
    return np.array(found)


def main() -> None:
    """Measure each generator and write the table."""
    use_threads(N_THREADS)
    rows = []
    for argument in sys.argv[1:]:
        name, path = argument.split("=", 1)
        trained = load_generator(Path(path))
        generator = BlockwiseGenerator(trained.network, pick_device())
        for phase, phase_name in enumerate(trained.phases):
            row: dict[str, object] = {"generator": name, "phase": phase_name}
            first = None
            for edge, n_volumes in SIZES.items():
                lengths = chords(generator, edge, n_volumes, phase)
                mean, error = lengths.mean(), lengths.std(ddof=1) / n_volumes**0.5
                first = first or mean
                row[f"{edge}^3"] = f"{mean:.3f} +- {error:.3f}"
                row[f"drift at {edge} %"] = f"{100 * (mean / first - 1):+.2f}"
            del row[f"drift at {min(SIZES)} %"]
            rows.append(row)
            print(row, flush=True)
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
