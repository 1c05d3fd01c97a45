"""How long a generator step takes, and a whole training of the default steps or budget.

Run it as ``python benchmarks/step_time.py [--models NAME ...] [--threads 2]``; the table goes to
``benchmarks/results/``. It needs torch, numpy, scikit-image and PyYAML, and uses a GPU if there is
one; without it the networks of the paper take minutes for each step.
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

from matvir.config import Config, ModelConfig, from_dict, resolve
from matvir.device import device_name, pick_device, use_threads
from matvir.micrograph.encoding import TrainingData
from matvir.training.budget import seconds
from matvir.training.loop import Trainer

ROOT = Path(__file__).resolve().parents[1]
MODELS = ("slicegan-paper", "slicegan-lean", "slicegan-swd", "slicegan-fast", "gan-64", "vae-128")
N_PHASES, EDGE = 3, 512
WARM_UP, REPEATS = 3, 15


def labels() -> np.ndarray:
    """Return an image of three phases; what it shows is of no effect on the time."""
    return np.random.default_rng(0).integers(0, N_PHASES, (EDGE, EDGE))


def training_data() -> TrainingData:
    """Return one section of an isotropic material."""
    phases = np.arange(N_PHASES)[:, None, None]
    return TrainingData(
        phases=("a", "b", "c"),
        voxel_size_um=None,
        mirror=True,
        quarter_turns=True,
        isotropic=True,
        sections={0: (labels() == phases)[None].astype(np.uint8)},
    )


def time_of_steps(model: ModelConfig, data: TrainingData) -> float:
    """Return the median time of a step in seconds, steps evenly spread over the training."""
    device = pick_device()
    trainer, found = Trainer(model, data, seed=0, device=device), []
    for index in range(WARM_UP + REPEATS):
        began = time.perf_counter()
        trainer.rehearse(max(index - WARM_UP, 0) / REPEATS)
        wait_for(device)
        found.append(time.perf_counter() - began)
    return statistics.median(found[WARM_UP:])


def lines(name: str, model: ModelConfig, data: TrainingData) -> list[dict[str, str]]:
    """Return a line for each precision of a model."""
    rows = []
    # Models of 2D images compute in float32 alone.
    for precision in ("float32", "bfloat16") if model.kind == "slicegan" else ("float32",):
        training = replace(model.training, precision=precision)
        if pick_device().type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        step = time_of_steps(replace(model, training=training), data)
        row = {"model": name, "precision": precision, "s per step": f"{step:.4f}"}
        if training.steps is None:
            assert training.budget is not None
            row["whole training"] = f"{seconds(training.budget) / step:.0f} in {training.budget}"
        else:
            minutes = training.steps * step / 60
            row["whole training"] = f"{minutes:.1f} min for {training.steps}"
        if pick_device().type == "cuda":
            row["peak memory GB"] = f"{torch.cuda.max_memory_allocated() / 1e9:.2f}"
        rows.append(row)
        print(row, flush=True)
    return rows


def main() -> None:
    """Time steps and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    use_threads(options.threads)
    values = yaml.safe_load((ROOT / "config/default.yaml").read_text(encoding="utf-8"))
    models = from_dict(Config, resolve(values)).models
    data = training_data()
    rows = [row for name in options.models for row in lines(name, models[name], data)]
    device = device_name(pick_device())
    write_table(
        of_device("step-time", device),
        pd.DataFrame(rows),
        f"One generator step, its critic iterations included, on {device}, {options.threads} "
        f"threads: median of {REPEATS} spread over the training. On a GPU float32 is multiplied as "
        "TF32.",
        libraries=("numpy", "torch"),
    )


if __name__ == "__main__":
    main()
