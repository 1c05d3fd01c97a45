"""How often the tests of the comparison raise a false alarm, and what they can see.

Run it as ``python benchmarks/two_sample.py [--parts alarms power classifier]``; tables go to
``benchmarks/results/``. False alarms: volumes of one material are drawn at random as the real and
as the generated side, in the default numbers, and compared as the pipeline compares. Volumes are
drawn, and their slices with them. The classifier is asked to tell two halves of one material apart.
Power: Gaussian fields cut at a threshold, whose fraction and surface are known, are changed by
known amounts. Measurements are kept in the temporary folder. It needs numpy, scipy, pandas,
tifffile, pyamg, cc3d, PoreSpy and, for the classifier, torch.
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
from numpy.typing import NDArray
from scipy import ndimage, optimize, special, stats
from table import write_table

from matvir.comparison.classifier import judge
from matvir.comparison.curves import Curves, compare_curves
from matvir.comparison.groups import groups_by_dimension
from matvir.comparison.slices import Look, Slices
from matvir.comparison.tables import compare_tables
from matvir.comparison.two_sample import detectable_difference
from matvir.device import use_threads
from matvir.files import atomic_path
from matvir.measurement.curves import Curve, read_curves
from matvir.measurement.run import measure
from matvir.measurement.samples import subvolumes, volume_samples
from matvir.measurement.tables import read_comparison, read_metrics, write_measurements
from matvir.metrics import METRICS
from matvir.settings.records import CompareConfig

Labels = NDArray[np.uint8]
Floats = NDArray[np.float64]

KETTON = Path(__file__).resolve().parents[2] / "shared" / "data" / "ketton_3d_256.tif"
N_REAL, N_GENERATED, EDGE = 100, 32, 32
LEVEL = 0.05
CONFIG = CompareConfig(bootstrap_samples=200, permutations=199, confidence=0.95, seed=0)
# The metrics of the default configuration, and those of them that need seconds a volume.
DEFAULT = (
    "volume-fraction",
    "two-point-correlation",
    "chord-length",
    "lineal-path",
    "specific-surface-area",
    "interfacial-area",
    "triple-phase-boundary",
    "percolation",
    "relative-diffusivity",
    "local-thickness",
    "euler-number",
)
SLOW = ("relative-diffusivity", "local-thickness")
FRACTION, WIDTH, RADIUS = 0.3, 2.0, 8
# Edge of the real volume of the fields, which is cut into parts.
WHOLE, N_PILOT = 160, 400
N_CLASSIFIED = 512

POROSITY, AREA = "volume_fraction", "specific_surface_area"
PARTS = {"alarms": 200, "power": 100, "classifier": 40}
KS, MMD = "Kolmogorov-Smirnov", "discrepancy of curves"
DRAWN = f"{N_REAL} volumes of {EDGE}^3 voxels as the real side and {N_GENERATED} as the generated"
ALARMS_NOTE = (
    f"`python benchmarks/two_sample.py --parts alarms`. {DRAWN}, both of one material, drawn at "
    f"random from {N_REAL + N_GENERATED}, slices with their volumes. "
    f"False alarms: p values of {LEVEL:.0%} and below, over all draws and rows, and the least and "
    "the most of a row; wished for: 2 to 8 %. Within the floor: wished for: 95 %. The interval is "
    "that of the difference; wished for: 5 % leave out 0. Any row by Holm: draws in which a test "
    "is significant after the correction over its rows; wished for: at most 5 %. Ketton rock: "
    "parts of the image that do not overlap, all default metrics. Gaussian fields: independent "
    f"volumes of three phases, without {' and '.join(SLOW)}."
)
POWER_NOTE = (
    f"`python benchmarks/two_sample.py --parts power`. {DRAWN}: parts of one volume of {WHOLE}^3 "
    "voxels against independent volumes of the changed material, pores of a Gaussian field, "
    f"fraction {FRACTION}, kernel {WIDTH:g} voxels wide. All anew in each repeat. "
    "Detectable: `detectable_difference` "
    "over the mean, on average; the third row of each property is changed by just that, and the "
    "interval of the difference is to leave out 0 in 80 %."
)
CLASSIFIER_NOTE = (
    f"`python benchmarks/two_sample.py --parts classifier`. {DRAWN}, both parts of the Ketton "
    f"rock, drawn at random from {N_CLASSIFIED}. How often the 95 % interval of the area under the "
    "curve leaves out 0.5; wished for: 2.5 % on each side."
)


def kernel(width: float) -> Floats:
    """Return the weights along an axis, a Gaussian, that keep the variance of noise at 1."""
    weights = np.exp(-(np.arange(-RADIUS, RADIUS + 1) ** 2) / (2 * width**2))
    return weights / np.sqrt((weights**2).sum())


def field(edge: int, width: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a part of a Gaussian field of mean 0 and variance 1 without end."""
    values = rng.standard_normal((edge + 2 * RADIUS,) * 3, dtype=np.float32)
    for axis in range(3):
        values = ndimage.correlate1d(values, kernel(width), axis)
    return values[(slice(RADIUS, -RADIUS),) * 3]


