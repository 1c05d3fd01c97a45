"""What other programs measure, in the units of MatVir; voxels are cubes of edge 1.

Each function takes the labels of a sample, shape (D, H, W), and a phase, and imports its program.
"""

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.uint8]


def taufactor_area(labels: Labels, phase: int, method: str) -> float:
    """Return TauFactor's specific surface area."""
    from taufactor.metrics import specific_surface_area

    found = specific_surface_area(
        labels.astype(int), phases={"it": phase}, method=method, device="cpu"
    )
    return float(found["it"])


def porespy_area(labels: Labels, phase: int) -> float:
    """Return the area of PoreSpy's marching cubes per volume, faces of the sample left out."""
    from porespy.tools import marching_cubes_area_and_volume

    area, _ = marching_cubes_area_and_volume(labels.astype(int), target_label=phase)
    return float(area) / labels.size


def taufactor_boundary(labels: Labels) -> float:
    """Return TauFactor's triple-phase boundary, per volume instead of per inner voxel edge."""
    from taufactor.metrics import triple_phase_boundary

    d, h, w = labels.shape
    n_edges = w * (d - 1) * (h - 1) + d * (h - 1) * (w - 1) + h * (d - 1) * (w - 1)
    return float(triple_phase_boundary(labels.astype(np.int64))) * n_edges / labels.size


def taufactor_diffusivity(labels: Labels, phase: int, axis: int) -> float:
    """Return TauFactor's relative diffusivity."""
    from taufactor import Solver

    along = np.moveaxis(labels == phase, axis, 0)
    return _solved(Solver(np.ascontiguousarray(along, dtype=np.float32), device="cpu"))


def taufactor_long_voxels(labels: Labels, phase: int, edges: tuple[float, ...]) -> float:
    """Return TauFactor's relative diffusivity along axis 0 where the edges of a voxel differ."""
    from taufactor import AnisotropicSolver

    mask = (labels == phase).astype(np.float32)
    return _solved(AnisotropicSolver(mask, edges, device="cpu"))


def taufactor_conductivity(labels: Labels, conductivities: dict[int, float], axis: int) -> float:
    """Return TauFactor's conductivity of all phases together."""
    from taufactor import MultiPhaseSolver

    # Its label 0 is of no phase that conducts.
    along = np.ascontiguousarray(np.moveaxis(labels, axis, 0)).astype(np.int32) + 1
    own = {phase + 1: value for phase, value in conductivities.items()}
    solver = MultiPhaseSolver(along, own, device="cpu")
    solver.solve(verbose=False, conv_crit=1e-3, iter_limit=20_000)
    return float(solver.D_eff[0]) if solver.converged else np.nan


def _solved(solver: "object") -> float:
    solver.solve(verbose=False, conv_crit=1e-3, iter_limit=20_000)  # type: ignore[attr-defined]
    return float(solver.D_rel[0]) if solver.converged else np.nan  # type: ignore[attr-defined]


def porespy_diffusivity(labels: Labels, phase: int, axis: int) -> float:
    """Return the relative diffusivity that OpenPNM solves for PoreSpy."""
    from porespy.simulations import tortuosity_fd

    return 1 / float(tortuosity_fd(labels == phase, axis).formation_factor)


def porespy_thickness(labels: Labels, phase: int) -> float:
    """Return the mean of PoreSpy's local thickness by inserting spheres, without transforms."""
    from porespy.filters import local_thickness

    mask = labels == phase
    return 2 * float(local_thickness(mask, method="bf")[mask].mean())


def fast_thickness(labels: Labels, phase: int) -> float:
    """Return the mean of the local thickness of Dahl and Dahl (2023), which gives radii."""
    from localthickness import local_thickness

    mask = labels == phase
    return 2 * float(local_thickness(mask, scale=1)[mask].mean())


def porespy_particles(labels: Labels, phase: int) -> float:
    """Return the number of regions of PoreSpy's SNOW partitioning."""
    from porespy.filters import snow_partitioning

    return float(np.unique(snow_partitioning(labels == phase).regions).size - 1)


def porespy_correlation(labels: Labels, phase: int, lag: int) -> float:
    """Return PoreSpy's radial two-point correlation in the shell of one voxel around a lag."""
    from porespy.metrics import two_point_correlation

    found = two_point_correlation(labels == phase, bins=np.arange(lag + 2) - 0.5)
    return float(found.probability_scaled[lag])


def gudhi_euler(labels: Labels, phase: int) -> float:
    """Return the alternating sum of GUDHI's Betti numbers per volume, voxels joined by faces."""
    from gudhi import CubicalComplex

    outside = (labels != phase).astype(float)
    # Voxels are the vertices of the complex, so two that only share an edge are not connected.
    complex_ = CubicalComplex(vertices=outside)
    complex_.compute_persistence()
    betti = complex_.persistent_betti_numbers(0, 0)
    return float(sum((-1) ** order * number for order, number in enumerate(betti))) / labels.size
