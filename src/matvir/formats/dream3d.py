"""DREAM.3D: HDF5 in the layout of its version 6 (SIMPL)."""

import json
from pathlib import Path

import h5py
import numpy as np

from matvir.formats.export import Export
from matvir.storage.hdf5 import create_hdf5

CELL, CELL_ENSEMBLE = 3, 11  # kinds of attribute matrices
UNKNOWN = "Unknown"


def write_dream3d(path: Path, export: Export) -> None:
    """Write a volume as the cells of an image geometry.

    DREAM.3D counts phases from 1: phase 0 is the unknown one.
    """
    size = export.voxels.shape[::-1]
    with create_hdf5(path) as file:
        file.attrs["FileVersion"] = np.bytes_("7.0")
        file.attrs["DREAM3D Version"] = np.bytes_("6.5.171")
        container = file.create_group("DataContainers/ImageDataContainer")
        geometry = container.create_group("_SIMPL_GEOMETRY")
        geometry["DIMENSIONS"] = np.array(size, np.int64)
        geometry["ORIGIN"] = np.zeros(3, np.float32)
        geometry["SPACING"] = np.array(export.edges[::-1], np.float32)
        _describe(
            geometry,
            GeometryName="ImageGeometry",
            GeometryTypeName="ImageGeometry",
            GeometryType=np.uint32(0),
            SpatialDimensionality=np.uint32(3),
            UnitDimensionality=np.uint32(3),
            Unit=export.unit,
        )
        cells = container.create_group("CellData")
        _describe(
            cells, AttributeMatrixType=np.uint32(CELL), TupleDimensions=np.array(size, np.uint64)
        )
        phases = cells.create_dataset(
            "Phases",
            data=export.voxels[..., None].astype(np.int32) + 1,
            chunks=(1, *export.voxels.shape[1:], 1),
            compression="gzip",
            compression_opts=1,
        )
        _describe_array(phases, "DataArray<int32_t>", size)
        if export.voxel_size_um is not None:
            phases.attrs["element_size_um"] = np.array([*export.voxel_size_um, 1.0])
        ensembles = container.create_group("CellEnsembleData")
        names = [UNKNOWN, *export.phases]
        _describe(
            ensembles,
            AttributeMatrixType=np.uint32(CELL_ENSEMBLE),
            TupleDimensions=np.array([len(names)], np.uint64),
        )
        named = ensembles.create_dataset("PhaseName", data=np.array(names, dtype="S64"))
        _describe_array(named, "StringDataArray", (len(names),))
        file.attrs["provenance"] = np.bytes_(json.dumps(export.provenance).encode())


def _describe(group: h5py.Group | h5py.Dataset, **values: object) -> None:
    for name, value in values.items():
        group.attrs[name] = np.bytes_(value) if isinstance(value, str) else value


def _describe_array(dataset: h5py.Dataset, kind: str, size: tuple[int, ...]) -> None:
    _describe(
        dataset,
        ObjectType=kind,
        DataArrayVersion=np.int32(2),
        ComponentDimensions=np.array([1], np.uint64),
        TupleDimensions=np.array(size, np.uint64),
    )
