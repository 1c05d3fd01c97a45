"""What each part of `slicegan-fast` is good for: trainings that lack one part.

Run it as ``python benchmarks/ablation.py [--steps 800] [--repeats 1]``; the table goes to
``benchmarks/results/``. All train on one section of the same volume for the same number of steps
and are measured as in ``benchmarks/training.py``. Runs that are in the results already are not run
again.
"""

import argparse
import itertools
from typing import Any

import pandas as pd
import yaml
from table import RESULTS, write_table
from training import DATA, EDGE, N_THREADS, N_VOLUMES, ROOT, fingerprint, load, measured

from matvir.device import use_threads
from matvir.files import atomic_path
from matvir.settings.build import from_dict, merge, resolve
from matvir.settings.models import ModelConfig
from matvir.settings.records import Config

MODEL, MATERIAL = "slicegan-fast", "nmc"


def objective(**changes: Any) -> dict[str, Any]:
    """Return changes of a model's objective."""
    return {"training": {"objective": changes}}


VARIANTS = {
    MODEL: {},
    "without patches at the beginning": objective(warm_up={"until": 0.0}),
    "without commitment": objective(commitment_weight=0.0),
    "without fluctuations": objective(fluctuations={"weight": 0.0}),
    "without noise at inner levels": {"network": {"noise_channels": 0}},
    "upsampling by kernels of 6": {
        "network": {
            "generator": {
                "kernel_sizes": [3, 6, 3, 6, 3, 6, 3, 6],
                "paddings": [2, 4, 2, 4, 2, 4, 2, 4],
            }
        },
        "training": {"latent_size": 12},
    },
    "latents at 32 voxels": {
        "network": {
            "generator": {
                "channels": [128, 128, 64, 64, 32, 32, 16, 16],
                "kernel_sizes": [4, 3, 4, 3, 4, 3, 4, 3, 6],
                "strides": [2, 1, 2, 1, 2, 1, 2, 1, 2],
                "paddings": [2, 2, 2, 2, 2, 2, 2, 2, 4],
            }
        },
        "training": {"latent_size": 6},
    },
    "without averaged weights": {"training": {"ema_decay": 0.0}},
    "the last generator, not the best": {"training": {"selection": None}},
}


def variant(changes: dict[str, Any], n_steps: int) -> ModelConfig:
    """Return the model with some of its settings changed."""
    values = yaml.safe_load((ROOT / "config/default.yaml").read_text(encoding="utf-8"))
    fixed = {"training": {"steps": n_steps, "budget": None}}
    changed = {"models": {MODEL: merge(changes, fixed)}}
    return from_dict(Config, resolve(merge(values, changed))).models[MODEL]


def line(name: str, run: pd.DataFrame) -> dict[str, str]:
    """Return one line of the table: deviations from the whole volume, phase by phase."""
    run = run[run["against"] == "volume"]

    def deviations(quantity: str) -> str:
        return " ".join(f"{x:.2g}" for x in run.loc[run["quantity"] == quantity, "deviation"])

    fractions = run.loc[run["quantity"] == "fraction", "deviation"]
    return {
        "variant": name,
        "repeat": str(run["repeat"].iloc[0]),
        "minutes": f"{run['minutes'].iloc[0]:.1f}",
        "fractions within": f"{fractions.abs().max():.3f}",
        "S2 %": deviations("S2 axial %"),
        "areas": deviations("area"),
        "TPB": deviations("TPB"),
        "D_rel": deviations("D_rel"),
        "sd": deviations("sd of fraction"),
    }


def main() -> None:
    """Train and measure every variant, and write the table after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--repeats", type=int, default=1)
    options = parser.parse_args()
    if not DATA.is_dir():
        print(f"skipped: no data at {DATA}")
        return
    use_threads(N_THREADS)
    material = load(MATERIAL)
    path = RESULTS / "ablation-runs.csv"
    runs = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["settings", "repeat"])
    shown = []
    for repeat, (name, changes) in itertools.product(range(options.repeats), VARIANTS.items()):
        model = variant(changes, options.steps)
        found = runs[(runs["settings"] == fingerprint(model)) & (runs["repeat"] == repeat)]
        if not len(found):
            found = pd.DataFrame(measured(material, model, repeat))
            runs = pd.concat([runs, found]) if len(runs) else found
            with atomic_path(path) as temporary:
                runs.to_csv(temporary, index=False)
        shown.append(line(name, found))
        write_table(
            "ablation",
            pd.DataFrame(shown),
            f"`{MODEL}` on {MATERIAL}, {options.steps} steps from one section, {N_THREADS} "
            f"threads; {N_VOLUMES} volumes of {EDGE}^3 voxels each, against the whole volume. "
            f"Phase by phase ({', '.join(material.phases)}): largest error of S2 up to 40 voxels "
            "over the fraction; for the rest generated over real, areas for each two phases.",
            libraries=("numpy", "torch"),
        )


if __name__ == "__main__":
    main()
