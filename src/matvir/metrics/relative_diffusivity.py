"""Steady diffusion and conduction: relative diffusivity, tortuosity factor, conductivity."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.errors import InputError
from matvir.metrics.checks import check_mask, voxel_edges
from matvir.metrics.percolation import connected_components, percolating_part

# Relative residual of the concentrations; the flux is then right to about its square.
TOLERANCE = 1e-6
MAX_ITERATIONS = 500
# Measured peak of the multigrid hierarchy, per voxel that conducts.
BYTES_PER_VOXEL = 850


def relative_diffusivity(
    mask: NDArray[Any],
    axis: int,
    *,
    percolating: NDArray[np.bool_] | None = None,
    voxel_size: Sequence[float] | None = None,
    max_iterations: int = MAX_ITERATIONS,
) -> float:
    """Return the effective over the intrinsic diffusivity of a phase along ``axis``.

    Solves div(grad c) = 0 in the phase, with c fixed at the two faces normal to ``axis`` and no
    flux through all other borders. The finite volumes are those of TauFactor (Kench et al., J. Open
    Source Softw. 8 (2023) 5358), one per voxel, with the faces half a voxel outside the first and
    the last layer. They are solved by conjugate gradients, preconditioned with the algebraic
    multigrid of PyAMG: over-relaxation needs tens of thousands of iterations where a thin phase
    winds. Two neighbours along axis i conduct as 1/h_i^2, with the edge h_i of a voxel. Only in 3D.

    Parameters
    ----------
    mask : ndarray of shape (D, H, W), bool
        True in the phase that conducts.
    axis : int
        Direction of the flux.
    percolating : ndarray of bool with the shape of ``mask``, optional
        Its part that connects both faces, from
        :func:`matvir.metrics.percolation.percolating_part`; found here without it.
    voxel_size : sequence of float, optional
        Edge of a voxel along each axis; without it voxels are cubes.
    max_iterations : int
        When to give up.

    Returns
    -------
    float
        In 0 .. 1: 1 if all of the sample conducts, 0 if the phase does not percolate, NaN if the
        solver did not converge.

    Raises
    ------
    InputError
        If ``mask`` is no such array.
    """
    check_mask(mask)
    if mask.ndim != 3:
        raise InputError(f"relative diffusivity needs a 3D sample, got shape {mask.shape}")
    edges = np.array(voxel_edges(voxel_size, mask.ndim))
    if percolating is None:
        percolating = percolating_part(connected_components(mask), axis)
    if not percolating.any():
        return 0.0
    # The flux is along the first axis, whose neighbours conduct as 1.
    others = [other for other in range(3) if other != axis]
    conductances = (edges[axis] / edges[[axis, *others]]) ** 2
    return _solve(np.moveaxis(percolating, axis, 0), conductances, max_iterations)


def effective_conductivity(
    conductivity: NDArray[np.floating[Any]],
    axis: int,
    *,
    voxel_size: Sequence[float] | None = None,
    max_iterations: int = MAX_ITERATIONS,
) -> float:
    """Return the conductivity of a composite along ``axis``, electrical or thermal.

    Solves div(k grad u) = 0 as :func:`relative_diffusivity` does, in all voxels that conduct and
    are connected to both faces. Between the centres of two voxels they conduct in series, so that
    layers normal and parallel to an axis are exact.

    Parameters
    ----------
    conductivity : ndarray of shape (D, H, W), float
        Of each voxel; 0 or above.
    axis : int
        Direction of the current.
    voxel_size, max_iterations
        As in :func:`relative_diffusivity`.

    Returns
    -------
    float
        In the unit of ``conductivity``; 0 if nothing that conducts percolates, NaN if the solver
        did not converge.

    Raises
    ------
    InputError
        If ``conductivity`` is no such array, or negative or not finite anywhere.
    """
    if conductivity.ndim != 3:
        raise InputError(f"conductivity needs a 3D sample, got shape {conductivity.shape}")
    if not (np.isfinite(conductivity).all() and conductivity.min() >= 0):
        raise InputError(
            "expected conductivities that are finite and not negative, got "
            f"{conductivity.min():g} .. {conductivity.max():g}"
        )
    edges = np.array(voxel_edges(voxel_size, 3))
    through = percolating_part(connected_components(conductivity > 0), axis)
    if not through.any():
        return 0.0
    others = [other for other in range(3) if other != axis]
    conductances = (edges[axis] / edges[[axis, *others]]) ** 2
    highest = float(conductivity[through].max())
    along = np.moveaxis(through, axis, 0)
    values = np.moveaxis(conductivity, axis, 0)[along].astype(np.float64) / highest
    return highest * _solve(along, conductances, max_iterations, values)


def tortuosity_factor(volume_fraction: float, relative_diffusivity: float) -> float:
    """Return volume fraction over relative diffusivity; NaN if nothing diffuses.

    With the fraction of the whole phase, parts that do not percolate included.
    """
    return volume_fraction / relative_diffusivity if relative_diffusivity > 0 else np.nan


def _solve(
    conducting: NDArray[np.bool_],
    conductances: NDArray[np.float64],
    max_iterations: int,
    conductivity: NDArray[np.float64] | None = None,
) -> float:
    """Return the relative diffusivity along axis 0 of a phase that percolates.

    Parameters
    ----------
    conducting : ndarray of shape (D, H, W), bool
        Where the phase is.
    conductances : ndarray of shape (3,)
        Of two neighbours along each axis, relative to those along axis 0.
    max_iterations : int
        When to give up.
    conductivity : ndarray of shape (n,), optional
        Of each voxel of the phase, layer by layer; 1 without it.
    """
    import pyamg
    from scipy.sparse.linalg import cg

    matrix, to_inlet = _equations(conducting, conductances, conductivity)
    # Forward before and backward after: symmetric, as conjugate gradients need it, at half the work
    # of symmetric sweeps. Direct interpolation: half the setup for one more iteration.
    hierarchy = pyamg.ruge_stuben_solver(
        matrix,
        interpolation="direct",
        presmoother=("gauss_seidel", {"sweep": "forward"}),
        postsmoother=("gauss_seidel", {"sweep": "backward"}),
    )
    concentration, failed = cg(
        matrix,
        to_inlet,
        rtol=TOLERANCE,
        maxiter=max_iterations,
        M=hierarchy.aspreconditioner(),
    )
    if failed:
        return np.nan
    flux = to_inlet @ (1 - concentration)
    return float(flux * conducting.shape[0] / conducting[0].size)


def _equations(
    conducting: NDArray[np.bool_],
    conductances: NDArray[np.float64],
    conductivity: NDArray[np.float64] | None,
) -> tuple[Any, NDArray[np.float64]]:
    """Return the sparse matrix of the finite volumes, and how well each one leads to the inlet."""
    from scipy.sparse import coo_array, csr_array, diags_array
    from scipy.sparse.csgraph import laplacian

    # Voxels are numbered layer by layer; a face is half a voxel away, so it conducts twice as well.
    n_in, n_out = int(conducting[0].sum()), int(conducting[-1].sum())
    n_voxels = int(conducting.sum())
    own = np.ones(n_voxels) if conductivity is None else conductivity
    to_inlet, to_outlet = np.zeros((2, n_voxels))
    to_inlet[:n_in], to_outlet[-n_out:] = 2 * own[:n_in], 2 * own[-n_out:]
    pairs = _neighbours(conducting, n_voxels)
    weights = np.repeat(conductances, [first.size for first, _ in pairs])
    first, second = (np.concatenate(side) for side in zip(*pairs, strict=True))
    weights *= 2 * own[first] * own[second] / (own[first] + own[second])
    links = coo_array((weights, (first, second)), shape=(n_voxels, n_voxels))
    to_faces = diags_array(to_inlet + to_outlet)
    return csr_array(laplacian(csr_array(links + links.T)) + to_faces), to_inlet


def _neighbours(
    conducting: NDArray[np.bool_], n_voxels: int
) -> list[tuple[NDArray[np.int32], NDArray[np.int32]]]:
    """Return the numbers of the two voxels of each pair that shares a face, for each axis."""
    number = np.full(conducting.shape, -1, dtype=np.int32)
    number[conducting] = np.arange(n_voxels, dtype=np.int32)
    pairs = []
    for axis in range(3):
        along = np.moveaxis(number, axis, 0)
        linked = (along[:-1] >= 0) & (along[1:] >= 0)
        pairs.append((along[:-1][linked], along[1:][linked]))
    return pairs
