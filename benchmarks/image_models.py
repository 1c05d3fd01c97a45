"""Models of 2D images beside SliceGAN on several materials: what each of them keeps.

Run the pipeline first, with ``--configfile config/images.yaml`` and then with
``--configfile config/images.yaml benchmarks/image_models.yaml``; then
``python benchmarks/image_models.py [--results results]``. Table and picture go to
``benchmarks/results/``. It needs numpy, pandas, h5py, scikit-image and matplotlib.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from table import RESULTS, write_table

from matvir.report.palette import as_rgb
from matvir.storage.images import read_image
from matvir.storage.samples import read_samples

N_SHOWN = 6


def materials_in(results: Path) -> list[Path]:
    """Return the folders of materials that were compared."""
    return sorted(path.parent.parent for path in results.glob("*/compare/comparison.csv"))


def table(folder: Path) -> list[dict[str, str]]:
    """Return a line for each model of a material."""
    frames = {
        name: pd.read_csv(folder / f"compare/{name}.csv")
        for name in ("comparison", "s2", "diversity", "memorisation")
    }
    for name in ("comparison", "s2", "diversity"):
        frames[name] = frames[name][frames[name]["dimension"] == "2d"]
    rows = []
    for model in frames["comparison"]["model"].unique():
        of_model = {name: frame[frame["model"] == model] for name, frame in frames.items()}
        rows.append(line(folder, model, of_model))
    return rows


def line(folder: Path, model: str, of_model: dict[str, pd.DataFrame]) -> dict[str, str]:
    """Return what one model keeps."""
    values = of_model["comparison"].dropna(subset="w1_over_sd")
    fractions = values[values["metric"] == "volume_fraction"]["difference"]
    close = (values["w1_over_sd"] <= values["w1_floor_high"]).sum()
    ratios = of_model["diversity"].set_index("statistic")["ratio"]
    distances = of_model["memorisation"].groupby("kind")["distance"].median()
    run = folder / model / "seed-0"
    config = json.loads((run / "train/config.json").read_text(encoding="utf-8"))
    known = pd.read_csv(folder / "compare/classifier.csv")
    known = known[(known["model"] == model) & (known["kind"] == "generated")]
    known = known[known["dimension"].str.startswith("2d")].sort_values("size", ascending=False)
    certainty = read_samples(run / "generate/samples.h5").provenance.get("certainty")
    return {
        "material": folder.name,
        "model": model,
        "fraction off by": f"{fractions.abs().max():.3f}",
        "S2 off by %": f"{100 * of_model['s2']['max_error_over_fraction'].max():.0f}",
        "statistics as close as real": f"{close} of {len(values)}",
        "told at 64, 32, 16 pixels": ", ".join(f"{auc:.2f}" for auc in known["auc"]),
        "sharpness": f"{ratios['gradient_energy']:.2f}",
        "diversity": f"{ratios['pixel_distance']:.2f}",
        "nearest crop %": f"{100 * distances['generated']:.0f} ({100 * distances['held-out']:.0f})",
        "certainty": "" if certainty is None else f"{certainty:.2f}",
        "minutes": f"{config['seconds_per_step'] * config['steps'] / 60:.1f}",
    }


def shown(folder: Path) -> dict[str, list[NDArray[np.uint8]]]:
    """Return some images of a material and of each of its models, by name."""
    real = read_image(folder / "segmented/labels.h5").voxels
    real = real[0] if real.ndim == 3 else real
    edge = 64
    rows = {"real": [real[:edge, k * edge : (k + 1) * edge] for k in range(real.shape[1] // edge)]}
    for path in sorted(folder.glob("*/seed-0/generate/samples.h5")):
        labels = read_samples(path).labels
        rows[path.parts[-4]] = [one[len(one) // 2] if one.ndim == 3 else one for one in labels]
    return rows


def draw(folders: list[Path]) -> Figure:
    """Draw images of the materials side by side, a row for the real ones and each model."""
    blocks = {folder.name: shown(folder) for folder in folders}
    names = list(next(iter(blocks.values())))
    n_columns = N_SHOWN * len(blocks)
    figure = Figure(figsize=(0.9 * n_columns, 1.1 * len(names)))
    panels = figure.subplots(len(names), n_columns, squeeze=False)
    for index, (material, rows) in enumerate(blocks.items()):
        n_phases = int(max(image.max() for image in rows["real"])) + 1
        for row, name in enumerate(names):
            axes = panels[row, index * N_SHOWN : (index + 1) * N_SHOWN]
            for panel, labels in zip(axes, rows[name], strict=False):
                panel.imshow(as_rgb(labels, "phases", n_phases), interpolation="nearest")
            axes[0].set_title(f"{material}: {name}", loc="left", fontsize=8)
    for panel in panels.flat:
        panel.set_axis_off()
    figure.subplots_adjust(0, 0, 1, 0.97, wspace=0.05, hspace=0.25)
    return figure


def main() -> None:
    """Write table and picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    folders = materials_in(parser.parse_args().results)
    draw(folders).savefig(RESULTS / "image-models.png", dpi=80)
    write_table(
        "image-models",
        pd.DataFrame([row for folder in folders for row in table(folder)]),
        "Models of `config/images.yaml`, 48 images of 64 pixels each, SliceGAN's of three slices "
        "of 16 volumes, beside real crops, all of it as labels. Off by: largest error of a phase, "
        "of S2 over its fraction. As close as real: Wasserstein distances within what real crops "
        "have to other real ones. Sharpness and diversity: gradient energy, and pixels that differ "
        "between two images, over those of real crops. Nearest crop: pixels that differ from the "
        "nearest training crop, median, in brackets of held-out crops. Certainty: mean largest "
        "probability of a pixel. Each training had one thread beside another one.",
        libraries=("numpy", "torch", "porespy"),
    )


if __name__ == "__main__":
    main()
