"""Surfaces of phases: triangles by marching cubes (Lorensen and Cline, SIGGRAPH 1987)."""

from pathlib import Path

import numpy as np

from matvir.files import atomic_folder
from matvir.formats.export import Export


def write_stl(path: Path, export: Export) -> None:
    """Write the closed surface of each phase to an STL file of a folder, named as the phase."""
    _write(path, export, ".stl")


def write_ply(path: Path, export: Export) -> None:
    """Write the closed surface of each phase to a PLY file of a folder, named as the phase."""
    _write(path, export, ".ply")


def _write(path: Path, export: Export, suffix: str) -> None:
    import meshio

    with atomic_folder(path) as folder:
        for label, name in enumerate(export.phases):
            mask = export.voxels == label
            if mask.any():
                points, triangles = surface(mask, export.edges)
                mesh = meshio.Mesh(points.astype(np.float32), [("triangle", triangles)])
                mesh.write(folder / f"{name}{suffix}", binary=True)


def surface(mask: np.ndarray, edges: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the closed surface of a phase.

    Parameters
    ----------
    mask : ndarray of shape (D, H, W), bool
        Where the phase is; at the sides of the volume the surface is closed.
    edges : tuple of three float
        Edge of a voxel along each axis.

    Returns
    -------
    points : ndarray of shape (n, 3), float
        Corners (x, y, z); the first corner of the volume is the origin.
    triangles : ndarray of shape (m, 3), int
        Indices of points, counterclockwise seen from outside of the phase.
    """
    from skimage.measure import marching_cubes

    padded = np.pad(mask, 1).astype(np.float32)
    # Centres of voxels lie half an edge inside, and the padding is one voxel wide.
    corners, triangles, *_ = marching_cubes(padded, 0.5, gradient_direction="descent")
    points = (corners - 0.5) * np.asarray(edges)
    return points[:, ::-1], triangles.astype(np.int64)
