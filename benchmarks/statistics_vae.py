"""What an autoencoder keeps of lines: one that compares two-point statistics, and one of pixels.

Run it as ``python benchmarks/statistics_vae.py [--steps 6000] [--images 20000] [--size 64]``; table
and picture go to ``benchmarks/results/``. The setting of arXiv 2402.11103 (100,000 images of 224
pixels) is ``--images 100000 --size 224``, for a GPU. It needs torch, numpy, pandas, scipy,
matplotlib and PyYAML.
"""

import argparse
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import yaml
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import ndimage
from table import RESULTS, write_table
from torch import Tensor
from training import N_THREADS, ROOT

from matvir.device import pick_device, use_threads
from matvir.micrograph.encoding import TrainingData
from matvir.models.vae import Vae
from matvir.settings.build import from_dict, resolve
from matvir.settings.models import ModelConfig
from matvir.settings.objectives import StatisticsVaeConfig
from matvir.settings.records import Config
from matvir.synthetic.lines import LENGTHS, THICKNESSES, THINNEST, Lines, draw_lines
from matvir.training.fit import fit
from matvir.training.spatial_statistics import soft_correlations

LATENT_LENGTH, BATCH = 9, 32
N_TEST = 100
WIDTH = 0.25
MODELS = {"statistics": "statistics-vae-64", "pixels": "vae-64"}
# Published for 224 pixels, 100,000 images and a frozen ResNet-152 as the encoder.
PUBLISHED = (
    ("statistics", "98", "63", "17", "2.91e-05", "0.108"),
    ("pixels", "", "", "", "5.87e-05", "0.0298"),
)
COLUMNS = (
    "loss",
    "orientation kept",
    "line count kept",
    "difference of the black fraction %",
    "error of the statistics",
    "error of the pixels",
)


@dataclass(frozen=True)
class Setting:
    """How much of everything."""

    steps: int
    images: int
    size: int
    statistics_weight: float
    kl_weight: float


def model_of(loss: str, setting: Setting) -> ModelConfig:
    """Return a preset with the sizes of the source: codes of nine numbers, batches of 32."""
    values = yaml.safe_load((ROOT / "config/default.yaml").read_text(encoding="utf-8"))
    model = from_dict(Config, resolve(values)).models[MODELS[loss]]
    objective = replace(model.training.objective, batch=BATCH, kl_weight=setting.kl_weight)
    if isinstance(objective, StatisticsVaeConfig):
        objective = replace(objective, statistics_weight=setting.statistics_weight)
    network = replace(model.network, image_size=setting.size, latent_length=LATENT_LENGTH)
    training = replace(model.training, steps=setting.steps, objective=objective)
    return replace(model, network=network, training=training)


def one_hot(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return images, (n, size, size), with a channel for the ground and one for lines."""
    return np.stack([images == phase for phase in range(2)], axis=1).astype(np.uint8)


def training_data(lines: Lines) -> TrainingData:
    """Return images as sections; they are neither mirrored nor turned, which changes nothing."""
    return TrainingData(
        phases=("ground", "line"),
        voxel_size_um=None,
        mirror=False,
        quarter_turns=False,
        isotropic=True,
        sections={0: one_hot(lines.images)},
    )


def is_horizontal(image: NDArray[np.uint8]) -> bool:
    """Return whether lines run along rows: rows then differ more than columns do."""
    return bool(image.mean(axis=1).var() > image.mean(axis=0).var())


def count_lines(image: NDArray[np.uint8]) -> int:
    """Return the number of connected parts that have half the area of the smallest line or more."""
    parts, n = ndimage.label(image, np.ones((3, 3)))
    areas = ndimage.sum_labels(image, parts, range(1, n + 1))
    thinnest = max(THINNEST, round(THICKNESSES[0] * len(image)))
    return int((areas >= LENGTHS[0] * len(image) * thinnest / 2).sum())


def statistics(images: Tensor) -> Tensor:
    """Return the statistics that are compared, (n, n_pairs, size, size)."""
    return soft_correlations(images, WIDTH)


def row(loss: str, real: Tensor, made: Tensor) -> dict[str, object]:
    """Return one line of the table: shares of pairs in percent, mean squared errors."""
    pairs = [
        tuple(one.argmax(dim=0).numpy().astype(np.uint8) for one in pair)
        for pair in zip(real, made, strict=True)
    ]
    kept = np.mean([is_horizontal(a) == is_horizontal(b) for a, b in pairs])
    counted = np.mean([count_lines(a) == count_lines(b) for a, b in pairs])
    black = np.mean([abs(float(b.mean()) - a.mean()) / a.mean() for a, b in pairs])
    values = (
        loss,
        f"{100 * kept:.0f}",
        f"{100 * counted:.0f}",
        f"{100 * black:.1f}",
        f"{float(((statistics(real) - statistics(made)) ** 2).mean()):.2e}",
        f"{float(((real - made) ** 2).mean()):.4f}",
    )
    return dict(zip(COLUMNS, values, strict=True))


def trained(loss: str, data: TrainingData, setting: Setting) -> Vae:
    """Train one of the two."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = fit(
            model_of(loss, setting),
            data,
            seed=0,
            device=pick_device(),
            state=Path(folder) / "state.pt",
            title=loss,
        )
    network = trainer.finish().cpu()
    assert isinstance(network, Vae)
    return network


