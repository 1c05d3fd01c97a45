"""The measures of MatVir beside those of other programs, and beside closed forms.

Run it as ``python benchmarks/cross_tools.py`` in an environment of its own that has MatVir and
``pip install taufactor porespy openpnm localthickness gudhi``; the table goes to
``benchmarks/results/``. Programs and data that are missing are left out, and a row says so. How
each program is called is in ``cross_tools_programs.py``.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import cross_tools_programs as programs
import numpy as np
import pandas as pd
import tifffile
from numpy.typing import NDArray
from table import write_table

from matvir.metrics import two_point_correlation as s2
from matvir.metrics.euler_number import euler_number_density
from matvir.metrics.interfacial_area import face_area_density, interfacial_area_density
from matvir.metrics.local_thickness import local_thickness
from matvir.metrics.particles import split_particles, without_fragments
from matvir.metrics.relative_diffusivity import effective_conductivity, relative_diffusivity
from matvir.metrics.surface_area import specific_surface_area_smooth
from matvir.metrics.triple_phase_boundary import triple_phase_boundary_density
from matvir.synthetic.nmc import grow_nmc

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
LAG = 4  # voxels, of the two-point correlation
CORRELATION = f"two-point correlation at {LAG} voxels"
LONG_VOXEL = (1.0, 1.0, 2.0)
CONDUCTIVITIES = {0: 0.1, 1: 1.0, 2: 5.0}
RADIUS, CELL, SPHERES = 9.3, 26, (2, 3, 4)
LAYERS = (4, 6, 10)  # voxels, of phase 0, 1 and 2
LIBRARIES = ("taufactor", "porespy", "openpnm", "localthickness", "gudhi", "numpy")

Labels = NDArray[np.uint8]


@dataclass(frozen=True)
class Material:
    """A sample, the phase that is measured, and what is known of it by ``quantity``."""

    name: str
    labels: Labels
    phase: int
    exact: dict[str, float] = field(default_factory=dict)
    quantities: tuple[str, ...] = ()  # all, if empty


@dataclass(frozen=True)
class Comparison:
    """A measure by MatVir and by another program."""

    quantity: str
    own: Callable[[Labels, int], float]
    program: str  # its distribution and module
    other: Callable[[Labels, int], float]
    how: str  # what the program measures
    three_phases: bool = False


def faces(labels: Labels, phase: int) -> float:
    """Return the area of the faces of voxels per volume."""
    return float(face_area_density(labels, int(labels.max()) + 1)[phase].sum())


def area(labels: Labels, phase: int) -> float:
    """Return the specific surface area."""
    return float(interfacial_area_density(labels, int(labels.max()) + 1)[phase].sum())


def smooth_area(labels: Labels, phase: int) -> float:
    """Return the specific surface area of the blurred phase."""
    return specific_surface_area_smooth(labels == phase)


def boundary(labels: Labels, phase: int) -> float:
    """Return the triple-phase boundary per volume, of all phases."""
    return triple_phase_boundary_density(labels, int(labels.max()) + 1)


def diffusivity(labels: Labels, phase: int, axis: int) -> float:
    """Return the relative diffusivity."""
    return relative_diffusivity(labels == phase, axis)


def long_diffusivity(labels: Labels, phase: int) -> float:
    """Return the relative diffusivity along axis 0 where the edges of a voxel differ."""
    return relative_diffusivity(labels == phase, 0, voxel_size=LONG_VOXEL)


def conductivity(labels: Labels, phase: int, axis: int) -> float:
    """Return the conductivity of all phases together."""
    values = np.array([CONDUCTIVITIES[label] for label in range(len(CONDUCTIVITIES))])
    return effective_conductivity(values[labels], axis)


def thickness(labels: Labels, phase: int) -> float:
    """Return the mean local thickness."""
    return local_thickness(labels == phase).mean


def particles(labels: Labels, phase: int) -> float:
    """Return the number of particles."""
    return float(without_fragments(split_particles(labels == phase)).max())


def euler(labels: Labels, phase: int) -> float:
    """Return the Euler number per volume."""
    return euler_number_density(labels == phase)


def correlation(labels: Labels, phase: int) -> float:
    """Return the radial two-point correlation at ``LAG``."""
    spectra = s2.phase_spectra((labels == phase).astype(np.uint8), 2)
    return float(s2.radial_average(s2.correlation_map(spectra, 1, 1))[1][LAG])


def comparisons() -> Iterator[Comparison]:
    """Yield all comparisons."""
    tau, ps = "taufactor", "porespy"
    yield Comparison(
        "area of voxel faces",
        faces,
        tau,
        partial(programs.taufactor_area, method="face_counting"),
        "faces of voxels",
    )
    yield Comparison(
        "specific surface area, smooth",
        smooth_area,
        tau,
        partial(programs.taufactor_area, method="gradient"),
        "gradient of the blurred phase",
    )
    yield Comparison(
        "specific surface area",
        area,
        tau,
        partial(programs.taufactor_area, method="marching_cubes"),
        "marching cubes of the blurred phase",
    )
    yield Comparison(
        "specific surface area",
        area,
        ps,
        programs.porespy_area,
        "marching cubes of the voxels as they are",
    )
    yield Comparison(
        "triple-phase boundary",
        boundary,
        tau,
        lambda labels, _: programs.taufactor_boundary(labels),
        "edges of voxels; its share of edges times edges per volume",
        three_phases=True,
    )
    for axis in range(3):
        yield Comparison(
            f"relative diffusivity, axis {axis}",
            partial(diffusivity, axis=axis),
            tau,
            partial(programs.taufactor_diffusivity, axis=axis),
            "same equations, over-relaxation",
        )
    yield Comparison(
        "relative diffusivity, axis 0",
        partial(diffusivity, axis=0),
        "openpnm",
        partial(programs.porespy_diffusivity, axis=0),
        "PoreSpy's tortuosity_fd; concentrations fixed in the outermost voxels",
    )
    yield Comparison(
        "relative diffusivity, voxels 1 x 1 x 2",
        long_diffusivity,
        tau,
        partial(programs.taufactor_long_voxels, edges=LONG_VOXEL),
        "same equations",
    )
    for axis in (0, 1):
        yield Comparison(
            f"conductivity of all phases, axis {axis}",
            partial(conductivity, axis=axis),
            tau,
            lambda labels, _, axis=axis: programs.taufactor_conductivity(
                labels, CONDUCTIVITIES, axis
            ),
            "same equations, over-relaxation",
            three_phases=True,
        )
    yield Comparison(
        "mean local thickness",
        thickness,
        ps,
        programs.porespy_thickness,
        "MatVir's own library, spheres inserted one by one",
    )
    yield Comparison(
        "mean local thickness",
        thickness,
        "localthickness",
        programs.fast_thickness,
        "radii that are not whole",
    )
    yield Comparison(
        "number of particles",
        particles,
        ps,
        programs.porespy_particles,
        "SNOW: maxima of a blurred distance, no small ones left out",
    )
    yield Comparison(
        "Euler number", euler, "gudhi", programs.gudhi_euler, "Betti numbers by persistent homology"
    )
    yield Comparison(
        CORRELATION,
        correlation,
        ps,
        partial(programs.porespy_correlation, lag=LAG),
        "shells of one voxel",
    )


def sphere_pack() -> Material:
    """Return spheres that do not touch, each somewhere in a cell of a lattice."""
    rng = np.random.default_rng(0)
    labels = np.zeros(tuple(n * CELL for n in SPHERES), dtype=np.uint8)
    grid = np.indices(labels.shape)
    room = CELL / 2 - RADIUS - 1
    for cell in np.ndindex(SPHERES):
        centre = (np.array(cell) + 0.5) * CELL - 0.5 + rng.uniform(-room, room, 3)
        labels[((grid - centre[:, None, None, None]) ** 2).sum(0) <= RADIUS**2] = 1
    number = int(np.prod(SPHERES))
    surface = number * 4 * np.pi * RADIUS**2 / labels.size
    exact = {
        "specific surface area": surface,
        "specific surface area, smooth": surface,
        "area of voxel faces": 1.5 * surface,
        "mean local thickness": 2 * RADIUS,
        "number of particles": number,
        "Euler number": number / labels.size,
    }
    return Material("spheres", labels, 1, exact, (*exact, CORRELATION))


def between_spheres() -> Material:
    """Return the space between the spheres, whose diffusivity Maxwell's formula gives."""
    labels = sphere_pack().labels
    share = (labels == 0).mean()
    exact = {f"relative diffusivity, axis {axis}": 2 * share / (3 - share) for axis in range(3)}
    # A space with a cavity for each sphere and no tunnel.
    exact["Euler number"] = (1 + int(np.prod(SPHERES))) / labels.size
    return Material("between the spheres", labels, 0, exact, (*exact, CORRELATION))


