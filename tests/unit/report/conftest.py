"""Small fake results of two materials: one with 3D truth and two runs, one 2D only."""

import json

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from matvir.comparison.classifier import CLASSIFIER_COLUMNS, Judgement, write_telling
from matvir.comparison.intervals import property_intervals
from matvir.comparison.run import TABLES, GeneratedSamples, Measured, TrainingSections, compare_run
from matvir.files import write_json, write_text
from matvir.measurement.curves import Curve, write_curves
from matvir.measurement.samples import generated_samples
from matvir.measurement.tables import COLUMNS, read_metrics
from matvir.report.results import MaterialFiles, RunFiles
from matvir.settings.records import CompareConfig
from matvir.storage.images import MaterialImage, write_image
from matvir.storage.samples import read_samples, write_samples

CONFIG = CompareConfig(bootstrap_samples=50, permutations=20, confidence=0.95, seed=0)
EVIL = "<svg onload=document.title=1>"
SIZE = (10, 12, 14)
LAGS = np.arange(5.0)


def measurements(rng, names, model, seed, phases, shift=0.0):
    rows = []
    for dimension, samples in names.items():
        for sample in samples:
            for phase in phases:
                value = 0.3 + shift + 0.02 * rng.normal()
                rows += [
                    (sample, phase, "all", "volume_fraction", value, "1", ""),
                    (sample, phase, "0", "mean_chord_length", 5 + rng.normal(), "um", ""),
                ]
            flat = dimension == "2d"
            note = "needs a 3D sample" if flat else ""
            value = np.nan if flat else 0.2 + shift
            rows.append((sample, "all", "all", "tpb_density", value, "1/um^2", note))
    table = pd.DataFrame(rows, columns=COLUMNS[3:])
    return table.assign(material="m", model=model, seed=seed)[list(COLUMNS)]


def curves(rng, names, phases):
    return {
        dimension: {
            f"s2/{phase}/{axis}": Curve(
                lags=LAGS,
                values=0.1 + (0.3 + 0.02 * rng.normal(size=(len(samples), 1))) * np.exp(-LAGS),
                unit="um",
            )
            for phase in phases
            for axis in ("0", "radial")
        }
        for dimension, samples in names.items()
    }


def write_measured(folder, table, groups):
    write_text(folder / "metrics.csv", table.to_csv(index=False))
    write_curves(folder / "curves.h5", groups)
    return folder / "metrics.csv", folder / "curves.h5"


def as_blocks(volumes):
    whole = tuple((0, edge) for edge in volumes.shape[1:])
    return ((index, whole, volume) for index, volume in enumerate(volumes))


def make_run(folder, rng, material, model, seed, phases):
    volumes = rng.integers(len(phases), size=(24, *SIZE)).astype(np.uint8)
    write_samples(
        folder / "samples.h5",
        as_blocks(volumes),
        size=SIZE,
        seeds=range(100, 124),
        phases=phases,
        voxel_size_um=None,
        provenance={},
    )
    history = [
        {
            "step": step,
            "loss": 1 / step,
            "loss_level_0": 2 / step,
            "volume_fractions": [1 / len(phases)] * len(phases),
            "seconds_per_step": 0.2,
        }
        for step in (20, 40)
    ]
    write_text(folder / "history.jsonl", "".join(json.dumps(line) + "\n" for line in history))
    config = {"config": {"kind": "slicegan"}, "model": model, "seed": seed}
    config |= {"config_hash": "abc123", "matvir": "0.1.0"}
    config |= {"git_revision": None, "versions": {"numpy": "2.4"}, "hardware": {"device": "cpu"}}
    write_json(
        folder / "config.json",
        config | {"seconds_per_step": 0.2, "steps": 4000, "precision": "float32"},
    )
    names = {
        "2d": [f"slice-{i:03}-0" for i in range(24)],
        "3d": [f"volume-{i:03}" for i in range(24)],
    }
    table = measurements(rng, names, model, str(seed), phases, shift=0.01 * seed)
    metrics, path = write_measured(folder, table, curves(rng, names, phases))
    files = RunFiles(
        material=material,
        model=model,
        seed=seed,
        history=folder / "history.jsonl",
        config=folder / "config.json",
        samples=folder / "samples.h5",
        metrics=metrics,
        curves=path,
    )
    made = generated_samples(read_samples(folder / "samples.h5"), isotropic=True)
    generated = GeneratedSamples(
        planes={"2d": made["2d"].labels}, judgement=judgement(rng, len(phases))
    )
    return files, Measured(metrics=table, curves=curves(rng, names, phases)), generated


