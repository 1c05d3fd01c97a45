"""How often intervals of 3D properties hold the truth of materials that are known.

Run it as ``python benchmarks/intervals.py [--micrographs 100] [--materials NAME ...]
[--threads 1]``; table and rows go to ``benchmarks/results/``. The first materials are Gaussian
fields that are cut into phases, of which independent volumes can be made without end: their
properties are means over many volumes of the same size as those of the model. Each micrograph is a
section of a volume of its own; a model of the kind ``gaussian-field`` is trained on it, and the
interval of each property of its volumes is compared with the truth. The model can make all these
materials, so what is tested is the interval and not the model. Then the same of grown materials,
which the model cannot make: intervals do not know how far a model is off. It needs torch, numpy,
pandas, pyamg, cc3d, PoreSpy, edt and numba.
"""

import argparse
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from table import RESULTS, write_table
from training import Material, fit, pick_device, settings, training_data

from matvir.comparison.intervals import fraction_errors, property_intervals
from matvir.device import use_threads
from matvir.files import atomic_path
from matvir.measurement.representativity import fraction_intervals
from matvir.measurement.tables import COLUMNS
from matvir.metrics.interfacial_area import face_area_density
from matvir.metrics.local_thickness import local_thickness
from matvir.metrics.relative_diffusivity import relative_diffusivity
from matvir.metrics.triple_phase_boundary import triple_phase_boundary_density
from matvir.metrics.volume_fraction import volume_fractions
from matvir.models.gaussian_field import GaussianField
from matvir.settings.models import GaussianFieldNetworkConfig
from matvir.storage.images import MaterialImage
from matvir.synthetic.growth import KINDS

Labels = NDArray[np.uint8]

EDGE, N_VOLUMES, N_TRUE = 32, 8, 400
# Edge of grown volumes: with their fraction exact, sections of thin ones would vary too little.
GROWN = 96
CONFIDENCE = 0.95
RADIUS = 12
HELD = (0.90, 0.99)


@dataclass(frozen=True)
class Truth:
    """A Gaussian field: fractions, width of the kernels in voxels, edge of micrographs."""

    name: str
    fractions: tuple[float, ...]
    widths: tuple[float, ...]
    micrograph: int

    @property
    def n_phases(self) -> int:
        """Number of phases."""
        return len(self.fractions)

    def section(self, random: torch.Generator) -> Labels:
        """Return a section of a volume of its own."""
        return volume(network_of(self), (1, self.micrograph, self.micrograph), random)[0]

    def volumes(self, n: int) -> list[Labels]:
        """Return independent volumes."""
        network, random = network_of(self), torch.Generator().manual_seed(0)
        return [volume(network, (EDGE,) * 3, random) for _ in range(n)]