def draw(real: Tensor, made: dict[str, Tensor], nearest: Tensor) -> Figure:
    """Draw images, what becomes of them, and the training images nearest in their statistics."""
    rows = {"image": real, **made, "nearest in statistics": nearest}
    figure = Figure(figsize=(12, 1.3 * len(rows)), layout="constrained")
    for axes, (name, images) in zip(figure.subplots(len(rows), 10), rows.items(), strict=True):
        for panel, image in zip(axes, images, strict=False):
            panel.imshow(1 - image[1], cmap="gray", vmin=0, vmax=1)
            panel.set_axis_off()
        axes[0].set_title(name, loc="left", fontsize=8)
    return figure


def nearest_images(images: Tensor, known: NDArray[np.uint8]) -> Tensor:
    """Return the known image whose statistics are nearest to those of each image."""
    ours = statistics(images).flatten(1)
    parts = torch.from_numpy(known).split(500)  # statistics of all at once can fill the memory
    distances = [torch.cdist(ours, statistics(part.float()).flatten(1)) for part in parts]
    return torch.from_numpy(known)[torch.cat(distances, dim=1).argmin(dim=1)]


def main() -> None:
    """Train both, and write table and picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--statistics-weight", type=float, default=1e3)
    parser.add_argument("--kl-weight", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=N_THREADS)
    options = vars(parser.parse_args())
    use_threads(options.pop("threads"))
    setting = Setting(**options)
    data = training_data(draw_lines(setting.images, setting.size, np.random.default_rng(0)))
    test = draw_lines(N_TEST, setting.size, np.random.default_rng(1))
    real = torch.from_numpy(one_hot(test.images)).float()
    rows, made = [], {}
    for loss in MODELS:
        network = trained(loss, data, setting)
        with torch.no_grad():
            made[loss] = network(network.encode(real)[0])
        rows.append(row(loss, real, made[loss]))
        print(rows[-1], flush=True)
    rows += [
        dict(zip(COLUMNS, (f"{loss} (published)", *values), strict=True))
        for loss, *values in PUBLISHED
    ]
    write_table(
        "statistics-vae",
        pd.DataFrame(rows),
        f"{N_TEST} test images of lines and their reconstructions from the mean code of "
        f"{LATENT_LENGTH} numbers; {setting.images} training images of {setting.size} pixels, "
        f"{setting.steps} steps of {BATCH}, weight of the statistics "
        f"{setting.statistics_weight:g}, of the divergence {setting.kl_weight:g}. Kept: percent of "
        "the pairs; errors: mean square, of all lags and pairs of phases and of all pixels. The "
        "published ones are of 224 pixels, 100,000 images and a frozen ResNet-152 as the encoder.",
        libraries=("numpy", "torch"),
    )
    near = nearest_images(made["statistics"][:10], data.sections[0])
    draw(real, made, near).savefig(RESULTS / "statistics-vae.png", dpi=70)


if __name__ == "__main__":
    main()
