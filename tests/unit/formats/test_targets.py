"""Volumes for other programs: each file is opened by a library that did not write it."""

import json

import h5py
import meshio
import numpy as np
import pytest
import SimpleITK as sitk
import tifffile

from matvir.formats import TARGETS
from matvir.formats.export import Export
from matvir.micrograph.reading import read_micrograph

EDGES = (0.5, 0.25, 0.125)
PHASES = ("pore", "binder", "nmc")


@pytest.fixture(scope="module")
def export():
    """A volume of 5 planes, 7 rows and 9 columns with three phases and unequal edges."""
    voxels = np.random.default_rng(0).integers(0, 3, (5, 7, 9)).astype(np.uint8)
    return Export(
        voxels=voxels, phases=PHASES, voxel_size_um=EDGES, provenance={"material": "m", "seed": 3}
    )


@pytest.fixture
def written(tmp_path, export):
    """Return a function that writes the volume in a format and returns the path."""

    def write(name, **changes):
        path = tmp_path / f"volume{TARGETS[name].suffix}"
        TARGETS[name].write(path, Export(**{**vars(export), **changes}))
        return path

    return write


@pytest.mark.parametrize("name", ["nrrd", "mha", "raw"])
def test_itk_reads_axes_and_edges(written, export, name):
    image = sitk.ReadImage(str(written(name)))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), export.voxels)
    assert image.GetSpacing() == pytest.approx(EDGES[::-1])


def test_nrrd_names_unit_and_phases(written):
    image = sitk.ReadImage(str(written("nrrd")))
    assert json.loads(image.GetMetaData("phases")) == list(PHASES)
    header = written("nrrd").read_bytes().split(b"\n\n")[0].decode()
    assert 'space units: "um" "um" "um"' in header


@pytest.mark.parametrize("name", ["mha", "raw"])
def test_metaimage_names_unit_and_phases(written, name):
    header = written(name).read_bytes()[:400].decode("latin-1")
    assert "Comment = unit um; phases 0 pore, 1 binder, 2 nmc" in header


def test_raw_is_nothing_but_numbers(written, export):
    numbers = np.fromfile(written("raw").with_suffix(".raw"), np.uint8)
    np.testing.assert_array_equal(numbers.reshape(5, 7, 9), export.voxels)


def test_vti_is_what_its_xml_says(written, export):
    import pyvista

    path = written("vti")
    header = path.read_bytes()[:2000].decode("latin-1")
    assert 'WholeExtent="0 9 0 7 0 5"' in header
    assert 'Spacing="0.125 0.25 0.5"' in header
    read = pyvista.read(path)
    np.testing.assert_array_equal(read.cell_data["phase"].reshape(5, 7, 9), export.voxels)
    assert list(read.field_data["phases"]) == list(PHASES)
    assert list(read.field_data["unit"]) == ["um"]


def test_npy_has_its_description_beside_it(written, export):
    path = written("npy")
    np.testing.assert_array_equal(np.load(path), export.voxels)
    described = json.loads(path.with_name("volume.npy.json").read_text())
    assert (described["phases"], described["voxel_size"]) == (list(PHASES), list(EDGES))
    assert described["unit"] == "um"


def test_tiff_is_a_stack_of_imagej(written, export):
    with tifffile.TiffFile(written("tiff")) as tiff:
        np.testing.assert_array_equal(tiff.asarray(), export.voxels)
        assert tiff.series[0].axes == "ZYX"
        assert tiff.imagej_metadata["spacing"] == 0.5
        assert json.loads(tiff.imagej_metadata["Info"])["phases"] == list(PHASES)


def blocks_of(folder):
    """Return an array of Zarr 2 by its specification: blocks, compressed one by one."""
    from imagecodecs import blosc_decode, zstd_decode

    described = json.loads((folder / ".zarray").read_text())
    compressor = (described["compressor"] or {}).get("id")
    decode = {"blosc": blosc_decode, "zstd": zstd_decode, None: bytes}[compressor]
    array = np.zeros(described["shape"], described["dtype"])
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            place = [int(part) for part in path.relative_to(folder).parts]
            block = np.frombuffer(decode(path.read_bytes()), array.dtype)
            starts = [n * edge for n, edge in zip(place, described["chunks"], strict=True)]
            window = tuple(
                slice(start, start + edge)
                for start, edge in zip(starts, described["chunks"], strict=True)
            )
            shape = array[window].shape
            block = block.reshape(described["chunks"])
            array[window] = block[tuple(slice(n) for n in shape)]
    return array