@dataclass(frozen=True)
class Grown:
    """A built-in material by its kind, and the edge of micrographs."""

    name: str
    micrograph: int

    @property
    def n_phases(self) -> int:
        """Number of phases."""
        return len(KINDS[self.name].phases)

    def section(self, random: torch.Generator) -> Labels:
        """Return a section of a volume of its own."""
        shape = (GROWN, self.micrograph, self.micrograph)
        rng = np.random.default_rng(random.initial_seed())
        return KINDS[self.name].grow(shape, rng)[GROWN // 2]

    def volumes(self, n: int) -> list[Labels]:
        """Return parts of a few volumes."""
        found: list[Labels] = []
        places = range(0, GROWN, EDGE)
        rng = np.random.default_rng(0)
        while len(found) < n:
            whole = KINDS[self.name].grow((GROWN,) * 3, rng)
            found += [
                whole[i : i + EDGE, j : j + EDGE, k : k + EDGE]
                for i in places
                for j in places
                for k in places
            ]
        return found[:n]


MATERIALS = (
    Truth("half", (0.5, 0.5), (3.0,), 96),
    Truth("porous", (0.3, 0.7), (4.0,), 128),
    Truth("sparse", (0.15, 0.85), (3.0,), 128),
    Truth("anode", (0.35, 0.3, 0.35), (3.0, 3.0), 128),
    Grown("ceramic", 128),
    Grown("grains", 128),
    Grown("nmc", 128),
)


def network_of(truth: Truth) -> GaussianField:
    """Return the field that a material is."""
    config = GaussianFieldNetworkConfig(radius=RADIUS)
    network = GaussianField(config, len(truth.fractions))
    distances = torch.arange(RADIUS)
    with torch.no_grad():
        for profile, width in zip(network.profiles, truth.widths, strict=True):
            profile.copy_(torch.exp(-((distances / width) ** 2)))
    network.cut_at(truth.fractions, range(len(truth.fractions)))
    return network.eval()


@torch.no_grad()
def volume(network: GaussianField, size: tuple[int, ...], random: torch.Generator) -> Labels:
    """Return a part of a periodic volume with no voxel near its own other side."""
    padded = [edge + 2 * RADIUS for edge in size]
    kernels = network.kernels()
    noise = torch.randn((len(kernels), *padded), generator=random)
    spectra = torch.fft.rfftn(noise, s=padded) * torch.fft.rfftn(kernels, s=padded)
    fields = torch.fft.irfftn(spectra, s=padded)
    return network.labels(fields[:, : size[0], : size[1], : size[2]]).numpy()


def measured(labels: Labels, n_phases: int) -> dict[tuple[str, str], float]:
    """Return the properties of a volume by metric and phase."""
    found = {}
    for phase, fraction in enumerate(volume_fractions(labels, n_phases)):
        mask = labels == phase
        found["volume_fraction", str(phase)] = float(fraction)
        found["relative_diffusivity", str(phase)] = relative_diffusivity(mask, 0)
        found["mean_local_thickness", str(phase)] = local_thickness(mask).mean
    areas = face_area_density(labels, n_phases)
    pairs = [(a, b) for a in range(n_phases) for b in range(a + 1, n_phases)]
    for one, other in pairs:
        found["interfacial_area", f"{one}+{other}"] = float(areas[one, other])
    if n_phases > 2:
        found["tpb_density", "all"] = triple_phase_boundary_density(labels, n_phases)
    return found


def table_of(volumes: list[Labels], n_phases: int) -> pd.DataFrame:
    """Return the properties of volumes as a tidy table."""
    rows = [
        ("m", "gaussian-field", 0, f"volume-{number:03d}", phase, "all", metric, value, "1", "")
        for number, labels in enumerate(volumes)
        for (metric, phase), value in measured(labels, n_phases).items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def intervals_of(truth: Truth | Grown, seed: int) -> pd.DataFrame:
    """Return the intervals that one micrograph leads to."""
    random = torch.Generator().manual_seed(1_000_000 + seed)
    n_phases, section = truth.n_phases, truth.section(random)
    phases = tuple(map(str, range(n_phases)))
    image = MaterialImage(voxels=section, phases=phases)
    errors = fraction_errors({"2d": fraction_intervals(image, CONFIDENCE)}, CONFIDENCE)
    model = settings().models["gaussian-field"]
    model = replace(model, network=replace(model.network, radius=RADIUS))
    with tempfile.TemporaryDirectory() as folder:
        trainer = fit(
            model,
            training_data(Material(truth.name, phases, section, None)),
            seed=seed,
            device=pick_device(),
            state=Path(folder) / "state.pt",
            title=f"{truth.name}, micrograph {seed}",
        )
        network = trainer.finish()
    assert isinstance(network, GaussianField)
    volumes = [volume(network, (EDGE,) * 3, random) for _ in range(N_VOLUMES)]
    found = property_intervals(
        [table_of(volumes, n_phases)], errors, {}, isotropic=False, confidence=CONFIDENCE
    )
    return found.assign(material=truth.name, micrograph=seed)


def true_properties(truth: Truth | Grown) -> pd.Series:
    """Return means over many volumes."""
    return (
        table_of(truth.volumes(N_TRUE), truth.n_phases).groupby(["metric", "phase"])["value"].mean()
    )


def coverage(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a line for each property: how many intervals hold the truth, and how wide they are."""
    lines = []
    for (material, metric, phase), group in rows.groupby(["material", "metric", "phase"]):
        known = group.dropna(subset="low")
        inside = known["low"].le(known["truth"]) & known["high"].ge(known["truth"])
        half = (known["high"] - known["low"]) / 2 / known["truth"]
        parts = known[["sd_volumes", "sd_micrograph"]].pow(2).mean()
        lines.append(
            {
                "material": material,
                "property": metric,
                "phase": phase,
                "truth": f"{known['truth'].iloc[0]:.4g}",
                "mean": f"{known['value'].mean():.4g}",
                "half width %": f"{100 * half.median():.0f}",
                "by micrograph %": f"{100 * parts['sd_micrograph'] / parts.sum():.0f}",
                "micrographs": len(known),
                "held %": f"{100 * inside.mean():.0f}",
            }
        )
    return pd.DataFrame(lines)


def main() -> None:
    """Measure and write the table; micrographs that are in the results are not done again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--micrographs", type=int, default=100)
    parser.add_argument("--materials", nargs="+", default=[one.name for one in MATERIALS])
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    use_threads(options.threads)
    path = RESULTS / "intervals-runs.csv"
    rows = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["material", "micrograph"])
    for truth in MATERIALS:
        if truth.name not in options.materials:
            continue
        done = set(rows.loc[rows["material"] == truth.name, "micrograph"])
        true = true_properties(truth) if set(range(options.micrographs)) - done else None
        for seed in sorted(set(range(options.micrographs)) - done):
            assert true is not None
            found = intervals_of(truth, seed)
            keys = zip(found["metric"], found["phase"], strict=True)
            found["truth"] = [true[key] for key in keys]
            rows = pd.concat([rows, found]) if len(rows) else found
            with atomic_path(path) as temporary:
                rows.to_csv(temporary, index=False)
    if rows.empty:
        return
    rows["phase"] = rows["phase"].astype(str)
    write_table(
        "intervals",
        coverage(rows),
        f"Intervals of {CONFIDENCE:.0%} from single micrographs, each of a volume of its own, and "
        f"a Gaussian field that was trained on it: {N_VOLUMES} volumes of {EDGE}^3 voxels. Truth: "
        f"mean over {N_TRUE} independent volumes of that size. Wished for: {HELD[0]:.0%} to "
        f"{HELD[1]:.0%} hold it. Half width: of the truth, median. By micrograph: share in the "
        "variance. "
        + "; ".join(
            f"{one.name}: fractions {one.fractions}, kernels {one.widths} voxels wide, micrographs "
            f"of {one.micrograph} x {one.micrograph} pixels"
            for one in MATERIALS
            if isinstance(one, Truth)
        )
        + ". The others are grown and none that the model can make: intervals leave out how far it "
        f"is off. Truth: parts of volumes of {GROWN}^3; micrographs of 128 x 128 pixels.",
        libraries=("numpy", "torch", "porespy"),
    )


if __name__ == "__main__":
    main()
