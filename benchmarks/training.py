"""How close to the material a generator gets in a given time: one section in, volumes out.

Run it as ``python benchmarks/training.py [--model NAME] [--budget 15min | --steps] [--repeats 3]
[--materials nmc ketton sofc] [--edge 128] [--threads 2] [--keep FOLDER]``; tables and pictures go
to ``benchmarks/results/``, those of a GPU with its name, those of another edge with that, and
generators to the folder. Those that are there already are measured, not trained again. A volume
gives one section of 256 x 256 pixels to the training, the 2D material its image, and ``demo``, the
demo's electrode, its segmented micrograph. What a section shows, fractions, chords and two-point
correlations, is compared with that section, everything with the whole volume where there is one.
A classifier is asked to tell slices of generated parts from those of the volume's, or of the
image's. Nothing is chosen by these numbers: every repeat counts. Runs that are in the results
already, of the same settings, are not run again, so a stopped benchmark goes on. It needs torch,
numpy, pandas, scikit-image, tifffile, matplotlib and PyYAML, pyamg and cc3d for relative
diffusivities, and PoreSpy for local thickness.
"""

import argparse
import itertools
import tempfile
import time
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
import torch
import yaml
from matplotlib.figure import Figure
from numpy.typing import NDArray
from table import RESULTS, machine, of_device, write_table

from matvir.comparison.classifier import judge
from matvir.comparison.slices import Look, Slices
from matvir.device import (
    device_name,
    pick_device,
    pick_precision,
    precision_name,
    use_threads,
)
from matvir.families import OBJECTIVES
from matvir.files import atomic_path
from matvir.generation.sampling import prepared, sample_labels, sample_seeds
from matvir.measurement.samples import subvolumes
from matvir.metrics.chord_length import mean_chord_length
from matvir.metrics.interfacial_area import face_area_density
from matvir.metrics.local_thickness import local_thickness
from matvir.metrics.relative_diffusivity import relative_diffusivity
from matvir.metrics.triple_phase_boundary import triple_phase_boundary_density
from matvir.metrics.two_point_correlation import axis_cut, correlation_map, phase_spectra
from matvir.metrics.volume_fraction import volume_fractions
from matvir.micrograph.encoding import TrainingData
from matvir.models import Network
from matvir.models.images import ImageModel
from matvir.processes import workers
from matvir.settings.build import from_dict, resolve, to_dict
from matvir.settings.models import ModelConfig, TrainingConfig
from matvir.settings.records import Config
from matvir.storage.provenance import config_hash
from matvir.training.checkpoint import TrainedGenerator, load_generator, save_generator
from matvir.training.fit import fit

Labels = NDArray[np.uint8]

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
N_THREADS = 2
# Sixteen volumes of 128^3 are as much material as 128 of 64^3 and show longer lags.
N_VOLUMES, EDGE, PART = 16, 128, 64
REACH = 40
# A machine without these cannot measure relative diffusivity, or local thickness.
CAN_DIFFUSE = all(find_spec(library) for library in ("pyamg", "cc3d"))
CAN_FIT_SPHERES = find_spec("porespy") is not None
# Tiles that an image is cut into for the classifier.
TILE = 128
# What a good generator keeps to: see `lines` for the deviations.
BOUNDS = {
    "fraction": (-0.01, 0.01),
    "S2 axial %": (0.0, 6.0),
    "S2 diagonal %": (0.0, 2.0),
    "area": (0.9, 1.1),
    "chord": (0.9, 1.1),
    "thickness": (0.9, 1.1),
    "AUC 64 px": (0.0, 0.8),
    "AUC 32 px": (0.0, 0.65),
    "AUC 16 px": (0.0, 0.65),
    "TPB": (0.9, 1.1),
    "D_rel": (0.85, 1.15),
    "sd of fraction": (0.7, 1.4),
}


@dataclass(frozen=True, eq=False)
class Material:
    """One section to train on, and the volume of 256^3 voxels it is from if there is one."""

    name: str
    phases: tuple[str, ...]
    section: Labels
    volume: Labels | None


def demo() -> Material:
    """Grow the demo's electrode and segment its micrograph."""
    # Only now: a machine with little but torch trains on the other materials.
    from matvir.micrograph.reading import read_micrograph
    from matvir.micrograph.segmentation import segment
    from matvir.synthetic.growth import synthesise
    from matvir.synthetic.imaging import write_micrograph

    config = settings().materials["nmc-synthetic"]
    assert config.synthetic is not None
    grown = synthesise(config.synthetic, phases=config.phases, voxel_size_um=config.voxel_size_um)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "micrograph.tif"
        write_micrograph(
            path, grown.micrographs[0], pixel_size_um=None, plane=grown.planes[0], provenance={}
        )
        found = segment(read_micrograph(path, type="grey", voxel_size_um=None), config).image
    return Material("demo", found.phases, found.voxels, grown.truth.voxels)