def test_ome_zarr_is_what_its_specification_says(written):
    voxels = np.random.default_rng(1).integers(0, 3, (130, 128, 140)).astype(np.uint8)
    path = written("ome-zarr", voxels=voxels)
    described = json.loads((path / ".zattrs").read_text())
    (image,) = described["multiscales"]
    assert image["version"] == "0.4"
    assert image["axes"] == [
        {"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"
    ]
    assert described["phases"] == list(PHASES)
    for number, level in enumerate(image["datasets"]):
        assert level["coordinateTransformations"] == [
            {"type": "scale", "scale": [edge * 2**number for edge in EDGES]}
        ]
        step = slice(None, None, 2**number)
        found = blocks_of(path / level["path"])
        np.testing.assert_array_equal(found, voxels[step, step, step])
    assert number == 1


def test_dream3d_counts_phases_from_one(written, export):
    with h5py.File(written("dream3d")) as file:
        container = file["DataContainers/ImageDataContainer"]
        np.testing.assert_array_equal(container["CellData/Phases"][..., 0], export.voxels + 1)
        assert list(container["_SIMPL_GEOMETRY/DIMENSIONS"]) == [9, 7, 5]
        assert list(container["_SIMPL_GEOMETRY/SPACING"]) == list(EDGES[::-1])
        names = [name.decode() for name in container["CellEnsembleData/PhaseName"]]
        assert names == ["Unknown", *PHASES]


@pytest.mark.parametrize("name", ["stl", "ply"])
def test_surfaces_are_closed_and_hold_the_volume_of_a_box(written, name):
    import pyvista

    voxels = np.zeros((8, 10, 12), np.uint8)
    voxels[2:6, 3:8, 4:10] = 2
    folder = written(name, voxels=voxels)
    assert sorted(path.stem for path in folder.iterdir()) == ["nmc", "pore"]
    surface = pyvista.read(folder / f"nmc.{name}").clean()
    assert surface.is_manifold
    assert surface.n_open_edges == 0
    # Marching cubes cut the edges of a box; x, y and z are the axes 2, 1 and 0.
    expected = (4 * 0.125, 10 * 0.125, 3 * 0.25, 8 * 0.25, 2 * 0.5, 6 * 0.5)
    assert surface.bounds == pytest.approx(expected)
    assert surface.volume == pytest.approx(4 * 5 * 6 * np.prod(EDGES), rel=0.1)
    # Counterclockwise from outside: each triangle and the origin span a part of the volume.
    a, b, c = surface.points[surface.regular_faces.T]
    assert np.einsum("ij,ij->", a, np.cross(b, c)) / 6 == pytest.approx(surface.volume)


def test_abaqus_has_a_set_per_phase(written, export):
    path = written("abaqus")
    text = path.read_text()
    assert "C3D8" in text
    for name in PHASES:
        assert f"*ELSET, ELSET={name}" in text
    mesh = meshio.read(path)
    assert mesh.points.max(axis=0) == pytest.approx((9 * 0.125, 7 * 0.25, 5 * 0.5))
    for label, name in enumerate(PHASES):
        found = mesh.cell_sets[name][0]
        np.testing.assert_array_equal(found, np.flatnonzero(export.voxels.ravel() == label))


def test_bricks_of_vtu_are_the_voxels(written, export):
    import pyvista

    grid = pyvista.read(written("vtu"))
    np.testing.assert_array_equal(grid.cell_data["phase"], export.voxels.ravel())
    np.testing.assert_array_equal(grid.cell_data["nmc"], export.voxels.ravel() == 2)
    sizes = grid.compute_cell_sizes()["Volume"]
    np.testing.assert_allclose(sizes, np.prod(EDGES))
    centres = grid.cell_centers().points
    np.testing.assert_allclose(centres[0], np.array(EDGES[::-1]) / 2)
    np.testing.assert_allclose(centres[1] - centres[0], (0.125, 0, 0), atol=1e-12)


@pytest.mark.parametrize(
    "name", [one for one in TARGETS if one not in ("stl", "ply", "abaqus", "vtu")]
)
def test_what_was_written_is_read_with_its_size(written, export, name):
    source = str(written(name))
    if name == "dream3d":
        source += ":/DataContainers/ImageDataContainer/CellData/Phases"
    found = read_micrograph(source, type="labels", voxel_size_um=None)
    np.testing.assert_array_equal(found.image - found.image.min(), export.voxels)
    expected = None if name == "npy" else pytest.approx(EDGES)
    assert found.voxel_size_um == expected


@pytest.mark.parametrize("name", list(TARGETS))
def test_a_volume_without_a_size_has_edges_of_one(written, name):
    path = written(name, voxel_size_um=None)
    assert path.exists()
    if name in ("nrrd", "mha", "vti", "tiff", "ome-zarr"):
        assert read_micrograph(path, type="labels", voxel_size_um=None).voxel_size_um is None


def test_a_file_of_another_volume_is_replaced(written):
    for name in TARGETS:
        path = written(name)
        assert written(name) == path
        assert not [one for one in path.parent.iterdir() if one.name.startswith(".")]
