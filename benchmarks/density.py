"""How well volume fractions can be chosen: by a loss, by a conditional generator, by a threshold.

Run it as ``python benchmarks/density.py --cache FOLDER [--steps 600] [--materials ketton nmc]``;
table and pictures go to ``benchmarks/results/``. One section of 256 x 256 pixels is learned. Three
ways to other fractions: a training whose loss holds the targets (``loss``), one training that was
given a range of them (``conditional``), and the biases of the last layer of a generator that knows
the material's own alone (``threshold``). Every phase is made more and less; by the first and the
last way one phase gains what the next one loses. Trainings that are in the folder are not run
again. It needs torch, numpy, pandas, cc3d, scikit-image, tifffile, matplotlib and PyYAML.
"""

import argparse
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from matplotlib.figure import Figure
from table import RESULTS, write_table
from training import (
    DATA,
    EDGE,
    N_THREADS,
    PART,
    ROOT,
    Labels,
    Material,
    load,
    parts_of,
    train,
    training_data,
)

from matvir.device import pick_device, use_threads
from matvir.generation.aim import EDGE as CALIBRATION_EDGE
from matvir.generation.aim import N_VOLUMES as N_CALIBRATION
from matvir.generation.aim import aim
from matvir.generation.blocks import BlockwiseGenerator
from matvir.generation.sampling import sample_labels, sample_seeds
from matvir.metrics.interfacial_area import face_area_density
from matvir.metrics.percolation import connected_components, percolating_part
from matvir.models.slicegan import Generator
from matvir.settings.build import from_dict, resolve
from matvir.settings.models import DensityControlConfig, ModelConfig
from matvir.settings.records import Config
from matvir.training.checkpoint import load_generator
from matvir.training.density import complete_fractions
from matvir.training.seeding import derived_seed, seeded

N_VOLUMES = 32
# What the fraction of the controlled phase is to differ by from the section's own.
STEPS = (-0.1, -0.05, 0.05, 0.1)
BOUND = 0.01


def model_of(name: str, n_steps: int, control: DensityControlConfig | None) -> ModelConfig:
    """Return a model of the default configuration with a number of steps and targets."""
    values = yaml.safe_load((ROOT / "config/default.yaml").read_text(encoding="utf-8"))
    model = from_dict(Config, resolve(values)).models[name]
    kept = model.training.density_control if control is None else control
    training = replace(model.training, steps=n_steps, budget=None, density_control=kept)
    return replace(model, training=training)


def trained(
    material: Material, model: ModelConfig, name: str, cache: Path
) -> tuple[Generator, list[dict]]:
    """Return a generator and the history of its training, from the cache if it is there."""
    path = cache / f"{material.name}-{name}-{model.training.steps}.pt"
    if not path.exists():
        train(model, material, 0, path)
    found = load_generator(path)
    return found.network, found.provenance["history"]


def volumes_of(network: Generator) -> list[Labels]:
    """Generate volumes of seeds that nothing else sees."""
    generator = BlockwiseGenerator(network, pick_device())
    return [sample_labels(generator, (EDGE,) * 3, seed) for seed in sample_seeds(0, N_VOLUMES)]


def with_threshold(network: Generator, fractions: list[float]) -> Generator:
    """Return a generator whose phases are shifted to fractions that it does not know of."""
    shifted = deepcopy(network)
    random = seeded(derived_seed(0, "fractions"))
    latent_size = (shifted.latent_size_for(CALIBRATION_EDGE),) * 3
    shifted.match(shifted.draw(N_CALIBRATION, latent_size, random), fractions)
    return shifted


def percolating_share(mask: np.ndarray) -> float:
    """Return the share of a phase that reaches from face to face, mean over the axes."""
    components = connected_components(mask)
    return float(np.mean([percolating_part(components, a).sum() for a in range(3)]) / mask.sum())


def surface(labels: Labels, phase: int) -> float:
    """Return the voxel faces around a phase per voxel."""
    areas = face_area_density(labels, max(int(labels.max()), phase) + 1)
    return float(areas[phase].sum())


def real_surface(material: Material, phase: int, fraction: float) -> float:
    """Return the surface of real parts at a fraction: a line through those of all parts."""
    assert material.volume is not None
    parts = parts_of([material.volume])
    fractions = [(part == phase).mean() for part in parts]
    slope, offset = np.polyfit(fractions, [surface(part, phase) for part in parts], 1)
    return float(slope * fraction + offset)


def row(
    material: Material, way: str, phase: int, target: float, made: list[Labels]
) -> dict[str, object]:
    """Return one line of the table."""
    fractions = [(one == phase).mean() for one in made]
    difference = float(np.mean(fractions) - target)
    area = np.mean([surface(one, phase) for one in made])
    return {
        "material": material.name,
        "phase": material.phases[phase],
        "way": way,
        "target": f"{target:.3f}",
        "fraction": f"{np.mean(fractions):.4f} +- {np.std(fractions, ddof=1):.4f}",
        "difference": f"{difference:+.4f}",
        "within": "yes" if abs(difference) <= BOUND else "no",
        "percolating %": f"{100 * np.mean([percolating_share(o == phase) for o in made]):.1f}",
        "surface / real": f"{area / real_surface(material, phase, target):.2f}",
    }


