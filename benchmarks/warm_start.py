"""What a training saves that begins with the generator of another material.

Run it as ``python benchmarks/warm_start.py NAME=generator.pt ... [--material nmc] [--steps 400]``;
table and curves go to ``benchmarks/results/``. Trainings on one section of 256 x 256 pixels, from
drawn weights and from those of each generator, are validated while they go on. It needs torch,
numpy, pandas, scikit-image, tifffile, matplotlib and PyYAML.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
import yaml
from matplotlib.figure import Figure
from table import RESULTS, write_table
from training import N_THREADS, ROOT, load, training_data

from matvir.device import pick_device, use_threads
from matvir.settings.build import from_dict, resolve
from matvir.settings.models import ModelConfig, SelectionConfig
from matvir.settings.records import Config
from matvir.training.fit import fit

COLD = "drawn weights"
EVERY = 25
N_SEEDS = 2
SCORES = (0.3, 0.25, 0.2, 0.15)
MODEL = "slicegan-fast"


def model_of(n_steps: int, warm_start: str | None) -> ModelConfig:
    """Return the model with a number of steps, validated from the first steps on."""
    values = yaml.safe_load((ROOT / "config/default.yaml").read_text(encoding="utf-8"))
    model = from_dict(Config, resolve(values)).models[MODEL]
    selection = SelectionConfig(start=0.0, every=EVERY, volumes=8, reach=40, patience=n_steps)
    training = replace(
        model.training, steps=n_steps, budget=None, selection=selection, warm_start=warm_start
    )
    return replace(model, training=training)


def curve(material: str, start: str, path: str | None, n_steps: int, seed: int) -> pd.DataFrame:
    """Return the validations of one training."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = fit(
            model_of(n_steps, path),
            training_data(load(material)),
            seed=seed,
            device=pick_device(),
            state=Path(folder) / "state.pt",
            title=f"{material} from {start}, seed {seed}",
        )
    rows = [row for row in trainer.history if "score" in row]
    frame = pd.DataFrame(rows)[["step", "score", "correlation", "area"]]
    return frame.assign(start=start, seed=seed)


def first_as_good(scores: pd.Series, bound: float) -> str:
    """Return the first step with a score of at most ``bound``."""
    reached = scores.index[scores <= bound]
    return str(reached[0]) if len(reached) else "never"


def table(curves: pd.DataFrame) -> pd.DataFrame:
    """Return when the mean of the trainings from each start is as good as some scores."""
    means = curves.groupby(["start", "step"])["score"].mean()
    by_start = {start: means[start] for start in curves["start"].unique()}
    rows = [
        {"score": f"{bound:.2f}"}
        | {start: first_as_good(scores, bound) for start, scores in by_start.items()}
        for bound in SCORES
    ]
    best = {start: f"{scores.min():.3f}" for start, scores in by_start.items()}
    return pd.DataFrame([*rows, {"score": "best"} | best])


def draw(curves: pd.DataFrame, material: str) -> Figure:
    """Draw scores against steps."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for index, (start, group) in enumerate(curves.groupby("start", sort=False)):
        for _, one in group.groupby("seed"):
            axes.plot(one["step"], one["score"], color=f"C{index}", alpha=0.4, linewidth=0.8)
        mean = group.groupby("step")["score"].mean()
        axes.plot(mean.index, mean, color=f"C{index}", label=start)
    axes.set(xlabel="generator step", ylabel="mean relative error", yscale="log", title=material)
    axes.legend(title="starts from")
    return figure


def main() -> None:
    """Train from all starts and write table, curves and picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("generators", nargs="+", metavar="NAME=generator.pt")
    parser.add_argument("--material", default="nmc")
    parser.add_argument("--steps", type=int, default=400)
    options = parser.parse_args()
    use_threads(N_THREADS)
    starts = {COLD: None} | dict(one.split("=", 1) for one in options.generators)
    found: list[pd.DataFrame] = []
    for seed in range(N_SEEDS):
        for start, path in starts.items():
            found.append(curve(options.material, start, path, options.steps, seed))
    curves = pd.concat(found)
    curves.to_csv(RESULTS / f"warm-start-{options.material}-curves.csv", index=False)
    draw(curves, options.material).savefig(RESULTS / f"warm-start-{options.material}.png", dpi=80)
    write_table(
        f"warm-start-{options.material}",
        table(curves),
        f"`{MODEL}` on one section of {options.material}, {options.steps} steps, mean of "
        f"{N_SEEDS} seeds. Score: mean relative error of two-point correlations and interfacial "
        f"areas in validations, every {EVERY} steps; numbers are the steps after which it is as "
        "low.",
        libraries=("numpy", "torch"),
    )


if __name__ == "__main__":
    main()