def three_phases(rng: np.random.Generator) -> Labels:
    """Return a volume of three phases that meet, cut from two fields."""
    first, second = (field(EDGE, WIDTH, rng) for _ in range(2))
    return np.where(first < special.ndtri(0.35), 0, np.where(second < 0, 1, 2)).astype(np.uint8)


def ketton_volumes(n_volumes: int) -> list[Labels]:
    """Return parts of the rock that do not overlap, 0 its pores and 1 its grains."""
    rock = (tifffile.imread(KETTON) > 0).astype(np.uint8)
    rng = np.random.default_rng(0)
    return [rock[window] for window in subvolumes(rock.shape, (EDGE,) * 3, n_volumes, rng)]


def field_volumes(n_volumes: int) -> list[Labels]:
    """Return independent volumes of three phases."""
    rng = np.random.default_rng(0)
    return [three_phases(rng) for _ in range(n_volumes)]


@dataclass(frozen=True)
class Pool:
    """Measurements of all volumes of a material, and curves by dimension and name."""

    table: pd.DataFrame
    curves: dict[str, dict[str, Curve]]

    @cached_property
    def number(self) -> "pd.Series[int]":
        """Number of the volume of each row."""
        return self.table["sample"].str.split("-").str[1].astype(int)

    def draw(self, volumes: NDArray[np.intp]) -> tuple[pd.DataFrame, Curves]:
        """Return what was measured of some volumes, and of their slices."""
        parts = {}
        for dimension, named in self.curves.items():
            each = 3 if dimension == "2d" else 1
            chosen = (volumes[:, None] * each + np.arange(each)).ravel()
            parts[dimension] = {
                name: replace(one, values=one.values[chosen]) for name, one in named.items()
            }
        return self.table[self.number.isin(volumes)], parts


MATERIALS = {
    "Ketton rock": (ketton_volumes, ("pore", "grain"), DEFAULT),
    "Gaussian fields": (
        field_volumes,
        ("a", "b", "c"),
        tuple(name for name in DEFAULT if name not in SLOW),
    ),
}


def pool(name: str) -> Pool:
    """Measure the volumes of a material; what is in the temporary folder is not measured again."""
    make, phases, metrics = MATERIALS[name]
    assert set(metrics) <= set(METRICS)
    n_volumes = N_REAL + N_GENERATED
    stem = f"matvir-two-sample-{name.replace(' ', '-')}-{n_volumes}-{EDGE}-{len(metrics)}"
    folder = Path(tempfile.gettempdir())
    files = folder / f"{stem}.csv", folder / f"{stem}.h5"
    if not all(path.exists() for path in files):
        table, curves = measure(
            volume_samples(make(n_volumes), None),
            phases=phases,
            voxel_size_um=None,
            metrics=metrics,
            n_workers=1,
            memory_mb=4000,
        )
        write_measurements(
            table,
            curves,
            material=name,
            model="",
            seed=None,
            metrics_path=files[0],
            curves_path=files[1],
        )
    return Pool(read_metrics(files[0]), read_curves(files[1]))


