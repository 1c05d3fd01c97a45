"""VTK's image data (VTI) and MetaImage (MHA, MHD with its raw file), as VTK reads them."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.errors import InputError
from matvir.files import atomic_path, require_decodable
from matvir.formats.export import Export
from matvir.formats.isolated import read_isolated
from matvir.formats.stored import StoredImage, VoxelSize, known_edges, without_unit
from matvir.formats.units import um_per_unit

UNIT = "unit"
PHASES = "phases"
LONGEST_HEADER = 65_536


def read_vti(path: Path, name: str | None) -> StoredImage:
    """Read one array of image data, of its cells or points; the only one if none is named.

    VTK reads it in a process of its own, as some damaged files make it crash.

    Raises
    ------
    ValueError
        If there is no such array, or VTK cannot read the file.
    """
    return read_isolated("vtk_image:read_vti_here", path, name)


def read_vti_here(path: Path, name: str | None) -> StoredImage:
    """Read image data in this process; see `read_vti`.

    Raises
    ------
    InputError
        If there is no such array, or it would not fit into memory.
    """
    from vtkmodules.vtkIOXML import vtkXMLImageDataReader

    reader = vtkXMLImageDataReader()
    data = _updated(reader, path)
    arrays = {}
    for of, cells in ((data.GetPointData(), 0), (data.GetCellData(), 1)):
        for index in range(of.GetNumberOfArrays()):
            arrays[of.GetArrayName(index) or f"array-{index}"] = (of.GetArray(index), cells)
    wanted = (name or "").strip("/") or (next(iter(arrays)) if len(arrays) == 1 else "")
    if wanted not in arrays:
        raise InputError(
            f"{path}: expected '{path.name}:name' of one of the arrays {sorted(arrays)}, got "
            f"{repr(wanted) if name else 'no name'}."
        )
    array, cells = arrays[wanted]
    # Cells lie between points, of which there is one more, or one in all along a flat axis.
    points = data.GetDimensions()[::-1]
    shape = tuple(max(n - cells, 1) for n in points)
    units = data.GetFieldData().GetAbstractArray(UNIT)
    unit = None if units is None or units.GetNumberOfValues() < 1 else str(units.GetValue(0))
    size, notes = _size(list(data.GetSpacing())[::-1], unit, "VTK")
    return _image(_numbers(array, shape), size, notes)


def read_metaimage(path: Path) -> StoredImage:
    """Read a MetaImage; the numbers of an .mhd are in a file beside it.

    Raises
    ------
    InputError
        If the numbers are not beside it, or would not fit into memory.
    """
    from vtkmodules.vtkIOImage import vtkMetaImageReader

    header = path.read_bytes()[:LONGEST_HEADER].decode("latin-1")
    match = re.search(r"^\s*ElementDataFile\s*=\s*(.*?)\s*$", header, flags=re.MULTILINE)
    if match is None:
        raise ValueError("no ElementDataFile in its header")
    place = match[1]
    _require_vtks_kind(path, header, place)
    beside = {one.name for one in path.absolute().parent.iterdir() if one.is_file()}
    if place.upper() != "LOCAL" and place not in beside:
        raise InputError(
            f"{path}: expected its numbers in the same folder, got {place!r}. Put this file beside "
            "it, or save the volume as one .mha file."
        )
    reader = vtkMetaImageReader()
    data = _updated(reader, path)
    shape = tuple(data.GetDimensions()[::-1])
    comment = re.search(r"^\s*Comment\s*=.*\bunit (\S+);", header, flags=re.MULTILINE)
    size, notes = _size(
        list(data.GetSpacing())[::-1], None if comment is None else comment[1], "MetaImage"
    )
    numbers = _numbers(data.GetPointData().GetScalars(), shape)
    _require_raw_size(header, path.with_name(place), numbers.nbytes)
    return _image(numbers, size, notes)


def _require_vtks_kind(path: Path, header: str, place: str) -> None:
    """Refuse what the format can be and VTK does not read, or reads wrongly."""
    text = re.search(r"^\s*BinaryData\s*=\s*False", header, flags=re.MULTILINE | re.IGNORECASE)
    long = re.search(r"^\s*ElementType\s*=\s*(MET_U?LONG_LONG)\s*$", header, re.MULTILINE)
    several = place.upper().startswith("LIST") or "%" in place
    if not (text or long or several):
        return
    kinds = (
        (text, "numbers as text"),
        (long, "numbers of 64 bits"),
        (several, f"numbers in several files ({place})"),
    )
    raise InputError(
        f"{path}: expected a MetaImage of at most 32 bits a number, stored as bytes in one file, "
        f"got {' and '.join(words for found, words in kinds if found)}. Open it in Fiji or 3D "
        "Slicer, or with SimpleITK, and save it as .nrrd."
    )


def _require_raw_size(header: str, raw: Path, expected: int) -> None:
    """Check that raw numbers beside a header are as many as it says, where it names no offset."""
    offset = re.search(r"^\s*HeaderSize\s*=\s*(-?\d+)", header, flags=re.MULTILINE)
    packed = re.search(r"^\s*CompressedData\s*=\s*True", header, flags=re.MULTILINE)
    if not raw.is_file() or packed or (offset and int(offset[1]) != 0):
        return
    n_bytes = raw.stat().st_size
    if n_bytes != expected:
        raise InputError(
            f"{raw}: expected {expected} bytes, got {n_bytes}. Copy it again, or state in its "
            "header how many bytes come before the numbers (HeaderSize)."
        )


def _updated(reader: Any, path: Path) -> Any:
    """Let a reader of VTK read a file, after a look at how large it says to be."""
    errors: list[str] = []
    reader.AddObserver("ErrorEvent", lambda *_: errors.append("error"))
    reader.SetFileName(str(path))
    reader.UpdateInformation()
    extent = reader.GetOutputInformation(0).Get(_whole_extent()) if not errors else None
    if extent is None:
        raise ValueError("VTK finds no image in it")
    shape = [max(b - a + 1, 0) for a, b in zip(extent[::2], extent[1::2], strict=True)]
    require_decodable(path, shape, 8)
    reader.Update()
    if errors:
        raise ValueError("VTK cannot read all of it")
    return reader.GetOutput()


def _whole_extent() -> Any:
    from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline

    return vtkStreamingDemandDrivenPipeline.WHOLE_EXTENT()


def _numbers(array: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return an array of VTK with a last axis of components if there are several."""
    from vtkmodules.util.numpy_support import vtk_to_numpy

    if array is None:
        raise ValueError("an image without numbers")
    components = array.GetNumberOfComponents()
    values = vtk_to_numpy(array)
    return np.array(values).reshape((*shape, components) if components > 1 else shape)


