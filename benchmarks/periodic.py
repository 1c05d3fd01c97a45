"""Whether volumes are periodic where they are meant to be: wrap faces against others.

Run it as ``python benchmarks/periodic.py [NAME=generator.pt ...]``; the table goes to
``benchmarks/results/``. Without generators the weights of the default models are drawn, not
trained. It needs torch, numpy, pandas and PyYAML, and uses a GPU if there is one.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from generation import MODELS, N_THREADS, drawn_network
from numpy.typing import NDArray
from table import write_table

from matvir.device import device_name, pick_device, use_threads
from matvir.generation.blocks import BlockwiseGenerator
from matvir.generation.sampling import sample_labels, sample_seeds
from matvir.training.checkpoint import load_generator

SIZE = (64, 96, 128)
AXES = ((), (0,), (0, 2), (0, 1, 2))
N_VOLUMES = 16
# Smaller than the volume, so that blocks at one end see random numbers of the other.
BLOCK = 48


def wrap_mismatch(labels: NDArray[np.uint8], stride: int) -> list[float]:
    """Return how unlike the last and the first plane of each axis are, over planes at latents.

    Layers treat planes differently by their place between two latents, drawn ones more than
    trained ones, so the wrap face is compared with the faces at the same place.
    """
    ratios = []
    for axis, edge in enumerate(labels.shape):
        last = np.arange(stride, edge, stride) - 1
        inside = labels.take(last, axis) != labels.take(last + 1, axis)
        wrap = labels.take(-1, axis) != labels.take(0, axis)
        ratios.append(float(wrap.mean() / inside.mean()))
    return ratios


def main() -> None:
    """Measure volumes that are periodic along no, some and all axes."""
    use_threads(N_THREADS)
    given = dict(argument.split("=", 1) for argument in sys.argv[1:])
    networks = {name: load_generator(Path(path)).network for name, path in given.items()}
    rows = []
    for name, network in (networks or {name: drawn_network(name) for name in MODELS}).items():
        generator = BlockwiseGenerator(network, pick_device())
        for periodic in AXES:
            ratios = np.array(
                [
                    wrap_mismatch(
                        sample_labels(generator, SIZE, seed, periodic=periodic, block=BLOCK),
                        generator.network.stride,
                    )
                    for seed in sample_seeds(0, N_VOLUMES)
                ]
            )
            errors = ratios.std(axis=0, ddof=1) / N_VOLUMES**0.5
            along = {
                f"axis {axis}": f"{mean:.3f} +- {error:.3f}"
                for axis, (mean, error) in enumerate(zip(ratios.mean(axis=0), errors, strict=True))
            }
            rows.append({"model": name, "periodic along": str(list(periodic)), **along})
    shape = " x ".join(map(str, SIZE))
    write_table(
        "periodic-trained" if networks else "periodic",
        pd.DataFrame(rows),
        "Share of unlike voxels between the last and the first plane over that between "
        f"neighbouring planes at the other latents, mean of {N_VOLUMES} volumes of {shape} voxels "
        f"from blocks of {BLOCK} with its standard error, float32, on "
        f"{device_name(pick_device())}. 1 along a periodic axis.",
        libraries=("numpy", "torch"),
    )


if __name__ == "__main__":
    main()
