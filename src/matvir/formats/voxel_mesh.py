"""Meshes of a brick per voxel, with a set of elements per phase: Abaqus, VTU."""

import json
from pathlib import Path

import numpy as np

from matvir.files import atomic_path
from matvir.formats.export import Export


def write_abaqus(path: Path, export: Export) -> None:
    """Write C3D8 elements with a set of elements per phase, named as it."""
    import meshio

    sets = {
        name: [np.flatnonzero(export.voxels.ravel() == label)]
        for label, name in enumerate(export.phases)
    }
    points, bricks = _bricks(export)
    mesh = meshio.Mesh(points, [("hexahedron", bricks)], cell_sets=sets)
    with atomic_path(path) as temporary:
        mesh.write(temporary, file_format="abaqus")
        text = f"** unit {export.unit}; {json.dumps(export.provenance)}\n"
        temporary.write_text(text + temporary.read_text())


def write_vtu(path: Path, export: Export) -> None:
    """Write an unstructured grid: the phase of each cell, and an array of 0 and 1 per phase."""
    import meshio

    labels = export.voxels.ravel()
    data = {"phase": [labels]} | {
        name: [(labels == label).astype(np.uint8)] for label, name in enumerate(export.phases)
    }
    points, bricks = _bricks(export)
    mesh = meshio.Mesh(points, [("hexahedron", bricks)], cell_data=data)
    with atomic_path(path) as temporary:
        mesh.write(temporary, file_format="vtu")


def _bricks(export: Export) -> tuple[np.ndarray, np.ndarray]:
    """Return corners (x, y, z) and the eight corners of each voxel, in the order of VTK."""
    shape = export.voxels.shape
    nodes = np.arange(np.prod([n + 1 for n in shape])).reshape([n + 1 for n in shape])
    axes = [edge * np.arange(n + 1) for edge, n in zip(export.edges, shape, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    points = np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1)
    low, high = slice(None, -1), slice(1, None)
    # The four corners of the lower plane around, then those of the upper one.
    around = [(low, low), (low, high), (high, high), (high, low)]
    corners = [nodes[plane, row, column] for plane in (low, high) for row, column in around]
    return points, np.stack([corner.ravel() for corner in corners], axis=1)
