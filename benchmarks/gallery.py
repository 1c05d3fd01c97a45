"""Whether the materials of the gallery are learned: what is long, closed or flat in each of them.

Run it as ``python benchmarks/gallery.py [--results results]`` after ``snakemake --configfile
config/seven.yaml benchmarks/gallery.yaml``, or any other models; the table, of what is there, goes
to ``benchmarks/results/``. It needs numpy, h5py, pandas and scikit-image.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from skimage.measure import label
from table import write_table

from matvir.measurement.samples import subvolumes
from matvir.metrics.chord_length import mean_chord_length
from matvir.storage.images import read_image
from matvir.storage.samples import read_samples

Voxels = NDArray[np.uint8]

# Colours that differ by less in each channel are those of one grain.
ALIKE = 16
# Parts of the truth: more than any of the materials has.
MOST_PARTS = 1000
# Sections of a volume that are looked at, every so many planes.
APART = 8


def connected_share(volume: Voxels, phase: int, axes: tuple[int, ...] = (0, 1, 2)) -> float:
    """Return which share of a phase is in its largest connected part, mean over sections."""
    found = []
    for axis in axes:
        for section in np.moveaxis(volume, axis, 0)[::APART]:
            parts = label(section == phase, connectivity=2)
            sizes = np.bincount(parts.ravel())[1:]
            if sizes.size:
                found.append(sizes.max() / sizes.sum())
    return float(np.mean(found))


def of_one_colour(volume: Voxels) -> float:
    """Return the share of voxels that have the colour of their next ones along all axes."""
    first = volume[:-1, :-1, :-1].astype(int)
    others = volume[1:, :-1, :-1], volume[:-1, 1:, :-1], volume[:-1, :-1, 1:]
    alike = [np.abs(first - other).max(axis=-1) < ALIKE for other in others]
    return float(np.all(alike, axis=0).mean())


Measure = Callable[[Voxels], float]
MEASURES: dict[str, dict[str, Measure]] = {
    "a-grains": {
        "boundary connected in sections": lambda v: connected_share(v, 0),
        "chord of grains, voxels": lambda v: mean_chord_length(v == 1, 0),
    },
    "b-perovskite": {
        "chord of pores, voxels": lambda v: mean_chord_length(v == 0, 0),
        "chord of solid, voxels": lambda v: mean_chord_length(v == 1, 0),
    },
    "c-fibres": {
        "chord of fibres along them, voxels": lambda v: mean_chord_length(v == 1, 0),
        "chord of fibres across them, voxels": lambda v: mean_chord_length(v == 1, 1),
    },
    "d-separator": {
        "chord of pores along axis 0, voxels": lambda v: mean_chord_length(v == 0, 0),
        "chord of pores along axis 1, voxels": lambda v: mean_chord_length(v == 0, 1),
    },
    "e-steel": {"of one colour with the next ones": of_one_colour},
    "f-boundary": {
        "chord of boundaries along them, voxels": lambda v: mean_chord_length(v != 1, 0),
        "boundary connected in sections": lambda v: connected_share(v, 2, (0, 1)),
        "particles, fraction": lambda v: float((v == 0).mean()),
    },
    "g-nmc": {
        "chord of pores, voxels": lambda v: mean_chord_length(v == 0, 0),
        "chord of particles, voxels": lambda v: mean_chord_length(v == 2, 0),
    },
}


def rows_of(material: str, results: Path, samples: Path) -> list[dict[str, str]]:
    """Return a row for each measure of a material."""
    made = read_samples(samples).labels
    truth = read_image(results / material / "raw/truth.h5").voxels
    windows = subvolumes(truth.shape[:3], made.shape[1:4], MOST_PARTS)
    real = [truth[window] for window in windows]
    rows = []
    for name, measure in MEASURES[material].items():
        ours, theirs = [measure(one) for one in made], [measure(one) for one in real]
        rows.append(
            {
                "material": material,
                "model": samples.parents[2].name,
                "measure": name,
                "real": f"{np.mean(theirs):.4g}",
                "sd": f"{np.std(theirs, ddof=1):.2g}",
                "generated": f"{np.mean(ours):.4g}",
                "volumes": str(len(ours)),
                "ratio": f"{np.mean(ours) / np.mean(theirs):.2f}",
            }
        )
    return rows


def main() -> None:
    """Measure what the gallery made, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    options = parser.parse_args()
    rows = [
        row
        for material in MEASURES
        for samples in sorted(options.results.glob(f"{material}/*/seed-*/generate/samples.h5"))
        for row in rows_of(material, options.results, samples)
    ]
    if not rows:
        parser.error(
            f"{options.results}: expected generated volumes of any of {', '.join(MEASURES)}, got "
            "none"
        )
    write_table(
        "gallery",
        pd.DataFrame(rows),
        "Generated volumes beside parts of the truth of the same size: what is long, closed or "
        "flat. Connected: share of a phase in its largest connected part, in sections.",
        libraries=("numpy", "torch", "scikit-image"),
    )


if __name__ == "__main__":
    main()