def layers() -> Material:
    """Return three phases in layers normal to axis 0."""
    order = np.tile(np.repeat(np.arange(3), LAYERS), 2).astype(np.uint8)
    labels = np.broadcast_to(order[:, None, None], (order.size, 36, 50)).copy()
    shares = np.array(LAYERS) / sum(LAYERS)
    values = np.array(list(CONDUCTIVITIES.values()))
    exact = {
        "area of voxel faces": 4 / order.size,
        "specific surface area": 4 / order.size,
        "specific surface area, smooth": 4 / order.size,
        "relative diffusivity, axis 1": shares[1],
        "relative diffusivity, axis 2": shares[1],
        "conductivity of all phases, axis 0": 1 / (shares / values).sum(),
        "conductivity of all phases, axis 1": (shares * values).sum(),
        "mean local thickness": LAYERS[1],
        "triple-phase boundary": 0.0,
    }
    return Material("layers", labels, 1, exact, tuple(name for name in exact if exact[name]))


def rods() -> Material:
    """Return four rods along axis 2, of which two are of one phase; three phases meet in lines."""
    labels = np.zeros((30, 36, 44), dtype=np.uint8)
    labels[:15, 18:] = 1
    labels[15:, :18] = 2
    exact = {"triple-phase boundary": 1 / (30 * 36)}
    return Material("rods", labels, 1, exact, tuple(exact))


