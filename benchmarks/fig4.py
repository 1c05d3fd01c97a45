"""The table of Fig. 4 of the SliceGAN paper: SliceGAN beside a GAN that learns from the volume.

Run the pipeline with ``benchmarks/fig4.yaml`` first, then ``python benchmarks/fig4.py [--results
results]``; table and picture go to ``benchmarks/results/``. It needs numpy, pandas and matplotlib.
"""

import argparse
import json
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from table import RESULTS, write_table

from matvir.report.palette import as_rgb
from matvir.storage.images import read_image
from matvir.storage.samples import read_samples

MATERIAL = "ketton"
METRICS = (
    "volume_fraction",
    "specific_surface_area",
    "relative_diffusivity",
    "percolating_fraction",
)


def table(comparison: pd.DataFrame) -> pd.DataFrame:
    """Return means and standard deviations in volumes, a row for each metric and phase."""
    rows = comparison[comparison["metric"].isin(METRICS)]
    found = []
    for key, group in rows.groupby(["metric", "phase", "axis"], sort=False):
        if group["mean_real"].isna().all():
            continue
        row = dict(zip(("metric", "phase", "axis"), key, strict=True))
        first = group.iloc[0]
        row["real"] = f"{first['mean_real']:.4f} +- {first['sd_real']:.4f}"
        for one in group.itertuples():
            row[one.model] = f"{one.mean_generated:.4f} +- {one.sd_generated:.4f}"
            row[f"{one.model}, W1 / sd"] = f"{one.w1_over_sd:.2f}"
        row["floor"] = f"{first['w1_floor_high']:.2f}"
        found.append(row)
    return pd.DataFrame(found)


def s2_errors(folder: Path) -> pd.DataFrame:
    """Return the largest error of S2 in volumes over the fraction, in percent, by model."""
    s2 = pd.read_csv(folder / "compare/s2.csv")
    rows = s2[(s2["dimension"] == "3d") & s2["axis"].isin(["0", "1", "2", "diagonal"])]
    worst = 100 * rows.groupby(["model", "phase"], sort=False)["max_error_over_fraction"].max()
    return worst.round(1).unstack()


def seconds(folder: Path, model: str) -> float:
    """Return how long a training took."""
    config = json.loads((folder / model / "seed-0/train/config.json").read_text())
    return float(config["seconds_per_step"] * config["steps"])


def draw(folder: Path, models: list[str]) -> Figure:
    """Draw four slices of the real volume and of each model."""
    real = read_image(folder / "segmented/labels.h5").voxels
    rows = {"real": [real[k * 48, :64, :64] for k in range(4)]}
    for model in models:
        made = read_samples(folder / model / "seed-0/generate/samples.h5").labels
        rows[model] = [volume[32] for volume in made[:4]]
    figure = Figure(figsize=(8, 2.1 * len(rows)), layout="constrained")
    for axes, (name, slices) in zip(figure.subplots(len(rows), 4), rows.items(), strict=True):
        for panel, labels in zip(axes, slices, strict=True):
            panel.imshow(as_rgb(labels, "phases", 2), interpolation="nearest")
            panel.set_axis_off()
        axes[0].set_title(name, loc="left", fontsize=9)
    return figure


def main() -> None:
    """Write table and picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    folder = parser.parse_args().results / MATERIAL
    comparison = pd.read_csv(folder / "compare/comparison.csv", dtype={"axis": str})
    comparison = comparison[comparison["dimension"] == "3d"]
    models = list(comparison["model"].unique())
    draw(folder, models).savefig(RESULTS / "fig4.png", dpi=60)
    errors = s2_errors(folder)
    words = "; ".join(
        f"`{model}` {seconds(folder, model) / 60:.0f} min, S2 off by at most "
        + ", ".join(f"{error} % ({phase})" for phase, error in errors.loc[model].items())
        for model in models
    )
    write_table(
        "fig4",
        table(comparison),
        f"{MATERIAL}, {comparison['n_generated'].max()} volumes of 64^3 voxels of each model beside"
        f" {comparison['n_real'].max()} real ones; mean and standard deviation; W1 / sd: "
        "Wasserstein distance over the real standard deviation, floor: the upper end of what real "
        f"volumes have to other real ones. Trainings: {words}, of the fraction, along axes and "
        "diagonals.",
        libraries=("numpy", "torch", "porespy"),
    )


if __name__ == "__main__":
    main()
