"""How long a generator step takes, and all steps of a training.

Run it as ``python benchmarks/step_time.py [--models NAME ...] [--threads 2]``; the table goes to
``benchmarks/results/``, that of a GPU with its name. It needs torch, numpy, pandas, h5py,
scikit-image, tifffile, matplotlib and PyYAML; without a GPU the networks of the paper take minutes
for each step.
"""

import argparse
import statistics
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import yaml
from generation import wait_for
from table import of_device, write_table
from training import N_THREADS, Material, training_data

from matvir.device import device_name, pick_device, use_threads
from matvir.families import FAMILIES
from matvir.micrograph.encoding import TrainingData
from matvir.settings.build import from_dict, resolve
from matvir.settings.models import ModelConfig
from matvir.settings.records import Config
from matvir.training.budget import seconds
from matvir.training.loop import Trainer

ROOT = Path(__file__).resolve().parents[1]
MODELS = (
    "slicegan-paper",
    "slicegan-lean",
    "slicegan-small",
    "slicegan-swd",
    "slicegan-fast",
    "gan-64",
    "gan-64-small",
    "vae-128",
    "vae-64",
    "vae-gan-64",
    "statistics-vae-64",
)
EDGE = 512
# As many as show each kind of step as often as it comes: penalties every few steps, for example.
WARM_UP, REPEATS = 4, 16


def noise() -> TrainingData:
    """Return one section; what it shows is of no effect on the time."""
    labels = np.random.default_rng(0).integers(0, 3, (EDGE, EDGE))
    return training_data(Material("noise", ("a", "b", "c"), labels, None))


def time_of_steps(model: ModelConfig, data: TrainingData) -> float:
    """Return the mean time of a step in seconds, steps evenly spread over the training."""
    device = pick_device()
    trainer, found = Trainer(model, data, seed=0, device=device), []
    for index in range(WARM_UP + REPEATS):
        began = time.perf_counter()
        trainer.rehearse(max(index - WARM_UP, 0) / REPEATS)
        wait_for(device)
        found.append(time.perf_counter() - began)
    return statistics.mean(found[WARM_UP:])


def lines(name: str, model: ModelConfig, data: TrainingData) -> list[dict[str, str]]:
    """Return a line for each precision of a model."""
    rows = []
    # Models of 2D images compute in float32 alone.
    precisions = ("float32",) if FAMILIES[model.kind].makes == "images" else ("float32", "bfloat16")
    for precision in precisions:
        training = replace(model.training, precision=precision)
        if pick_device().type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        step = time_of_steps(replace(model, training=training), data)
        row = {"model": name, "precision": precision, "s per step": f"{step:.4f}"}
        if training.steps is None:
            assert training.budget is not None
            row["all steps"] = f"{seconds(training.budget) / step:.0f} in {training.budget}"
        else:
            minutes = training.steps * step / 60
            row["all steps"] = f"{minutes:.1f} min for {training.steps}"
        if pick_device().type == "cuda":
            row["peak memory GB"] = f"{torch.cuda.max_memory_allocated() / 1e9:.2f}"
        rows.append(row)
        print(row, flush=True)
    return rows


def main() -> None:
    """Time steps and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--threads", type=int, default=N_THREADS)
    options = parser.parse_args()
    use_threads(options.threads)
    values = yaml.safe_load((ROOT / "config/default.yaml").read_text(encoding="utf-8"))
    models = from_dict(Config, resolve(values)).models
    data = noise()
    rows = [row for name in options.models for row in lines(name, models[name], data)]
    device = device_name(pick_device())
    write_table(
        of_device("step-time", device),
        pd.DataFrame(rows),
        f"One generator step, its critic iterations included, on {device}, {options.threads} "
        f"threads: mean of {REPEATS} spread over the training. All steps: without validations and "
        "calibration. On a GPU float32 is multiplied as TF32.",
        libraries=("numpy", "torch"),
    )


if __name__ == "__main__":
    main()