def measured() -> Iterator[Material]:
    """Yield the volumes of the data that are there."""
    for name, phase, edge in (
        ("porous3phase_3d_100.tif", 0, 100),
        ("nmc_lr_3d_128.tif", 1, 64),
        ("ketton_3d_256.tif", 0, 96),
    ):
        if not (DATA / name).is_file():
            yield Material(f"{name}: not there", np.zeros((0, 0, 0), np.uint8), phase)
            continue
        voxels = tifffile.imread(DATA / name)[(slice(edge),) * 3]
        labels = np.searchsorted(np.unique(voxels), voxels).astype(np.uint8)
        yield Material(f"{name.split('_3d')[0]}, {edge}^3", labels, phase)


def materials() -> Iterator[Material]:
    """Yield all materials."""
    yield from (sphere_pack(), between_spheres(), layers(), rods())
    for shape in ((64, 64, 64), (48, 64, 80)):
        labels = grow_nmc(shape, np.random.default_rng(0))
        yield Material(f"synthetic electrode, {' x '.join(map(str, shape))}", labels, 0)
    yield from measured()


def row(material: Material, comparison: Comparison) -> dict[str, object]:
    """Measure one property of one material twice."""
    labels, exact = material.labels, material.exact.get(comparison.quantity, np.nan)
    own = comparison.own(labels, material.phase)
    start = time.perf_counter()
    other, note = np.nan, ""
    if find_spec(comparison.program) is None:
        note = "not installed"
    else:
        other = comparison.other(labels, material.phase)
        print(f"{material.name}: {comparison.quantity}, {time.perf_counter() - start:.1f} s")
    return {
        "material": material.name,
        "phase": material.phase,
        "quantity": comparison.quantity,
        "closed form": "" if np.isnan(exact) else f"{exact:.5g}",
        "MatVir": f"{own:.5g}",
        "program": comparison.program,
        "its value": note or f"{other:.5g}",
        "MatVir to it %": "" if np.isnan(other) else difference(own, other),
        "MatVir to closed form %": "" if np.isnan(exact) else difference(own, exact),
        "what it measures": comparison.how,
    }


