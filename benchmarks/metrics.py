"""What each metric costs per sample, and all of them together on one and on two processors.

Run it as ``python benchmarks/metrics.py``; the tables go to ``benchmarks/results/``.
"""

import statistics
import time
from collections.abc import Sequence

import numpy as np
import pandas as pd
from diffusivity import EDGE, PHASES, load_samples
from numpy.typing import NDArray
from table import write_table

from matvir.measurement.measure import measure_samples, workers
from matvir.measurement.sample_metrics import METRICS

N_SAMPLES, N_TOGETHER = 5, 16
Samples = list[NDArray[np.uint8]]


def seconds(samples: Samples, metrics: Sequence[str], n_workers: int = 1) -> float:
    """Return how long some metrics of all samples take, workers being ready."""
    with workers(n_workers) as run:
        options = {"phases": PHASES, "voxel_size_um": (0.4,) * 3, "metrics": metrics, "run": run}
        # Importing and compiling happen once per process and not per sample.
        measure_samples(samples[:n_workers], names=["warm"] * n_workers, **options)
        start = time.perf_counter()
        measure_samples(samples, names=[str(index) for index in range(len(samples))], **options)
        return time.perf_counter() - start


def main() -> None:
    """Time each metric alone, then all together."""
    samples, origin = load_samples()
    rows = []
    for metric in METRICS:
        found = [seconds([sample], [metric]) for sample in samples[:N_SAMPLES]]
        rows.append({"metric": metric, "seconds per sample": f"{statistics.median(found):.3f}"})
    for n_workers in (1, 2):
        found = seconds(samples[:N_TOGETHER], list(METRICS), n_workers) / N_TOGETHER
        name = f"all, {n_workers} worker{'s' * (n_workers > 1)}"
        rows.append({"metric": name, "seconds per sample": f"{found:.3f}"})
    write_table(
        "metrics",
        pd.DataFrame(rows),
        f"{origin}, {EDGE}^3 voxels, {len(PHASES)} phases, every axis. One metric: median of "
        f"{N_SAMPLES} samples; all: mean of {N_TOGETHER}.",
    )


if __name__ == "__main__":
    main()
