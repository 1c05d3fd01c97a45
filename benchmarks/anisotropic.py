"""Whether generators keep what is different along different axes, and what they need for it.

Run it as ``python benchmarks/anisotropic.py [--model slicegan-fast] [--steps 800]``; table and
pictures go to ``benchmarks/results/``. Built-in materials are grown and learned from sections of
their labels: one across each axis; that across axis 0 alone, as if they were isotropic; and, of
fibres, those along them alone, without and with slices at 45 degrees. Volumes are compared with the
whole material. Runs that are in the results already are not run again. It needs torch, numpy,
pandas, scikit-image, edt, porespy, matplotlib and PyYAML.
"""

import argparse
import tempfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from table import RESULTS, machine, write_table
from training import EDGE, N_THREADS, REACH, ROOT, Labels, fingerprint, picture_of

from matvir.device import pick_device, use_threads
from matvir.files import atomic_path
from matvir.generation.blocks import BlockwiseGenerator
from matvir.generation.sampling import sample_labels, sample_seeds
from matvir.metrics.two_point_correlation import axis_cut, correlation_map, phase_spectra
from matvir.micrograph.encoding import TrainingData
from matvir.settings.build import from_dict, resolve
from matvir.settings.models import ModelConfig
from matvir.settings.records import Config, SyntheticConfig
from matvir.storage.images import MaterialImage
from matvir.synthetic.growth import KINDS, representative_plane, synthesise
from matvir.training.fit import fit

SHAPE = (256, 384, 384)
N_VOLUMES = 8
# Most that a two-point correlation may be wrong along any axis, in percent of the fraction.
BOUND = 10.0


@dataclass(frozen=True)
class Case:
    """What a training sees of a material: planes across some axes, and which symmetries it has."""

    material: str
    picture: str
    name: str
    axes: tuple[int, ...]
    isotropic: bool = False
    rotation_axis: int | None = None


CASES = (
    Case("separator", "planes", "a plane across each axis", (0, 1, 2)),
    Case("separator", "isotropic-0", "isotropic, plane across axis 0", (0,), isotropic=True),
    Case("separator", "isotropic-1", "isotropic, plane across axis 1", (1,), isotropic=True),
    Case("fibres", "planes", "a plane across each axis", (0, 1, 2)),
    Case("fibres", "two", "no plane across axis 0", (1, 2)),
    Case("fibres", "diagonal", "the same, and views at 45 degrees", (1, 2), rotation_axis=0),
)


@cache
def grown(kind: str) -> MaterialImage:
    """Grow a material."""
    config = SyntheticConfig(kind=kind, shape=SHAPE, seed=0)
    return synthesise(config, phases=KINDS[kind].phases, voxel_size_um=None).truth


def training_data(case: Case) -> TrainingData:
    """Return the sections that a case has."""
    truth = grown(case.material)
    phases = np.arange(truth.n_phases)[:, None, None]
    planes = {a: truth.voxels.take(representative_plane(truth, a), a) for a in case.axes}
    encoded = {axis: (plane == phases)[None].astype(np.uint8) for axis, plane in planes.items()}
    return TrainingData(
        phases=truth.phases,
        voxel_size_um=None,
        mirror=True,
        quarter_turns=case.isotropic,
        isotropic=case.isotropic,
        # What stands for all axes of an isotropic material is found under axis 0.
        sections={0: encoded[case.axes[0]]} if case.isotropic else encoded,
        rotation_axis=case.rotation_axis,
    )


def correlations(volumes: list[Labels], n_phases: int) -> np.ndarray:
    """Return two-point correlations along each axis, shape (n_phases, 3, n_lags)."""
    found = []
    for labels in volumes:
        spectra = phase_spectra(labels, n_phases)
        maps = [correlation_map(spectra, phase, phase) for phase in range(n_phases)]
        found.append([[axis_cut(one, a)[: REACH + 1] for a in range(3)] for one in maps])
    return np.mean(found, axis=0)


@cache
def truth_correlations(kind: str) -> np.ndarray:
    """Measure a material."""
    truth = grown(kind)
    return correlations([truth.voxels], truth.n_phases)


def measured(case: Case, model: ModelConfig, drawing: Path) -> dict[str, object]:
    """Train, generate and measure one case, and draw it."""
    truth = grown(case.material)
    with tempfile.TemporaryDirectory() as folder:
        trainer = fit(
            model,
            training_data(case),
            seed=0,
            device=pick_device(),
            state=Path(folder) / "state.pt",
            title=f"{case.material}, {case.name}",
        )
        generator = BlockwiseGenerator(trainer.finish(), pick_device())
    made = [sample_labels(generator, (EDGE,) * 3, seed) for seed in sample_seeds(0, N_VOLUMES)]
    panels = {f"real, across axis {a}": truth.voxels.take(128, a)[:EDGE, :EDGE] for a in range(3)}
    picture_of(panels, made[0], truth.n_phases).savefig(drawing, dpi=50)
    ours, theirs = correlations(made, truth.n_phases), truth_correlations(case.material)
    errors = 100 * np.abs(ours - theirs).max(axis=2) / theirs[:, :1, 0]  # (n_phases, 3)
    fractions = [np.mean([(one == p).mean() for one in made]) for p in range(truth.n_phases)]
    worst = errors.max(axis=0)
    return {
        "material": case.material,
        "trained on": case.name,
        "fractions": " ".join(f"{one:.3f}" for one in fractions),
        "real fractions": " ".join(f"{one:.3f}" for one in theirs[:, 0, 0]),
        "picture": f"anisotropic-{case.material}-{case.picture}.png",
        **{f"S2 axis {axis} %": round(float(worst[axis]), 2) for axis in range(3)},
        "within": "yes" if worst.max() <= BOUND else "no",
        "settings": fingerprint(model),
        "machine": machine(),
    }


def main() -> None:
    """Run all cases that are missing and write their table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="slicegan-fast")
    parser.add_argument("--steps", type=int, default=800)
    options = parser.parse_args()
    use_threads(N_THREADS)
    values = yaml.safe_load((ROOT / "config/default.yaml").read_text(encoding="utf-8"))
    model = from_dict(Config, resolve(values)).models[options.model]
    model = replace(model, training=replace(model.training, steps=options.steps, budget=None))
    path = RESULTS / "anisotropic-runs.csv"
    runs = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["settings"])
    runs = runs[runs["settings"] == fingerprint(model)]
    for case in CASES:
        key = (case.material, case.name)
        if len(runs) and ((runs["material"] == key[0]) & (runs["trained on"] == key[1])).any():
            continue
        drawing = RESULTS / f"anisotropic-{case.material}-{case.picture}.png"
        found = pd.DataFrame([measured(case, model, drawing)])
        runs = pd.concat([runs, found]) if len(runs) else found
        with atomic_path(path) as temporary:
            runs.to_csv(temporary, index=False)
        shape = " x ".join(map(str, SHAPE))
        write_table(
            "anisotropic",
            runs.drop(columns=["settings", "machine"]),
            f"`{options.model}`, {options.steps} steps, {N_VOLUMES} volumes of {EDGE}^3 voxels a "
            f"case against the whole grown material of {shape}. S2 along each axis: largest error "
            f"up to {REACH} voxels over the fraction, of the worst phase; within: at most "
            f"{BOUND:g} % along every axis.",
            libraries=("numpy", "torch", "porespy"),
        )


if __name__ == "__main__":
    main()
