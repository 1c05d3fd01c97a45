"""Hashes of what every kind of model makes, to see whether a change of the code changes a number.

Run it as ``python benchmarks/same_bits.py FOLDER > hashes.csv`` with one state of the code, again
in another folder with another state, and compare the two lists with ``diff``. Each line is a file
of results, a part of it, and the SHA-256 of its numbers alone: tensors of generators, labels or
values of volumes and images, rows of tables and histories. Names of versions and measured times are
left out. All models train for 50 steps, with one thread, on grown materials of every kind.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import tifffile
import torch
import yaml

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("Snakefile", "rules", "workflow", "config", "profiles")
# Names of what a history or a table measured of the machine.
TIMES = ("seconds_per_step",)
SMALL = {
    "generator": {"channels": [8, 8, 8, 8]},
    "critic": {"channels": [4, 4, 4, 4]},
}
PATCHES = {"number": 256, "directions": 8}


def model(base: str, *, network: dict | None = None, **training: object) -> dict:
    """Return a model of 50 steps with what differs from its base."""
    return {
        "based_on": base,
        "network": network or {},
        "training": {"steps": 50, "budget": None, "log_every": 10, **training},
    }


FAST_NETWORK = {
    "latent_channels": 4,
    "generator": {"channels": [8, 8, 8, 8, 8, 4, 4]},
    "critic": {"channels": [4, 8, 8, 8, 8]},
}
FAST_OBJECTIVE = {"slices_per_axis": 2, "warm_up": {"patches": PATCHES}}
SELECTION = {"start": 0.5, "every": 10, "volumes": 2}
SWD_OBJECTIVE = {"real_crop_size": 64, "slices_per_axis": 2, "patches": PATCHES}
GAN = {"image_size": 32, "channels": [16, 16, 8], "discriminator": {"channels": [4, 8, 8]}}
VAE = {"image_size": 32, "latent_length": 8, "channels": [8, 8, 16]}
VAE_GAN = VAE | {"discriminator": {"channels": [4, 8, 8]}}
MODELS = {
    "bits-gp": model(
        "slicegan-small",
        network={"latent_channels": 4, **SMALL},
        objective={"critic_iterations": 2, "critic_volumes": 1, "generator_volumes": 1},
    ),
    "bits-swd": model(
        "slicegan-swd",
        network={"latent_channels": 4, "generator": SMALL["generator"]},
        latent_size=6,
        selection={"every": 20, "volumes": 2},
        objective=SWD_OBJECTIVE,
    ),
    "bits-fast": model(
        "slicegan-fast", network=FAST_NETWORK, selection=SELECTION, objective=FAST_OBJECTIVE
    ),
    "bits-conditional": model(
        "slicegan-conditional",
        network=FAST_NETWORK,
        selection=SELECTION,
        objective=FAST_OBJECTIVE,
    ),
    "bits-warm": model(
        "slicegan-fast",
        network=FAST_NETWORK,
        selection=SELECTION,
        objective=FAST_OBJECTIVE,
        density_control={"weight": 1.0, "volume_fractions": {"pore": 0.5}, "range": None},
        warm_start="results/nmc/bits-fast/seed-0/train/generator.pt",
    ),
    "bits-3d": model(
        "gan3d-small",
        network={"latent_channels": 4, **SMALL},
        objective={"volumes": 2},
    ),
    "bits-field": model("gaussian-field", network={"radius": 6}),
    "bits-gan": model("gan-64", network=GAN, objective={"batch": 8}),
    "bits-instance": model(
        "gan-64", network=GAN | {"normalisation": "instance"}, objective={"batch": 8}
    ),
    "bits-vae": model("vae-64", network=VAE, objective={"batch": 8}),
    "bits-vae-gan": model("vae-gan-64", network=VAE_GAN, objective={"batch": 8}),
    "bits-statistics": model("statistics-vae-64", network=VAE, objective={"batch": 8}),
}
MATERIALS = {
    "nmc": {
        "synthetic": {"kind": "nmc", "shape": [96, 160, 144], "seed": 1},
        "phases": ["pore", "binder", "nmc"],
        "voxel_size_um": 0.4,
    },
    "volume": {
        "image": "results/nmc/raw/truth.h5:/labels",
        "type": "labels",
        "phases": ["pore", "binder", "nmc"],
        "voxel_size_um": 0.4,
    },
    "fibres": {
        "synthetic": {"kind": "fibres", "shape": [96, 128, 144], "seed": 1},
        "phases": ["matrix", "fibre"],
        "isotropic": False,
        "symmetry": {"quarter_turns": False, "rotation_axis": 0},
    },
    "map": {
        "synthetic": {"kind": "ebsd", "shape": [64, 128, 128], "seed": 1},
        "type": "rgb",
        "segmentation": {"method": "none"},
    },
    "grey": {
        "image": "results/nmc/raw/micrograph-0.tif",
        "segmentation": {"method": "none"},
    },
    "lines": {
        "synthetic": {"kind": "lines", "shape": [32, 64, 64], "seed": 1},
        "stack": True,
        "type": "labels",
        "phases": ["ground", "line"],
        "encoding": {"sections_per_axis": 32},
    },
}
VALUED = ("bits-swd", "bits-fast", "bits-gan", "bits-vae")
OF_PLANES = ("bits-gp", "bits-swd", "bits-fast", "bits-conditional", "bits-field", "bits-vae")
ON_A_SECTION = (*OF_PLANES, "bits-gan", "bits-instance", "bits-vae-gan", "bits-statistics")
# Materials of one run and its models; a run begins where the one before ended.
RUNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "section": (("nmc",), ON_A_SECTION),
    "warm": (("nmc",), ("bits-warm",)),
    "volume": (("volume",), ("bits-3d", "bits-fast")),
    "planes": (("fibres",), OF_PLANES),
    "values": (("map", "grey"), VALUED),
    "stack": (("lines",), ("bits-statistics", "bits-gan")),
}
COMMON = {
    "generation": {"n_volumes": 3, "size_voxels": [32, 32, 32]},
    "measure": {"max_samples": 4},
    "compare": {"bootstrap_samples": 100, "permutations": 100},
}


def run_all(folder: Path, only: list[str]) -> None:
    """Run the workflow of this checkout in ``folder``."""
    for name in COPIED:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / name, **({"dirs_exist_ok": True} if source.is_dir() else {}))
    (folder / "config/config.yaml").unlink(missing_ok=True)
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    for name, (materials, models) in RUNS.items():
        if only and name not in only:
            continue
        settings = {
            "run": {"materials": list(materials), "models": list(models), "seeds": [0]},
            "materials": MATERIALS,
            "models": MODELS,
            **COMMON,
        }
        if name == "planes":  # not cubic
            settings["generation"] = {**COMMON["generation"], "size_voxels": [48, 32, 32]}
        configuration = folder / f"{name}.yaml"
        configuration.write_text(yaml.safe_dump(settings))
        command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile"]
        # One thread each: sums have one order then.
        command += [configuration.name, "--max-threads", "1", "--quiet", "all"]
        subprocess.run(command, cwd=folder, env=environment, check=True, stdout=sys.stderr)
        shutil.move(folder / "results/report", folder / f"results/report-{name}")


def digest(*arrays: np.ndarray) -> str:
    """Return the SHA-256 of arrays, their shapes and types."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.shape}{array.dtype}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]


