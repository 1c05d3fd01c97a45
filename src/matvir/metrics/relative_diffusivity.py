"""Steady diffusion through a phase: relative diffusivity and tortuosity factor."""

import contextlib
import ctypes
import io
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.errors import InputError
from matvir.metrics.checks import check_mask, cubic_voxel_edge
from matvir.metrics.percolation import connected_components, percolating_part

# TauFactor's measure is (largest - smallest) / largest flux through a layer; at 1e-3 the relative
# diffusivity is right within 0.07 %, at its default of 1e-2 within 0.4 %.
CONVERGENCE = 1e-3
MAX_ITERATIONS = 20_000
# Numbers of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4


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
    flux through all other borders, by TauFactor (Kench et al., J. Open Source Softw. 8 (2023)
    5358), on one thread of the CPU. Only in 3D, only for cubic voxels.

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
        Edge of a voxel along each axis; checked to be cubic.
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
        If ``mask`` is no such array or the voxels are not cubic.
    """
    check_mask(mask)
    if mask.ndim != 3:
        raise InputError(f"relative diffusivity needs a 3D sample, got shape {mask.shape}")
    cubic_voxel_edge(voxel_size, mask.ndim, "relative diffusivity")
    if percolating is None:
        percolating = percolating_part(connected_components(mask), axis)
    if not percolating.any():
        return 0.0
    return _solve(np.moveaxis(percolating, axis, 0), max_iterations)


def tortuosity_factor(volume_fraction: float, relative_diffusivity: float) -> float:
    """Return volume fraction over relative diffusivity; NaN if nothing diffuses.

    With the fraction of the whole phase, parts that do not percolate included.
    """
    return volume_fraction / relative_diffusivity if relative_diffusivity > 0 else np.nan


def _solve(conducting: NDArray[np.bool_], max_iterations: int) -> float:
    """Return the relative diffusivity along axis 0 of a phase that percolates."""
    import taufactor  # imports torch

    with _one_thread(), _reused_memory(), contextlib.redirect_stdout(io.StringIO()):
        solver = taufactor.Solver(np.ascontiguousarray(conducting, dtype=np.float32), device="cpu")
        solver.solve(verbose=False, conv_crit=CONVERGENCE, iter_limit=max_iterations)
    value = float(solver.D_rel[0]) if solver.converged else np.nan
    return value if np.isfinite(value) else np.nan


@contextlib.contextmanager
def _reused_memory() -> Iterator[None]:
    """Let the allocator keep the solver's freed arrays instead of returning them to the system.

    Each of its thousands of iterations frees and asks for arrays of the sample's size; getting
    them from the system anew takes three quarters of the time at 256^3 voxels. Only glibc has
    these settings (mallopt(3)); elsewhere nothing changes.
    """
    libc: Any = ctypes.CDLL(None) if sys.platform == "linux" else None
    if not hasattr(libc, "mallopt"):
        yield
        return
    libc.mallopt(M_MMAP_MAX, 0)
    libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    try:
        yield
    finally:
        libc.mallopt(M_MMAP_MAX, 65536)  # glibc's own defaults
        libc.mallopt(M_TRIM_THRESHOLD, 128 * 1024)
        libc.malloc_trim(0)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch use one thread: several cost ten times the time on arrays this small."""
    import torch

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