ENDS = ("auc", "auc_low", "auc_high")


def judgement(rng, n_phases):
    """Return what a classifier could say of slices."""
    told = {"dimension": "2d", "n_real": 24, "n_other": 24, "note": ""}
    areas = {"generated": (0.83, 0.7, 0.96), "real": (0.52, 0.45, 0.59)}
    rows = [
        told | {"size": size, "kind": kind} | dict(zip(ENDS, area, strict=True))
        for size in (32, 16)
        for kind, area in areas.items()
    ]
    shown = rng.integers(n_phases, size=(2, 3, 32, 32)).astype(np.uint8)
    table = pd.DataFrame(rows, columns=list(CLASSIFIER_COLUMNS))
    return Judgement(table, {"2d": (shown[0], shown[1])})


def make_material(root, rng, name, phases, runs, *, dimensions, raw):
    folder = root / "material"
    shape = (40, 50)
    image = MaterialImage(
        voxels=rng.integers(len(phases), size=shape).astype(np.uint8),
        phases=phases,
        voxel_size_um=(0.5, 0.5) if raw else None,
        raw=rng.integers(256, size=shape).astype(np.uint8) if raw else None,
    )
    write_image(folder / "labels.h5", image)
    write_json(folder / "segmentation.json", {"source": EVIL})
    Figure(figsize=(1, 1)).savefig(folder / "sheet.png")
    reference = None
    if "3d" in dimensions:
        reference = folder / "truth.h5"
        labels = rng.integers(len(phases), size=(20, 20, 20)).astype(np.uint8)
        write_image(reference, MaterialImage(voxels=labels, phases=phases))
    prefixes = {"2d": "slice", "3d": "volume"}
    names = {d: [f"{prefixes[d]}-{i:03}" for i in range(24)] for d in dimensions}
    table = measurements(rng, names, "real", "", phases)
    metrics, path = write_measured(folder, table, curves(rng, names, phases))
    real = Measured(metrics=read_metrics(metrics), curves=curves(rng, names, phases))
    made = [make_run(root / f"run-{i}", rng, name, *run, phases) for i, run in enumerate(runs)]
    one_hot = (image.voxels == np.arange(len(phases))[:, None, None]).astype(np.uint8)[None]
    seen = TrainingSections(
        training={0: one_hot}, held_out={0: one_hot}, mirror=False, quarter_turns=False
    )
    tables = {name: [] for name in TABLES}
    for files, generated, samples in made:
        identity = {"material": name, "model": files.model, "seed": files.seed}
        for kind, found in compare_run(real, generated, samples, seen, {}, {}, CONFIG).items():
            tables[kind].append(found.assign(**identity))
    for kind, parts in tables.items():
        write_text(folder / f"{kind}.csv", pd.concat(parts).to_csv(index=False))
    write_telling(
        folder / "telling.h5",
        {f"{run.model}/seed-{run.seed}": samples.judgement for run, _, samples in made},
    )
    models = {run.model: [] for run, *_ in made}
    for run, generated, _ in made:
        models[run.model].append(generated.metrics)
    errors = dict.fromkeys(phases, 0.02)
    sure = [
        property_intervals(seeds, errors, {}, isotropic=True).assign(material=name, model=model)
        for model, seeds in models.items()
    ]
    write_text(folder / "intervals.csv", pd.concat(sure).to_csv(index=False))
    files = MaterialFiles(
        name=name,
        synthetic=raw,
        labels=folder / "labels.h5",
        segmentation=folder / "segmentation.json",
        sheet=folder / "sheet.png",
        reference=reference,
        metrics=metrics,
        curves=path,
        telling=folder / "telling.h5",
        intervals=folder / "intervals.csv",
        tables={kind: folder / f"{kind}.csv" for kind in tables},
    )
    return files, [run for run, _, _ in made]


def fake_results(root):
    """Return the files of all runs and of both materials."""
    rng = np.random.default_rng(0)
    phases = ("pore", "solid", EVIL)
    grown, its_runs = make_material(
        root / "a",
        rng,
        "grown",
        phases,
        [("swd", 0), ("swd", 9)],
        dimensions=("2d", "3d"),
        raw=True,
    )
    flat, other = make_material(
        root / "b", rng, EVIL, ("pore", "solid"), [(EVIL, 1)], dimensions=("2d",), raw=False
    )
    return [*its_runs, *other], [grown, flat]


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    return fake_results(tmp_path_factory.mktemp("results"))