def difference(value: float, reference: float) -> str:
    """Return by how many per cent a value differs."""
    if value == reference:
        return "0"
    return f"{100 * (value / reference - 1):+.2f}" if reference else ""


def main() -> None:
    """Measure all and write the table, again after each material, as the whole takes long."""
    rows: list[dict[str, object]] = []
    for material in materials():
        if not material.labels.size:
            rows.append({"material": material.name})
            continue
        n_phases = int(material.labels.max()) + 1
        rows += [
            row(material, comparison)
            for comparison in comparisons()
            if (not material.quantities or comparison.quantity in material.quantities)
            and (n_phases == 3 or not comparison.three_phases)
        ]
        write_table("cross-tools", pd.DataFrame(rows), NOTE, libraries=LIBRARIES)


NOTE = f"""`python benchmarks/cross_tools.py`. One phase of each sample, cubic voxels of edge 1
unless the quantity says otherwise. *To it*: MatVir over the program, less 1.

- **Spheres**: {np.prod(SPHERES)} of radius {RADIUS}, apart. **Layers** of {LAYERS} voxels, twice,
  normal to axis 0. **Rods**: four along axis 2, of three phases. *Closed form* is that of the
  smooth shapes; between the spheres it is Maxwell's, which is the upper bound too.
- **Area**: MatVir's specific surface area is 2/3 of the area of the faces of voxels, right without
  a preferred orientation; that of layers normal to an axis is 2/3 of what it should be. Marching
  cubes cut the corners of voxels: of a blurred phase (TauFactor) they lose thin parts, of voxels as
  they are (PoreSpy) they keep the steps and exceed the area of a sphere. They start and end in the
  centres of the outermost voxels, so of layers they miss a strip. The smooth area loses thin parts
  in both programs alike. None counts the faces of the sample's border.
- **Triple-phase boundary**: edges of voxels with three phases around. TauFactor divides by the
  edges inside the sample, MatVir by its volume; converted here.
- **Diffusivity**: MatVir and TauFactor fix the concentration on the faces of the sample, half a
  voxel outside the first and the last layer; TauFactor to 0.1 % of the flux. PoreSpy, with OpenPNM,
  fixes it in the first and last voxels, so its sample is a voxel shorter. None is periodic.
- **Conductivity of all phases** ({CONDUCTIVITIES}): TauFactor fixes the potential a whole voxel
  outside, in the phase of the outermost one, so its sample is a voxel longer. Across the layers
  that makes 41 voxels of a resistance of 101.1, its 0.4056, instead of 40 of 96.
- **Local thickness**: MatVir's is PoreSpy's by distance transforms; beside it PoreSpy's way
  of inserting spheres. Both have whole radii, localthickness has not.
- **Particles**: MatVir takes maxima that rise by a voxel, or twofold, above their neck and leaves
  out parts of fewer than 8 voxels; SNOW blurs the distance by 0.4 voxels and takes maxima that are
  4 voxels apart. A phase without particles has no right number.
- **Euler number**: voxels connected through faces in both.

PuMA is not on PyPI (`pumapy` there drives mobile phones). QuantImPy 0.2.6, the version that pip
builds for Python 3.11, does not load with numpy 2 ("numpy.dtype size changed").
"""


if __name__ == "__main__":
    main()
