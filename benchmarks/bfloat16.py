"""How close volumes in bfloat16 are to those of the same seeds in float32.

Run it as ``python benchmarks/bfloat16.py NAME=generator.pt ... [--volumes 4] [--threads 2]`` on
trained SliceGANs of phases, such as ``benchmarks/training.py --keep FOLDER`` leaves; the table goes
to ``benchmarks/results/``, that of a GPU with its name. Where the processor does not multiply
bfloat16 a generator takes minutes. It needs torch, numpy, pandas, scikit-image, tifffile,
matplotlib and PyYAML, and pyamg and cc3d for relative diffusivities.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from table import of_device, write_table
from training import (
    CAN_DIFFUSE,
    EDGE,
    N_THREADS,
    PART,
    REACH,
    of_parts,
    relative_error,
    statistics,
)

from matvir.device import device_name, pick_device, use_threads
from matvir.generation.blocks import BlockwiseGenerator
from matvir.generation.sampling import sample_labels, sample_seeds
from matvir.models.slicegan import Generator
from matvir.training.checkpoint import load_generator


def named_generator(argument: str) -> tuple[str, Generator, int]:
    """Return the name, the network and the number of phases of ``NAME=generator.pt``."""
    name, _, path = argument.partition("=")
    if not path:
        raise argparse.ArgumentTypeError(f"expected NAME=generator.pt, got {argument!r}")
    trained = load_generator(Path(path))
    network = trained.network
    if not isinstance(network, Generator) or not network.kind.labelled:
        raise argparse.ArgumentTypeError(f"expected a SliceGAN of phases, {path} is none")
    return name, network, len(trained.phases)


def difference(found: ArrayLike, expected: ArrayLike) -> float:
    """Return the largest difference in percent of what is expected; NaN if that is 0 always."""
    ours, theirs = np.atleast_1d(found), np.atleast_1d(expected)
    known = theirs > 0
    ratios = ours[known] / theirs[known]
    return 100 * float(np.abs(ratios - 1).max()) if known.any() else np.nan


def compared(network: Generator, n_phases: int, n_volumes: int) -> dict[str, float]:
    """Return the share of labels that are the same, and the largest differences of metrics."""
    seeds = sample_seeds(0, n_volumes)

    def volumes(precision: torch.dtype) -> list[np.ndarray]:
        generator = BlockwiseGenerator(network, pick_device(), precision)
        return [sample_labels(generator, (EDGE,) * 3, seed) for seed in seeds]

    exact, rounded = volumes(torch.float32), volumes(torch.bfloat16)
    same = np.mean([(a == b).mean() for a, b in zip(rounded, exact, strict=True)])
    found, expected = (statistics(made, n_phases) for made in (rounded, exact))
    differences = {
        "fractions %": difference(found.fractions, expected.fractions),
        "S2 %": float(relative_error(found.axial, expected.axial).max()),
        "areas %": difference(found.areas, expected.areas),
        "TPB %": difference(found.tpb, expected.tpb),
    }
    if CAN_DIFFUSE:
        conducting = (of_parts(made, n_phases)["D_rel"] for made in (rounded, exact))
        differences["D_rel %"] = difference(*conducting)
    return {"same labels %": 100 * float(same)} | differences


def main() -> None:
    """Compare the volumes of each generator and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("generators", nargs="+", metavar="NAME=generator.pt", type=named_generator)
    parser.add_argument("--volumes", type=int, default=4)
    parser.add_argument("--threads", type=int, default=N_THREADS)
    options = parser.parse_args()
    use_threads(options.threads)
    rows = []
    for name, network, n_phases in options.generators:
        rows.append({"generator": name} | compared(network, n_phases, options.volumes))
        print(json.dumps(rows[-1]), flush=True)
    write_table(
        of_device("bfloat16", device_name(pick_device())),
        pd.DataFrame(rows).round(3),
        f"{options.volumes} volumes of {EDGE}^3 voxels of each trained generator in float32 and in "
        "bfloat16, of the same seeds: share of voxels with the same label, and largest difference "
        f"of the means: of S2 up to {REACH} voxels over the fraction, of the other metrics "
        "relative to themselves. "
        + (f"D_rel of parts of {PART}^3 voxels." if CAN_DIFFUSE else "No D_rel: no pyamg or cc3d."),
        libraries=("numpy", "torch"),
    )


if __name__ == "__main__":
    main()
