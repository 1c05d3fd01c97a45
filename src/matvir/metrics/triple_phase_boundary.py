"""Density of the lines (points in 2D) where three phases meet."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.errors import InputError
from matvir.metrics.checks import check_labels, voxel_edges

MAX_PHASES = 64  # one bit per phase


def triple_phase_boundary_density(
    labels: NDArray[Any],
    n_phases: int,
    *,
    voxel_size: Sequence[float] | None = None,
    periodic: bool = False,
    active: NDArray[np.bool_] | None = None,
) -> float:
    """Return the length of voxel edges where at least three phases meet, per volume.

    An edge counts if the four voxels around it hold at least three phases. Exact for lines along
    an axis; lines in other directions become steps and too long (4/pi for a ring in a plane, 3/2
    for lines without a preferred orientation). In 2D: the number of pixel corners where at least
    three phases meet, per area.

    Parameters
    ----------
    labels : ndarray of shape (H, W) or (D, H, W), uint8
        Phase of each voxel, in 0 .. n_phases - 1.
    n_phases : int
        Number of phases, at most 64.
    voxel_size : sequence of float, optional
        Edge of a voxel along each axis; without it lengths are in voxels.
    periodic : bool
        Whether opposite faces of the sample touch each other.
    active : ndarray with the shape of ``labels``, bool, optional
        Voxels that count; all others are taken to be of no phase. With the parts of the phases that
        are connected to the faces of the sample it gives the active boundary, on which electrons,
        ions and gas can be supplied (Wilson et al., Nature Mater. 5 (2006) 541; Iwai et al., J.
        Power Sources 195 (2010) 955).

    Returns
    -------
    float
        Length per volume (points per area in 2D), in 1/length^2; 0 for less than three phases.

    Raises
    ------
    InputError
        If ``labels`` or ``active`` is no such image, there are too many phases, or ``voxel_size``
        has not one number per axis.
    """
    bits = _phase_bits(labels, n_phases, periodic, active)
    edges = voxel_edges(voxel_size, labels.ndim)
    volume = labels.size * float(np.prod(edges))
    if labels.ndim == 2:
        return _count_triple(bits, (0, 1), labels.shape, periodic) / volume
    length = 0.0
    for axis, edge in enumerate(edges):
        across = tuple(other for other in range(3) if other != axis)
        length += edge * _count_triple(bits, across, labels.shape, periodic)
    return length / volume


def triple_phase_vertex_density(
    labels: NDArray[Any],
    n_phases: int,
    *,
    voxel_size: Sequence[float] | None = None,
    periodic: bool = False,
) -> float:
    """Return the number of voxel vertices with at least three phases around them, per volume.

    The wording of the SliceGAN paper (Kench and Cooper, Nature Machine Intelligence 3, 2021).
    Parameters and errors are those of :func:`triple_phase_boundary_density`; the unit is
    1/length^3 (1/length^2 in 2D, where both densities are the same).
    """
    bits = _phase_bits(labels, n_phases, periodic)
    volume = labels.size * float(np.prod(voxel_edges(voxel_size, labels.ndim)))
    return _count_triple(bits, tuple(range(labels.ndim)), labels.shape, periodic) / volume


def _phase_bits(
    labels: NDArray[Any],
    n_phases: int,
    periodic: bool,
    active: NDArray[np.bool_] | None = None,
) -> NDArray[np.unsignedinteger]:
    """Return one bit per phase for each voxel, with the first layers repeated if periodic."""
    check_labels(labels, n_phases)
    if n_phases > MAX_PHASES:
        raise InputError(f"expected at most {MAX_PHASES} phases, got {n_phases}; merge some first")
    dtype = np.uint8 if n_phases <= 8 else np.uint64
    bits = (np.uint64(1) << np.arange(n_phases, dtype=np.uint64)).astype(dtype)[labels]
    if active is not None:
        _check_active(active, labels.shape)
        bits[~active] = 0
    return np.pad(bits, [(0, int(periodic))] * labels.ndim, mode="wrap") if periodic else bits


def _check_active(active: NDArray[Any], shape: tuple[int, ...]) -> None:
    if active.dtype != np.bool_ or active.shape != shape:
        raise InputError(
            f"expected active voxels as an array of bool of shape {shape}, "
            f"got {active.dtype} of shape {active.shape}"
        )


def _count_triple(
    bits: NDArray[np.unsignedinteger],
    across: tuple[int, ...],
    shape: tuple[int, ...],
    periodic: bool,
) -> int:
    """Count the blocks of 2 voxels along each axis of ``across`` that hold three phases."""
    block = bits
    for axis in range(bits.ndim):
        if axis in across:
            ahead = np.moveaxis(block, axis, 0)
            block = np.moveaxis(ahead[:-1] | ahead[1:], 0, axis)
        elif periodic:
            block = np.moveaxis(np.moveaxis(block, axis, 0)[: shape[axis]], 0, axis)
    return int(np.count_nonzero(np.bitwise_count(block) >= 3))