def _size(
    edges: list[float], unit: str | None, name: str
) -> tuple[VoxelSize | None, tuple[str, ...]]:
    scale = None if unit is None else um_per_unit(unit)
    if scale is not None:
        return known_edges([edge * scale for edge in edges], f"the unit in the {name} file"), ()
    return None, () if all(edge == 1 for edge in edges) else without_unit(name, edges)


def _image(array: NDArray[Any], size: VoxelSize | None, notes: tuple[str, ...]) -> StoredImage:
    if array.ndim == 3:
        return StoredImage(array=array, channels="none", voxel_size=size, notes=notes)
    coloured = array.dtype == np.uint8 and array.shape[-1] in (3, 4)
    return StoredImage(
        array=array,
        channels="colours" if coloured else "detectors",
        voxel_size=size,
        notes=notes,
    )


def write_vti(path: Path, export: Export) -> None:
    """Write a volume as image data: an array of the cells, the unit, and the names of phases."""
    import pyvista

    depth, height, width = export.voxels.shape
    grid = pyvista.ImageData(
        dimensions=(width + 1, height + 1, depth + 1), spacing=export.edges[::-1]
    )
    grid.cell_data["phase"] = export.voxels.ravel()
    grid.field_data[UNIT] = [export.unit]
    grid.field_data[PHASES] = list(export.phases)
    grid.field_data["provenance"] = [json.dumps(export.provenance)]
    with atomic_path(path) as temporary:
        grid.save(temporary)


def metaimage_header(export: Export, place: str, *, compressed: bool) -> str:
    """Return the header of a MetaImage whose numbers are at ``place``.

    The order of the keys is fixed by the format: the one that says where numbers are is the last.
    """
    named = ", ".join(f"{label} {name}" for label, name in enumerate(export.phases))
    lines = {
        "ObjectType": "Image",
        "NDims": "3",
        "Comment": f"unit {export.unit}; phases {named}",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": str(compressed),
        "TransformMatrix": "1 0 0 0 1 0 0 0 1",
        "Offset": "0 0 0",
        "ElementSpacing": " ".join(f"{edge:.9g}" for edge in export.edges[::-1]),
        "DimSize": " ".join(map(str, export.voxels.shape[::-1])),
        "ElementType": "MET_UCHAR",
        "ElementDataFile": place,
    }
    return "".join(f"{key} = {value}\n" for key, value in lines.items())


def write_mha(path: Path, export: Export) -> None:
    """Write a volume as one MetaImage file; its comment names the unit and the phases."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(metaimage_header(export, "LOCAL", compressed=False).encode())
        export.voxels.tofile(file)


def write_mhd(path: Path, export: Export) -> None:
    """Write a volume as raw numbers beside a header, which is a MetaImage's."""
    raw = path.with_suffix(".raw")
    with atomic_path(raw) as temporary:
        export.voxels.tofile(temporary)
    with atomic_path(path) as temporary:
        temporary.write_text(metaimage_header(export, raw.name, compressed=False))