def exchanges(material: Material, own: list[float]) -> list[tuple[str, dict[str, float]]]:
    """Return targets in which one phase gains what the next one loses, with their names."""
    phases = material.phases
    found = []
    for more, less in zip(phases, phases[1:] + phases[:1], strict=True):
        wanted = {p: own[phases.index(p)] + step for p, step in ((more, 0.1), (less, -0.1))}
        found.append((f"{more}-for-{less}", wanted))
    return found


def cases(material: Material, n_steps: int, cache: Path) -> tuple[list[dict], list[dict], dict]:
    """Return lines, the history of a training with targets, and a slice for each generator."""
    own = training_data(material).volume_fractions()
    phases = material.phases
    # What one of two phases gains the other one loses: one of them says it all.
    controlled = phases if len(phases) > 2 else phases[:1]
    rows, pictures = [], {}

    def add(way: str, network: Generator, wanted: dict[str, float]) -> None:
        made = volumes_of(network)
        named = {phase: target for phase, target in wanted.items() if phase in controlled}
        for phase, target in named.items():
            rows.append(row(material, way, phases.index(phase), target, made))
            print(rows[-1], flush=True)
        aims = ", ".join(f"{phase} {target:.2f}" for phase, target in named.items())
        pictures[f"{way}: {aims}"] = made[0][EDGE // 2]

    conditional, _ = trained(
        material, model_of("slicegan-conditional", n_steps, None), "conditional", cache
    )
    add("conditional", conditional, {phase: own[phases.index(phase)] for phase in controlled})
    for phase in controlled:
        for step in STEPS:
            wanted = {phase: own[phases.index(phase)] + step}
            add("conditional", aim(conditional, phases, wanted, seed=0), wanted)
    for name, wanted in exchanges(material, own):
        control = DensityControlConfig(weight=5.0, volume_fractions=wanted, range=None)
        model = model_of("slicegan-fast", n_steps, control)
        network, history = trained(material, model, f"loss-{name}", cache)
        add("loss", network, wanted)
    plain, _ = trained(material, model_of("slicegan-fast", n_steps, None), "plain", cache)
    for _, wanted in exchanges(material, own):
        add("threshold", with_threshold(plain, complete_fractions(wanted, phases, own)), wanted)
    return rows, history, pictures


def draw(material: Material, history: list[dict], pictures: dict[str, Labels]) -> Figure:
    """Draw the density differences of a training with a target, and slices of all lines."""
    n_rows = -(-(len(pictures) + 2) // 6)
    figure = Figure(figsize=(14, 3 * n_rows))
    grid = figure.add_gridspec(n_rows, 6)
    axes = figure.add_subplot(grid[0, 0:2])
    for name in material.phases:
        key = f"density_difference_{name}"
        axes.plot([r["step"] for r in history], [r[key] for r in history], label=name)
    axes.set(xlabel="generator step", ylabel="|target - computed|", title="loss", ylim=(0, None))
    axes.legend()
    for place, (title, labels) in enumerate(pictures.items(), start=2):
        panel = figure.add_subplot(grid[divmod(place, 6)])
        panel.imshow(labels, vmin=0, vmax=len(material.phases) - 1)
        panel.set_title(title, fontsize=8)
        panel.set_axis_off()
    figure.tight_layout()
    return figure


def main() -> None:
    """Train, generate and measure, and write a table and pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--materials", nargs="+", default=["ketton", "nmc"])
    parser.add_argument("--cache", type=Path, required=True)
    options = parser.parse_args()
    if not DATA.is_dir():
        print(f"skipped: no data at {DATA}")
        return
    use_threads(N_THREADS)
    options.cache.mkdir(parents=True, exist_ok=True)
    rows = []
    for name in options.materials:
        material = load(name)
        found, history, pictures = cases(material, options.steps, options.cache)
        rows += found
        draw(material, history, pictures).savefig(RESULTS / f"density-{name}.png", dpi=60)
        write_table(
            "density",
            pd.DataFrame(rows),
            f"Trainings of {options.steps} steps from one section; {N_VOLUMES} volumes of "
            f"{EDGE}^3 voxels a line, fractions of arg-max labels with their standard deviation. "
            "Conditional: one training for all of its lines. Percolating: share of the phase that "
            "reaches from face to face, mean over axes. Surface: over that of real parts of "
            f"{PART}^3 voxels at the target, from a line through them.",
            libraries=("numpy", "torch"),
        )


if __name__ == "__main__":
    main()
