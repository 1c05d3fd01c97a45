"""900 diffusivity solves: 100 samples of 64^3 voxels, 3 phases, 3 axes, two workers.

Run it as ``python benchmarks/diffusivity.py``; the table goes to ``benchmarks/results/``.
"""

import resource
import time
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
from numpy.typing import NDArray
from scipy import ndimage
from table import write_table

from matvir.measurement.measure import measure_samples, workers
from matvir.measurement.samples import subvolumes

ELECTRODE = Path(__file__).resolve().parents[2] / "shared" / "data" / "synth_nmc_gan_3d_256.tif"
PHASES = ("pore", "nmc", "binder")
EDGE = 64
N_SAMPLES = 100
N_WORKERS = 2


def load_samples() -> tuple[list[NDArray[np.uint8]], str]:
    """Return the samples and what they are."""
    if not ELECTRODE.is_file():
        rng = np.random.default_rng(0)
        return [
            random_blobs(rng) for _ in range(N_SAMPLES)
        ], "Gaussian random fields cut into thirds"
    labels = (tifffile.imread(ELECTRODE) // 85).astype(np.uint8)
    size = (EDGE,) * 3
    # 4 x 4 x 4 windows that do not overlap, and 3 x 3 x 4 half a window further along two axes.
    half = EDGE // 2
    inner = labels[half:-half, half:-half]
    samples = [
        np.ascontiguousarray(volume[window])
        for volume in (labels, inner)
        for window in subvolumes(volume.shape, size, N_SAMPLES)
    ]
    return samples, f"sub-volumes of {ELECTRODE.name} (a generator's output, not tomography)"


def random_blobs(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return three phases of a third each, with features of a few voxels."""
    field = ndimage.gaussian_filter(rng.standard_normal((EDGE,) * 3), 2.5)
    return np.digitize(field, np.quantile(field, [1 / 3, 2 / 3])).astype(np.uint8)


def summarise(table: pd.DataFrame, wall_s: float, cpu_s: float) -> pd.DataFrame:
    """Return one line per phase and one for all."""
    solves = table[table.metric == "relative_diffusivity"]
    lines = []
    for phase in (*PHASES, "all"):
        rows = solves if phase == "all" else solves[solves.phase == phase]
        lines.append(
            {
                "phase": phase,
                "solves": len(rows),
                "percolating": f"{(rows.note != 'does not percolate').mean():.3f}",
                "not converged": int(rows.value.isna().sum()),
                "mean D_rel": f"{rows.value.mean():.4f}",
                "sd D_rel": f"{rows.value.std():.4f}",
                "wall seconds": f"{wall_s:.0f}" if phase == "all" else None,
                "CPU seconds": f"{cpu_s:.0f}" if phase == "all" else None,
            }
        )
    return pd.DataFrame(lines)


def main() -> None:
    """Run the benchmark and write its table."""
    samples, source = load_samples()
    start = time.perf_counter()
    with workers(N_WORKERS) as run:
        measurements = measure_samples(
            samples,
            names=[f"volume-{index:03d}" for index in range(len(samples))],
            phases=PHASES,
            voxel_size_um=None,
            metrics=["relative-diffusivity"],
            run=run,
        )
    wall_s = time.perf_counter() - start
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = children.ru_utime + children.ru_stime
    note = (
        f"Relative diffusivity of {len(samples)} samples of {EDGE}^3 voxels, 3 phases, 3 axes: "
        f"{source}. {N_WORKERS} workers with one thread each, time with starting them; other work "
        "on the machine lengthens the wall time, not the CPU time. "
        "Phases that do not percolate count as 0 and are not solved."
    )
    write_table("diffusivity", summarise(measurements.table, wall_s, cpu_s), note)


if __name__ == "__main__":
    main()
