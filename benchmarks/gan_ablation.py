"""What normalisation, spectral normalisation and batch size do to a GAN of 2D images.

Run ``snakemake --cores 8 --configfile benchmarks/gan_ablation.yaml`` first, then
``python benchmarks/gan_ablation.py [--results results]``; the table and the loss curves go to
``benchmarks/results/``. The question is that of a report on such GANs: is batch normalisation
better than instance normalisation once a batch has more than 16 images?
"""

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from table import RESULTS, write_table

from matvir.files import atomic_path

FACTORS = ["normalisation", "spectral norm", "batch"]
DISTANCES = ["pixel_distance", "s2_distance"]
LOSSES = {"discriminator_loss": "discriminator", "generator_loss": "generator"}
# Diversity that a setting has to keep before its quality counts.
DIVERSE = 0.8


def line(run: Path) -> dict[str, Any]:
    """Return settings, quality and diversity of one run, ``{material}/{model}/seed-{seed}``."""
    material, model, seed = run.parent.parent, run.parent.name, run.name.removeprefix("seed-")
    config = json.loads((run / "train/config.json").read_text())["config"]
    tables = {}
    for name in ("comparison", "s2", "diversity"):
        table = pd.read_csv(material / f"compare/{name}.csv")
        tables[name] = table[(table["model"] == model) & (table["seed"] == int(seed))]
    comparison = tables["comparison"]
    fractions = comparison[comparison["metric"] == "volume_fraction"]["difference"]
    ratios = tables["diversity"].groupby("statistic")["ratio"].min()
    return {
        "material": material.name,
        "model": model,
        "seed": int(seed),
        "normalisation": config["network"]["normalisation"],
        "spectral norm": "on" if config["network"]["discriminator"]["spectral_norm"] else "off",
        "batch": config["training"]["objective"]["batch"],
        "fraction error (points)": 100 * fractions.abs().max(),
        "S2 error (%)": 100 * tables["s2"]["max_error_over_fraction"].max(),
        **{name: ratios[name] for name in (*DISTANCES, "gradient_energy")},
    }


def findings(table: pd.DataFrame) -> list[str]:
    """Return what a table says: which normalisation is better, and which model is best."""
    sentences = []
    for batch, group in table.groupby("batch"):
        means = group.groupby("normalisation")["S2 error (%)"].mean()
        errors = " and ".join(f"{e:.1f} % with {name}" for name, e in means.items())
        sentences.append(f"In batches of {batch} the two-point correlation is off by {errors}.")
    diverse = table[table[DISTANCES].min(axis=1) >= DIVERSE]
    if not diverse.empty:
        best = diverse.loc[diverse["S2 error (%)"].idxmin()]
        sentences.append(
            f"Of the models that keep {DIVERSE:.0%} of the real diversity {best['model']} is best: "
            f"off by {best['S2 error (%)']:.1f} %."
        )
    return sentences


def loss_curves(table: pd.DataFrame, results: Path) -> Figure:
    """Plot the losses of every run against the generator's steps, a panel each."""
    n_rows = -(-len(table) // 4)
    figure = Figure(figsize=(12, 2.5 * n_rows), layout="constrained")
    panels = figure.subplots(n_rows, 4, sharex=True, sharey=True, squeeze=False).ravel()
    for panel, row in zip(panels, table.itertuples(), strict=False):
        path = results / f"{row.material}/{row.model}/seed-{row.seed}/train/history.jsonl"
        history = pd.read_json(path, lines=True).set_index("step")
        window = max(len(history) // 50, 1)
        for name, label in LOSSES.items():
            panel.plot(history[name].rolling(window, min_periods=1).mean(), label=label)
        panel.set_title(f"{row.model}, seed {row.seed}", fontsize=8)
        panel.set_yscale("log")
    panels[0].legend()
    figure.supxlabel("generator step")
    figure.supylabel("binary cross-entropy")
    return figure


def main() -> None:
    """Write table, loss curves and what they say."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--results", type=Path, default=Path("results"), help="of the workflow")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the table")
    options = parser.parse_args()
    runs = [path.parent.parent for path in options.results.glob("*/gan-*/seed-*/train/config.json")]
    table = pd.DataFrame(map(line, runs)).sort_values(["material", *FACTORS, "seed"])
    note = " ".join(["Ratios are generated over real.", *findings(table)])
    write_table("gan-ablation", table.round(2), note, folder=options.out)
    with atomic_path(options.out / "gan-ablation.png") as temporary:
        loss_curves(table, options.results).savefig(temporary, format="png", dpi=130)


if __name__ == "__main__":
    main()