def repeated(stem: str, n_repeats: int, once: Callable[[int], pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all repeats; those in the temporary folder are not run again."""
    path = Path(tempfile.gettempdir()) / f"matvir-two-sample-{stem}.csv"
    rows = [read_comparison(path)] if path.exists() else []
    done = set(rows[0]["repeat"]) if rows else set()
    for repeat in sorted(set(range(n_repeats)) - done):
        rows.append(once(repeat).assign(repeat=repeat))
        if repeat % 5 == 4 or repeat == n_repeats - 1:
            with atomic_path(path) as temporary:
                pd.concat(rows).to_csv(temporary, index=False)
    every = pd.concat(rows)
    return every[every["repeat"] < n_repeats]


def split(every: Pool, repeat: int) -> pd.DataFrame:
    """Compare volumes of a material with others of the same: rows of values and of curves."""
    order = np.random.default_rng([1, repeat]).permutation(N_REAL + N_GENERATED)
    real, other = (every.draw(np.sort(part)) for part in np.split(order, [N_REAL]))
    config = replace(CONFIG, seed=repeat)
    values = compare_tables(real[0], other[0], config).assign(kind=KS)
    groups = groups_by_dimension(real[0]), groups_by_dimension(other[0])
    curves = compare_curves(real[1], other[1], config, groups=groups)
    return pd.concat([values, curves.assign(kind=MMD, metric="s2")])


def alarms(name: str, n_repeats: int) -> list[dict[str, object]]:
    """Return how often each metric of a material is called different from itself."""
    every = pool(name)
    found = repeated(name.replace(" ", "-"), n_repeats, lambda repeat: split(every, repeat))
    lines = []
    for test, rows in found.groupby("kind", sort=False):
        known = rows.dropna(subset="p")
        groups = [*known.groupby(["dimension", "metric"]), (("all", "all rows"), known)]
        for (dimension, metric), group in groups:
            line = {"material": name, "test": test, "dimension": dimension, "metric": metric}
            line["draws"] = group["repeat"].nunique()
            rejected = group["p"].le(LEVEL)
            line |= shares(group, rejected, "false alarms")
            if test == KS:
                judged = group.dropna(subset="w1_floor_high")
                within = judged["w1_over_sd"].le(judged["w1_floor_high"])
                line["within the floor %"] = f"{100 * within.mean():.1f}"
                outside = group["difference_low"].gt(0) | group["difference_high"].lt(0)
                line["interval leaves out 0 %"] = f"{100 * outside.mean():.1f}"
            if metric == "all rows":
                any_row = group["p_holm"].le(LEVEL).groupby(group["repeat"]).any()
                line["any row by Holm %"] = f"{100 * any_row.mean():.1f}"
            lines.append(line)
    return lines


def shares(group: pd.DataFrame, hit: pd.Series, name: str) -> dict[str, str]:
    """Return the share of hits over all splits and rows, and its range over the rows."""
    by_row = hit.groupby([group[key] for key in ("dimension", "metric", "phase", "axis")]).mean()
    return {
        "rows": str(len(by_row)),
        f"{name} %": f"{100 * hit.mean():.1f}",
        "by row %": f"{100 * by_row.min():.1f} to {100 * by_row.max():.1f}",
    }


def pore_and_area(fields: Sequence[NDArray[np.float32]], fraction: float) -> pd.DataFrame:
    """Cut fields and measure the fraction of what lies below, and its surface area."""
    cut = [(one >= special.ndtri(fraction)).astype(np.uint8) for one in fields]
    table, _ = measure(
        {"3d": volume_samples(cut, None)["3d"]},
        phases=("pore", "solid"),
        voxel_size_um=None,
        metrics=("volume-fraction", "specific-surface-area"),
        n_workers=1,
        memory_mb=4000,
    )
    wanted = table["phase"].eq("pore") & table["metric"].isin((POROSITY, AREA))
    return table[wanted].assign(material="field", model="", seed="")


def width_for(ratio: float) -> float:
    """Return the width of the kernel that multiplies the surface area with ``ratio``.

    The area is counted on faces of voxels: it is proportional to how often two neighbours, normal
    values with the correlation of the field at one voxel, lie on both sides of the threshold.
    """

    def area(width: float) -> float:
        weights = kernel(width)
        at_one = float((weights[1:] * weights[:-1]).sum())
        both = stats.multivariate_normal(cov=[[1, at_one], [at_one, 1]])
        return float(FRACTION - both.cdf(np.full(2, special.ndtri(FRACTION))))

    wished = ratio * area(WIDTH)
    return float(optimize.brentq(lambda width: area(width) - wished, 1.0, WIDTH))


def detectable_shares() -> dict[str, float]:
    """Return what `detectable_difference` gives on average, over the mean, by metric."""
    rng = np.random.default_rng(2)
    table = pore_and_area([field(EDGE, WIDTH, rng) for _ in range(N_PILOT)], FRACTION)
    found = {}
    for metric, group in table.groupby("metric"):
        values = group["value"].to_numpy()
        drawn = [rng.permutation(values)[: N_REAL + N_GENERATED] for _ in range(N_PILOT)]
        shares = [
            detectable_difference(one[:N_REAL], one[N_REAL:], effective_n_real=N_REAL)
            for one in drawn
        ]
        found[str(metric)] = float(np.mean(shares) / values.mean())
    return found


def changed(told: dict[str, float], repeat: int) -> pd.DataFrame:
    """Compare parts of one volume with independent volumes of changed materials."""
    rng = np.random.default_rng([3, repeat])
    whole = field(WHOLE, WIDTH, rng)
    windows = subvolumes(whole.shape, (EDGE,) * 3, N_REAL, rng)
    real = pore_and_area([whole[window] for window in windows], FRACTION)
    same = [field(EDGE, WIDTH, rng) for _ in range(N_GENERATED)]
    rows = []
    for metric, change in (
        *((POROSITY, change) for change in (0.0, 0.05, told[POROSITY])),
        *((AREA, change) for change in (0.0, 0.1, told[AREA])),
    ):
        fraction, fields = FRACTION, same
        if metric == POROSITY:
            fraction *= 1 + change
        elif change:
            width = width_for(1 + change)
            fields = [field(EDGE, width, rng) for _ in same]
        table = compare_tables(real, pore_and_area(fields, fraction), CONFIG)
        found = table[table["metric"] == metric]
        rows.append(found.assign(change=change, detectable_mean=told[metric]))
    return pd.concat(rows)


def power_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return how often each change was noticed."""
    lines = []
    for (metric, change), group in rows.groupby(["metric", "change"], sort=False):
        outside = group["difference_low"].gt(0) | group["difference_high"].lt(0)
        beyond = group["w1_over_sd"].gt(group["w1_floor_high"])
        lines.append(
            {
                "changed": metric,
                "repeats": len(group),
                "change %": f"{100 * change:.2f}",
                "change found %": f"{100 * group['relative_difference'].mean():.2f}",
                "detectable %": f"{100 * group['detectable_mean'].iloc[0]:.2f}",
                "Kolmogorov-Smirnov %": f"{100 * group['p'].le(LEVEL).mean():.0f}",
                "interval leaves out 0 %": f"{100 * outside.mean():.0f}",
                "beyond the floor %": f"{100 * beyond.mean():.0f}",
            }
        )
    return pd.DataFrame(lines)


def classified(parts: Sequence[Slices], repeat: int) -> pd.DataFrame:
    """Ask classifiers to tell some parts of the rock from others."""
    order = np.random.default_rng([4, repeat]).permutation(len(parts))
    real, other = np.split(order[: N_REAL + N_GENERATED], [N_REAL])
    return judge(
        "3d",
        [parts[i] for i in real],
        [parts[i] for i in other],
        Look(n_phases=2, mirror=True, quarter_turns=True),
        kind="real",
        seed=repeat,
        confidence=0.95,
    ).table


def classifier_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return how often the interval of the area under the curve leaves out chance, by size."""
    lines = []
    for size, group in rows.groupby("size", sort=False):
        above, below = group["auc_low"].gt(0.5), group["auc_high"].lt(0.5)
        lines.append(
            {
                "material": "Ketton rock",
                "size": size,
                "repeats": len(group),
                "mean area": f"{group['auc'].mean():.3f}",
                "standard deviation": f"{group['auc'].std(ddof=1):.3f}",
                "mean half width": f"{((group['auc_high'] - group['auc_low']) / 2).mean():.3f}",
                "above chance %": f"{100 * above.mean():.1f}",
                "below chance %": f"{100 * below.mean():.1f}",
            }
        )
    return pd.DataFrame(lines)


def main() -> None:
    """Make and write the tables that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--materials", nargs="+", default=list(MATERIALS), choices=list(MATERIALS))
    parser.add_argument("--repeats", type=int, help="of each part; default: as in the tables")
    options = parser.parse_args()
    use_threads(1)
    repeats = {part: options.repeats or PARTS[part] for part in options.parts}
    rock = KETTON.exists()
    if not rock:
        print(f"{KETTON} is not there: without the rock, and without the classifier test on it")
    if "alarms" in repeats:
        names = [name for name in options.materials if name != "Ketton rock" or rock]
        lines = [line for name in names for line in alarms(name, repeats["alarms"])]
        write_table("two-sample", pd.DataFrame(lines), ALARMS_NOTE, libraries=("numpy", "scipy"))
    if "power" in repeats:
        told = detectable_shares()
        rows = repeated("power", repeats["power"], lambda repeat: changed(told, repeat))
        write_table("two-sample-power", power_table(rows), POWER_NOTE, libraries=("numpy", "scipy"))
    if "classifier" in repeats and rock:
        parts = [Slices.of_volume(one, range(3)) for one in ketton_volumes(N_CLASSIFIED)]
        rows = repeated(
            "classifier", repeats["classifier"], lambda repeat: classified(parts, repeat)
        )
        write_table(
            "two-sample-classifier",
            classifier_table(rows),
            CLASSIFIER_NOTE,
            libraries=("numpy", "torch"),
        )


if __name__ == "__main__":
    main()
