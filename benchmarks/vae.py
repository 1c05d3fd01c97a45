"""How long the VAE of 128 pixels takes for what a laptop once needed 125 minutes for.

Run it as ``python benchmarks/vae.py [--epochs 1000]``; table and curves go to
``benchmarks/results/``. An epoch is as many random crops as there were images, 384. It needs torch,
numpy, pandas, tifffile, matplotlib and PyYAML.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import yaml
from matplotlib.figure import Figure
from table import RESULTS, write_table
from training import DATA, N_THREADS, ROOT, load, training_data

from matvir.device import pick_device, use_threads
from matvir.settings.build import from_dict, resolve
from matvir.settings.models import ModelConfig
from matvir.settings.records import Config
from matvir.training.fit import fit

MODEL, MATERIAL = "vae-128", "sofc"
IMAGES, PUBLISHED_MINUTES = 384, 125


def model_of(n_epochs: int) -> ModelConfig:
    """Return the preset with as many steps as the epochs have batches."""
    values = yaml.safe_load((ROOT / "config/default.yaml").read_text(encoding="utf-8"))
    model = from_dict(Config, resolve(values)).models[MODEL]
    n_steps = n_epochs * IMAGES // model.training.objective.batch
    return replace(model, training=replace(model.training, steps=n_steps))


def draw(history: pd.DataFrame, per_epoch: float) -> Figure:
    """Draw both terms of the loss against epochs."""
    figure = Figure(figsize=(7, 3), layout="constrained")
    titles = {"image_loss": "squared error of an image", "kl_loss": "divergence of its code"}
    for axes, (name, title) in zip(figure.subplots(1, 2), titles.items(), strict=True):
        axes.plot(history["step"] / per_epoch, history[name], linewidth=0.8)
        axes.set(xlabel="epoch", title=title, yscale="log")
    return figure


def main() -> None:
    """Train, and write table and curves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=N_THREADS)
    options = parser.parse_args()
    n_epochs = options.epochs
    if not DATA.is_dir():
        print(f"skipped: no data at {DATA}")
        return
    use_threads(options.threads)
    model = model_of(n_epochs)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        trainer = fit(
            model,
            training_data(load(MATERIAL)),
            seed=0,
            device=pick_device(),
            state=Path(folder) / "state.pt",
            title=MODEL,
        )
    minutes = (time.perf_counter() - started) / 60
    history = pd.DataFrame(trainer.history)
    draw(history, IMAGES / model.training.objective.batch).savefig(RESULTS / "vae.png", dpi=80)
    parts = {"first tenth": history.head(len(history) // 10)}
    n_quarter = len(history) // 4
    parts |= {"third quarter": history.iloc[-2 * n_quarter : -n_quarter]}
    parts |= {"last quarter": history.tail(n_quarter)}
    rows = [
        {"part": name, "image loss": f"{one['image_loss'].mean():.1f}"}
        | {"KL loss": f"{one['kl_loss'].mean():.1f}"}
        for name, one in parts.items()
    ]
    write_table(
        "vae",
        pd.DataFrame(rows),
        f"`{MODEL}` on crops of {MATERIAL}, {n_epochs} epochs of {IMAGES} images: {minutes:.1f} "
        f"minutes on {options.threads} threads (published for as much, on a laptop: "
        f"{PUBLISHED_MINUTES}). Means of the two terms over parts of the training; the divergence "
        "has all of its weight from a quarter on.",
        libraries=("numpy", "torch"),
    )


if __name__ == "__main__":
    main()