def hashes_of(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the parts of a file and their hashes."""
    if path.name == "generator.pt":
        state = torch.load(path, map_location="cpu", weights_only=True)["state"]
        yield "state", digest(*(state[name].numpy() for name in sorted(state)))
    elif path.suffix == ".h5":
        with h5py.File(path) as file:
            arrays: dict[str, np.ndarray] = {}
            file.visititems(
                lambda name, item: (
                    arrays.__setitem__(name, item[()]) if isinstance(item, h5py.Dataset) else None
                )
            )
        yield "arrays", digest(*(arrays[name] for name in sorted(arrays)))
    elif path.suffix == ".tif":
        yield "pixels", digest(tifffile.imread(path))
    elif path.suffix == ".csv":
        table = pd.read_csv(path)
        text = table.drop(columns=[c for c in TIMES if c in table]).to_csv(index=False)
        yield "table", hashlib.sha256(text.encode()).hexdigest()[:16]
    elif path.suffix == ".jsonl":
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        values = [[v for k, v in row.items() if k not in TIMES] for row in rows]
        yield "values", hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]


def main() -> None:
    """Run everything and print the hashes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="an empty folder for the results")
    parser.add_argument("--only", nargs="*", choices=list(RUNS), default=[], help="runs")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    run_all(options.folder, options.only)
    results = options.folder / "results"
    for path in sorted(results.rglob("*")):
        for part, found in hashes_of(path) if path.is_file() else ():
            print(f"{path.relative_to(results)},{part},{found}")


if __name__ == "__main__":
    main()