@cache
def settings() -> Config:
    """Return what MatVir comes with."""
    values = yaml.safe_load((ROOT / "config/default.yaml").read_text(encoding="utf-8"))
    return from_dict(Config, resolve(values))


@cache
def load(name: str) -> Material:
    """Read a material of the data folder, or grow the demo's."""
    if name == "demo":
        return demo()
    if name == "nmc":
        volume = (tifffile.imread(DATA / "synth_nmc_gan_3d_256.tif") // 85).astype(np.uint8)
        return Material(name, ("pore", "nmc", "binder"), volume[128], volume)
    if name == "ketton":
        volume = (tifffile.imread(DATA / "ketton_3d_256.tif") > 0).astype(np.uint8)
        return Material(name, ("pore", "grain"), volume[128], volume)
    image = tifffile.imread(DATA / "sofc_anode_2d_1024.tif").astype(np.uint8)
    return Material(name, ("0", "1", "2"), image, None)


def training_data(material: Material) -> TrainingData:
    """Return the whole section as the data of an isotropic material."""
    phases = np.arange(len(material.phases))[:, None, None]
    return TrainingData(
        phases=material.phases,
        voxel_size_um=None,
        mirror=True,
        quarter_turns=True,
        isotropic=True,
        sections={0: (material.section == phases)[None].astype(np.uint8)},
    )


@dataclass(frozen=True)
class Statistics:
    """Means over samples.

    Attributes
    ----------
    fractions : ndarray of shape (n_phases,)
        Volume fractions.
    axial, diagonal : ndarray of shape (n_phases, n_lags)
        Two-point correlations along axes and along the diagonals of planes.
    areas : ndarray of shape (n_pairs,)
        Voxel faces between each two phases per voxel; of a section those of a volume that looks
        like it along every axis.
    tpb : float
        Voxel edges of triple-phase boundary per voxel, of a section likewise.
    chords : ndarray of shape (n_phases,)
        Mean chord lengths along axes in voxels.
    """

    fractions: NDArray[np.float64]
    axial: NDArray[np.float64]
    diagonal: NDArray[np.float64]
    areas: NDArray[np.float64]
    tpb: float
    chords: NDArray[np.float64]


def statistics(samples: list[Labels], n_phases: int) -> Statistics:
    """Measure samples of one shape, 2D or 3D."""
    n_axes = samples[0].ndim
    pairs = list(itertools.combinations(range(n_phases), 2))
    # A section crosses two of three kinds of faces, and one of three kinds of edges.
    faces, edges = (1.0, 1.0) if n_axes == 3 else (3 / 2, 3.0)
    found = []
    for labels in samples:
        spectra = phase_spectra(labels, n_phases)
        maps = [correlation_map(spectra, phase, phase) for phase in range(n_phases)]
        area = face_area_density(labels, n_phases)
        tpb = triple_phase_boundary_density(labels, n_phases) if n_phases > 2 else 0.0
        found.append(
            (
                volume_fractions(labels, n_phases),
                [
                    np.mean([axis_cut(one, a)[: REACH + 1] for a in range(n_axes)], axis=0)
                    for one in maps
                ],
                [plane_diagonals(one)[: int(REACH / 2**0.5) + 1] for one in maps],
                [faces * area[pair] for pair in pairs],
                edges * tpb,
                [
                    np.mean([mean_chord_length(labels == phase, a) for a in range(n_axes)])
                    for phase in range(n_phases)
                ],
            )
        )
    return Statistics(*(np.mean(values, axis=0) for values in zip(*found, strict=True)))


def plane_diagonals(lag_map: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean correlation at lags of n voxels along two axes at once, for n = 0, 1, ..."""
    centre = np.array([n // 2 for n in lag_map.shape[:-1]] + [0])
    steps = np.arange(min([*centre[:-1], lag_map.shape[-1] - 1]) + 1)
    cuts = []
    for first, second in itertools.combinations(range(lag_map.ndim), 2):
        for sign in (-1, 1):
            lags = [np.full(len(steps), c) for c in centre]
            lags[first] = lags[first] + sign * steps  # the last axis has no negative lags
            lags[second] = lags[second] + steps
            cuts.append(lag_map[tuple(lags)])
    return np.mean(cuts, axis=0)


def parts_of(volumes: list[Labels]) -> list[Labels]:
    """Cut volumes into cubes that do not overlap."""
    n = int(np.prod([edge // PART for edge in volumes[0].shape]))
    return [
        np.ascontiguousarray(volume[window])
        for volume in volumes
        for window in subvolumes(volume.shape, (PART,) * 3, n)
    ]


def diffusivities(task: tuple[int, Labels, int]) -> list[float]:
    """Return the relative diffusivity of each phase of one part along one axis."""
    index, labels, n_phases = task
    return [relative_diffusivity(labels == phase, index % 3) for phase in range(n_phases)]


def thicknesses(task: tuple[Labels, int]) -> list[float]:
    """Return the mean local thickness of each phase of one part in voxels."""
    labels, n_phases = task
    return [local_thickness(labels == phase).mean for phase in range(n_phases)]


def of_parts(volumes: list[Labels], n_phases: int) -> dict[str, NDArray[np.float64]]:
    """Return mean diffusivities and thicknesses of phases, and deviations of their fractions."""
    parts = parts_of(volumes)
    fractions = [volume_fractions(part, n_phases) for part in parts]
    found = {"sd of fraction": np.std(fractions, axis=0)}
    if CAN_DIFFUSE:
        tasks = [(index, part, n_phases) for index, part in enumerate(parts)]
        with workers(torch.get_num_threads()) as run:
            found["D_rel"] = np.mean(list(run(diffusivities, tasks)), axis=0)
    if CAN_FIT_SPHERES:
        with workers(torch.get_num_threads()) as run:
            made = list(run(thicknesses, [(part, n_phases) for part in parts]))
        found["thickness"] = np.nanmean(made, axis=0)
    return found


def told_apart(material: Material, made: list[Labels]) -> list[tuple[int, float]]:
    """Return how well a classifier tells generated slices from real ones, by their edges."""
    axes = range(3)
    if material.volume is None:
        tiles = [
            material.section[i : i + TILE, j : j + TILE]
            for i in range(0, material.section.shape[0], TILE)
            for j in range(0, material.section.shape[1], TILE)
        ]
        real = [Slices.of_image(tile) for tile in tiles]
    else:
        real = [Slices.of_volume(part, axes) for part in parts_of([material.volume])]
    ours = [Slices.of_volume(part, axes) for part in parts_of(made)]
    look = Look(n_phases=len(material.phases), mirror=True, quarter_turns=True)
    found = judge("3d", real, ours, look, kind="generated", seed=0, confidence=0.95).table
    return list(zip(found["size"], found["auc"], strict=True))


@cache
def truth_of(material: Material) -> dict[str, Statistics]:
    """Measure what generated volumes are compared with, by its name."""
    known = {"section": material.section, "volume": material.volume}
    n_phases = len(material.phases)
    return {name: statistics([one], n_phases) for name, one in known.items() if one is not None}


@cache
def parts_of_truth(material: Material) -> dict[str, NDArray[np.float64]]:
    """Measure the parts of the volume, of a material that has one."""
    return {} if material.volume is None else of_parts([material.volume], len(material.phases))


def relative_error(ours: NDArray, theirs: NDArray) -> NDArray[np.float64]:
    """Return the largest error of correlations over the fraction, in percent, per phase."""
    n_lags = min(ours.shape[1], theirs.shape[1])
    return 100 * np.abs(ours[:, :n_lags] - theirs[:, :n_lags]).max(axis=1) / theirs[:, 0]


def lines(material: Material, made: list[Labels]) -> list[tuple[str, str, str, float, float]]:
    """Return (quantity, phase, compared with, value, deviation) for one trained generator.

    The deviation is a difference (fractions), a share of the fraction in percent (axial
    correlations), a multiple of the axial error (diagonal ones) or the ratio to the real value.
    """
    phases, n_phases = material.phases, len(material.phases)
    ours = statistics(made, n_phases)
    rows = []
    for name, theirs in truth_of(material).items():
        axial = relative_error(ours.axial, theirs.axial)
        diagonal = relative_error(ours.diagonal, theirs.diagonal)
        for index, phase in enumerate(phases):
            fraction = ours.fractions[index]
            rows += [
                ("fraction", phase, name, fraction, fraction - theirs.fractions[index]),
                ("S2 axial %", phase, name, axial[index], axial[index]),
                ("S2 diagonal %", phase, name, diagonal[index], diagonal[index] / axial[index]),
            ]
        pairs = itertools.combinations(phases, 2)
        for pair, value, real in zip(pairs, ours.areas, theirs.areas, strict=True):
            rows.append(("area", "+".join(pair), name, value, value / real))
        if n_phases > 2:
            rows.append(("TPB", "all", name, ours.tpb, ours.tpb / theirs.tpb))
        for phase, value, real in zip(phases, ours.chords, theirs.chords, strict=True):
            rows.append(("chord", phase, name, value, value / real))
    if material.volume is not None:
        real = parts_of_truth(material)
        for name, values in of_parts(made, n_phases).items():
            ratios = values / np.where(real[name] > 0, real[name], np.nan)
            for row in zip(phases, values, ratios, strict=True):
                rows.append((name, row[0], "volume", row[1], row[2]))
    against = "section" if material.volume is None else "volume"
    rows += [(f"AUC {n} px", "all", against, auc, auc) for n, auc in told_apart(material, made)]
    return rows


def picture(material: Material, made: Labels) -> Figure:
    """Draw the section beside a generated volume."""
    edge = len(made)
    return picture_of({"section": material.section[:edge, :edge]}, made, len(material.phases))


def picture_of(real: dict[str, Labels], made: Labels, n_phases: int) -> Figure:
    """Draw real images by their titles, a slice perpendicular to each axis, and one at 45 degrees.

    The last is a slice along axis 1 of a generated cube.
    """
    edge, middle = len(made), len(made) // 2
    steps = np.arange(edge)
    panels = {
        **real,
        **{f"across axis {axis}": made.take(middle, axis) for axis in range(3)},
        "at 45°": made[steps, :, steps],
    }
    figure = Figure(figsize=(3 * len(panels), 3.3))
    for axes, (title, labels) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        # Steps along the diagonal are longer.
        aspect = 2**0.5 if "45" in title else 1.0
        axes.imshow(labels, vmin=0, vmax=n_phases - 1, aspect=aspect)
        axes.set_title(title, fontsize=10)
        axes.set_axis_off()
    figure.tight_layout()
    return figure


def train(
    model: ModelConfig, material: Material, seed: int, generator_path: Path | None = None
) -> tuple[Network, int, float]:
    """Return a generator, its steps and minutes; read it where it is, or train and write it."""
    if generator_path is not None and generator_path.exists():
        found = load_generator(generator_path)
        origin = found.provenance
        if origin["settings"] != fingerprint(model):
            raise SystemExit(f"{generator_path} is of other settings; take another --keep")
        return found.network, origin["steps"], origin["minutes"]
    start = time.perf_counter()
    name = generator_path.stem if generator_path else f"{material.name}, repeat {seed}"
    with tempfile.TemporaryDirectory() as folder:
        trainer = fit(
            model,
            training_data(material),
            seed=seed,
            device=pick_device(),
            state=Path(folder) / "state.pt",
            title=name,
        )
        network = trainer.finish()
    minutes = round((time.perf_counter() - start) / 60, 2)
    if generator_path is not None:
        origin = {"seed": seed, "steps": trainer.step, "minutes": minutes}
        found = TrainedGenerator(
            network=network,
            kind=model.kind,
            config=model.network,
            phases=material.phases,
            voxel_size_um=None,
            provenance=origin | {"settings": fingerprint(model), "history": trainer.history},
        )
        save_generator(generator_path, found)
    return network, trainer.step, minutes


def measured(
    material: Material,
    model: ModelConfig,
    repeat: int,
    edge: int = EDGE,
    picture_path: Path | None = None,
    generator_path: Path | None = None,
) -> list[dict]:
    """Train, generate and measure one repeat; draw it, and write its generator, if told where."""
    network, n_steps, minutes = train(model, material, repeat, generator_path)
    assert not isinstance(network, ImageModel)
    generator = prepared(network, pick_device())
    seeds = sample_seeds(repeat, N_VOLUMES)
    start = time.perf_counter()
    made = [sample_labels(generator, (edge,) * 3, seed) for seed in seeds]
    seconds = (time.perf_counter() - start) / N_VOLUMES
    if picture_path is not None:
        picture(material, made[0]).savefig(picture_path, dpi=60)
    names = ("quantity", "phase", "against", "value", "deviation")
    of_run = {
        "material": material.name,
        "repeat": repeat,
        "steps": n_steps,
        "minutes": minutes,
        "seconds per volume": round(seconds, 2),
        "settings": fingerprint(model),
        "precision": precision_name(pick_precision(model.training.precision, pick_device())),
        "machine": where(),
    }
    return [of_run | dict(zip(names, row, strict=True)) for row in lines(material, made)]


def where() -> str:
    """Return what the networks are trained on."""
    device = pick_device()
    return machine() if device.type == "cpu" else f"{device_name(device)}; {machine()}"


def title(model: str, edge: int) -> str:
    """Return what the results of a model are called here."""
    name = f"training-{model}" if edge == EDGE else f"training-{model}-{edge}"
    return of_device(name, device_name(pick_device()))


def fingerprint(model: ModelConfig) -> str:
    """Return what identifies the settings of a run, the code that uses them included."""
    return config_hash(
        {"model": to_dict(model), "revision": OBJECTIVES[model.training.objective.kind].revision}
    )


def table(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one line per quantity: its value and deviation in each repeat, and how many held."""
    rows = []
    for key, group in runs.groupby(["material", "quantity", "phase", "against"], sort=False):
        low, high = BOUNDS[key[1]]
        cells = {
            f"repeat {one.repeat}": f"{one.value:.4g} ({one.deviation:.3g})"
            for one in group.itertuples()
        }
        held = group["deviation"].between(low, high).sum()
        of_line = dict(zip(("material", "quantity", "phase", "against"), key, strict=True))
        bounds = f"{low:g} .. {high:g}"
        rows.append(of_line | cells | {"bounds": bounds, "held": f"{held} of {len(group)}"})
    return pd.DataFrame(rows)


def write_tables(name: str, runs: pd.DataFrame, training: TrainingConfig, edge: int) -> None:
    """Write the table of one model."""
    length = f"budget {training.budget}" if training.budget else f"{training.steps} steps"
    seconds = runs.get("seconds per volume")
    took = "" if seconds is None else f", {seconds.mean():.2g} s each"
    listed = "; ".join(
        f"{machine}, {precision}: "
        + ", ".join(f"{r.material} {r.steps} in {r.minutes:.1f}" for r in times.itertuples())
        for (machine, precision), times in runs.drop_duplicates(["material", "repeat"]).groupby(
            ["machine", "precision"], sort=False
        )
    )
    write_table(
        title(name, edge),
        table(runs),
        f"`{name}`, {length}, {torch.get_num_threads()} threads, from one section; "
        f"{N_VOLUMES} volumes of {edge}^3 voxels per repeat{took}. Steps in minutes, by machine: "
        f"{listed}. Each cell: value (deviation). Deviations: difference of fractions; largest "
        f"error of S2 up to {min(REACH, edge // 2)} voxels over the fraction in percent, of "
        "diagonal ones as a multiple of the axial error; ratio of generated to real for the rest. "
        "Areas are voxel faces between two phases per voxel, TPB voxel edges per voxel, chords and "
        "local thickness in "
        "voxels. AUC: area under the curve of a classifier that is shown generated and real slices."
        + ("" if CAN_DIFFUSE else " Diffusivity is not measured: pyamg or cc3d is missing."),
        libraries=("numpy", "torch"),
    )


def main() -> None:
    """Train, generate, measure, and write a table and a picture per material."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="slicegan-fast")
    parser.add_argument("--budget", default="15min")
    parser.add_argument("--steps", action="store_true", help="those of the model, not a budget")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--materials", nargs="+", default=["nmc", "ketton", "sofc"])
    parser.add_argument("--edge", type=int, default=EDGE, help="of the volumes, a multiple of 64")
    parser.add_argument("--threads", type=int, default=N_THREADS)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    if not DATA.is_dir():
        print(f"skipped: no data at {DATA}")
        return
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    use_threads(options.threads)
    model = settings().models[options.model]
    if not options.steps:
        model = replace(model, training=replace(model.training, steps=None, budget=options.budget))
    path = RESULTS / f"{title(options.model, options.edge)}-runs.csv"
    runs = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["settings"])
    runs = runs[runs["settings"] == fingerprint(model)]
    if len(runs):
        write_tables(options.model, runs, model.training, options.edge)
    for repeat, name in itertools.product(range(options.repeats), options.materials):
        if len(runs) and ((runs["material"] == name) & (runs["repeat"] == repeat)).any():
            print(f"{name}, repeat {repeat}: in the results already")
            continue
        drawing = (
            RESULTS / f"{title(options.model, options.edge)}-{name}.png" if repeat == 0 else None
        )
        kept = options.keep and options.keep / f"{options.model}-{name}-{repeat}.pt"
        found = pd.DataFrame(measured(load(name), model, repeat, options.edge, drawing, kept))
        runs = pd.concat([runs, found]) if len(runs) else found
        with atomic_path(path) as temporary:
            runs.to_csv(temporary, index=False)
        write_tables(options.model, runs, model.training, options.edge)


if __name__ == "__main__":
    main()
