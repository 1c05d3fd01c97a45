"""Files of other programs, written by libraries of their own."""

import h5py
import mrcfile
import nibabel
import nrrd
import numpy as np
import pytest
import SimpleITK as sitk
import zarr
from PIL import Image

from matvir.errors import ConfigError, InputError
from matvir.files import HOLD_SEVERAL
from matvir.formats import FORMATS
from matvir.micrograph.reading import read_micrograph
from matvir.settings.records import RawConfig


def read(path, kind="grey", **how):
    return read_micrograph(path, type=kind, voxel_size_um=None, **how)


@pytest.fixture
def volume(rng):
    """A volume of 4 planes, 6 rows and 9 columns."""
    return rng.integers(0, 200, (4, 6, 9)).astype(np.uint8)


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.mhd", "a.nii", "a.nii.gz"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_what_itk_wrote(tmp_path, volume, name, dtype):
    image = sitk.GetImageFromArray(volume.astype(dtype))
    image.SetSpacing((0.125, 0.25, 0.5))
    for compressed in (False, True):
        sitk.WriteImage(image, str(tmp_path / name), useCompression=compressed)
        found = read(tmp_path / name)
        np.testing.assert_array_equal(found.image, volume)
        if name.startswith("a.nii"):  # in millimetres
            assert found.voxel_size_um == pytest.approx((500, 250, 125))
        else:
            assert found.voxel_size_um is None
            assert "spacing of [0.5, 0.25, 0.125] without a unit" in found.source["notes"][0]


@pytest.mark.parametrize(("unit", "um"), [("um", 1), ("nm", 1e-3), ("microns", 1)])
def test_nrrd_with_a_unit(tmp_path, volume, unit, um):
    header = {"spacings": [0.125, 0.25, 0.5], "units": [unit] * 3}
    nrrd.write(str(tmp_path / "a.nrrd"), volume, header, index_order="C")
    assert read(tmp_path / "a.nrrd").voxel_size_um == pytest.approx(
        (0.5 * um, 0.25 * um, 0.125 * um)
    )


def test_nrrd_with_a_unit_per_axis(tmp_path, volume):
    header = {"spacings": [125.0, 0.25, 0.5], "units": ["nm", "um", "um"]}
    nrrd.write(str(tmp_path / "a.nrrd"), volume, header, index_order="C")
    assert read(tmp_path / "a.nrrd").voxel_size_um == pytest.approx((0.5, 0.25, 0.125))


def test_ome_zarr_without_units_says_so(tmp_path, volume):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.create_array("s0", data=volume)
    scale = {"type": "scale", "scale": [0.5, 0.25, 0.125]}
    level = {"path": "s0", "coordinateTransformations": [scale]}
    axes = [{"name": name, "type": "space"} for name in "zyx"]
    group.attrs["multiscales"] = [{"axes": axes, "datasets": [level]}]
    found = read(tmp_path / "a.zarr")
    assert found.voxel_size_um is None
    assert "a scale without units" in found.source["notes"][0]


def test_nrrd_of_colours(tmp_path, rng):
    colours = rng.integers(0, 255, (6, 9, 3)).astype(np.uint8)
    header = {"kinds": ["RGB-color", "domain", "domain"]}
    nrrd.write(str(tmp_path / "a.nrrd"), colours, header, index_order="C")
    np.testing.assert_array_equal(read(tmp_path / "a.nrrd", "rgb").image, colours)


@pytest.mark.parametrize("name", ["a.nhdr", "a.mhd"])
def test_numbers_are_read_from_no_other_folder(tmp_path, volume, name):
    (tmp_path / "in").mkdir()
    volume.tofile(tmp_path / "secret.raw")
    if name == "a.mhd":
        sitk.WriteImage(sitk.GetImageFromArray(volume), str(tmp_path / "in/a.mhd"))
        text = (tmp_path / "in/a.mhd").read_text().replace("a.raw", "../secret.raw")
        (tmp_path / "in/a.mhd").write_text(text)
        source, expected = tmp_path / "in/a.mhd", "same folder, got '../secret.raw'"
    else:
        text = (
            "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 9 6 4\nencoding: raw\n"
            "data file: ../secret.raw\n\n"
        )
        source, expected = tmp_path / "in/a.nrrd", "its numbers are in another file"
        source.write_text(text)
    with pytest.raises(InputError, match=expected):
        read(source)


@pytest.mark.parametrize("kind", ["text", "64 bits", "several files"])
def test_a_metaimage_that_vtk_does_not_read_is_read_as_it_is_told_to_be_saved(
    tmp_path, volume, kind
):
    path = tmp_path / "a.mhd"
    values = volume.astype(np.int64 if kind == "64 bits" else np.uint8)
    sitk.WriteImage(sitk.GetImageFromArray(values), str(path))
    header = path.read_text()
    if kind == "text":
        header = header.replace("BinaryData = True", "BinaryData = False").replace("a.raw", "LOCAL")
        header += " ".join(map(str, values.ravel())) + "\n"
        path = tmp_path / "b.mha"
    elif kind == "several files":
        names = [f"plane{number}.raw" for number in range(len(values))]
        header = header.replace("a.raw", "\n".join(["LIST", *names]))
        for name, plane in zip(names, values, strict=True):
            plane.tofile(tmp_path / name)
    path.write_text(header)
    with pytest.raises(InputError, match=rf"{path.name}.*{kind}.*SimpleITK.*nrrd"):
        read(path)
    sitk.WriteImage(sitk.ReadImage(str(path)), str(tmp_path / "a.nrrd"))
    np.testing.assert_array_equal(read(tmp_path / "a.nrrd").image, volume)


def test_metaimage_with_more_numbers_than_it_says_is_refused(tmp_path, volume):
    sitk.WriteImage(sitk.GetImageFromArray(volume), str(tmp_path / "a.mhd"))
    numbers = (tmp_path / "a.raw").read_bytes()
    (tmp_path / "a.raw").write_bytes(b"x" * 100 + numbers)
    with pytest.raises(InputError, match=r"a\.raw: expected 216 bytes, got 316"):
        read(tmp_path / "a.mhd")
    header = (tmp_path / "a.mhd").read_text()
    (tmp_path / "a.mhd").write_text(header.replace("ElementType", "HeaderSize = 100\nElementType"))
    np.testing.assert_array_equal(read(tmp_path / "a.mhd").image, volume)


@pytest.mark.parametrize(("flags", "expected"), [(0, np.uint8), (1, np.int8)])
def test_bytes_of_imod_have_the_sign_that_it_states(tmp_path, rng, flags, expected):
    stored = rng.integers(0, 255, (4, 6, 9)).astype(np.uint8)
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(stored.view(np.int8))
    content = bytearray((tmp_path / "a.mrc").read_bytes())
    content[152:160] = np.array([1146047817, flags], "<i4").tobytes()
    (tmp_path / "a.mrc").write_bytes(content)
    np.testing.assert_array_equal(read(tmp_path / "a.mrc").image, stored.view(expected))


def test_axes_of_mrc_in_another_order(tmp_path, volume):
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(volume.transpose(2, 1, 0).astype(np.int16))
        file.set_volume()
        file.header.mapc, file.header.mapr, file.header.maps = 3, 2, 1
        file.header.mx, file.header.my, file.header.mz = 9, 6, 4
        file.header.cella = (9 * 1250, 6 * 2500, 4 * 5000)
    found = read(tmp_path / "a.mrc")
    np.testing.assert_array_equal(found.image, volume)
    assert found.voxel_size_um == pytest.approx((0.5, 0.25, 0.125))


def test_mrc_in_angstrom(tmp_path, volume):
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(volume.astype(np.int16))
        file.set_volume()
        file.voxel_size = (1250, 2500, 5000)  # x, y, z
    found = read(tmp_path / "a.mrc")
    np.testing.assert_array_equal(found.image, volume)
    assert found.voxel_size_um == pytest.approx((0.5, 0.25, 0.125))


def test_one_angstrom_is_the_default_of_tools(tmp_path, volume):
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(volume[0].astype(np.float32))
        file.voxel_size = 1
    found = read(tmp_path / "a.mrc")
    assert found.voxel_size_um is None
    assert "the default of tools" in found.source["notes"][0]


def test_nifti_with_a_scale_and_a_unit(tmp_path, volume):
    image = nibabel.Nifti1Image(volume.T.astype(np.int16), np.diag([0.125, 0.25, 0.5, 1]))
    image.header.set_xyzt_units("micron")
    image.header.set_slope_inter(2, 10)
    nibabel.save(image, tmp_path / "a.nii.gz")
    found = read(tmp_path / "a.nii.gz")
    np.testing.assert_allclose(found.image, 2.0 * volume + 10)
    assert found.voxel_size_um == pytest.approx((0.5, 0.25, 0.125))


@pytest.mark.parametrize("version", [2, 3])
def test_zarr_arrays_by_name(tmp_path, volume, version):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=version)
    group.create_array("scan/grey", data=volume)
    group.create_array("other", data=volume + 1)
    np.testing.assert_array_equal(read(f"{tmp_path}/a.zarr:/scan/grey").image, volume)
    with pytest.raises(InputError, match=r"of the arrays \['other', 'scan/grey'\], got no name"):
        read(tmp_path / "a.zarr")


def test_arrays_can_be_named_in_every_format_that_holds_several():
    assert {suffix for suffix, one in FORMATS.items() if one.takes == "name"} == set(HOLD_SEVERAL)


def test_a_zarr_of_one_array(tmp_path, volume):
    zarr.create_array(tmp_path / "a.zarr", data=volume)
    found = read(tmp_path / "a.zarr")
    np.testing.assert_array_equal(found.image, volume)
    assert len(found.source["sha256"]) == 64


@pytest.mark.parametrize("name", ["a.zarr", "a.h5:/x"])
def test_blocks_that_were_never_written_are_said(tmp_path, volume, name):
    volume[2:] = 0
    if name == "a.zarr":
        array = zarr.create_array(tmp_path / name, shape=volume.shape, chunks=(1, 6, 9), dtype="u1")
        array[:2] = volume[:2]
    else:
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file.create_dataset("x", volume.shape, np.uint8, chunks=(1, 6, 9))
            file["x"][:2] = volume[:2]
    found = read(f"{tmp_path}/{name}")
    np.testing.assert_array_equal(found.image, volume)
    assert "2 of 4 blocks were never written" in found.source["notes"][0]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr_has_units_and_channels(tmp_path, volume, version):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.create_array("s0", data=np.stack([volume, volume + 1])[None])
    axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}]
    axes += [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]
    scale = {"type": "scale", "scale": [1, 1, 500, 250, 125]}
    image = {"axes": axes, "datasets": [{"path": "s0", "coordinateTransformations": [scale]}]}
    described = {"multiscales": [image]}
    group.attrs.update(described if version == "0.4" else {"ome": described})
    found = read(tmp_path / "a.zarr", channel=1)
    np.testing.assert_array_equal(found.image, volume + 1)
    assert found.voxel_size_um == pytest.approx((0.5, 0.25, 0.125))


@pytest.mark.parametrize("place", ["", "0", "labels/seg"])
def test_ome_zarr_in_groups_with_scales_of_all_levels_and_any_order(tmp_path, volume, place):
    root = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group = root.create_group(place) if place else root
    group.create_array("s0", data=volume.transpose(2, 1, 0))
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "xyz"]
    one = {"type": "scale", "scale": [1, 1, 1]}
    of_all = {"type": "scale", "scale": [0.125, 0.25, 0.5]}
    group.attrs["multiscales"] = [
        {
            "axes": axes,
            "datasets": [{"path": "s0", "coordinateTransformations": [one]}],
            "coordinateTransformations": [of_all],
        }
    ]
    sources = [f"{tmp_path}/a.zarr:/{place}", f"{tmp_path}/a.zarr:/{place}/s0".replace("//", "/")]
    sources += [f"{tmp_path}/a.zarr"] if place != "labels/seg" else []
    for source in sources:
        found = read(source)
        np.testing.assert_array_equal(found.image, volume)
        assert found.voxel_size_um == pytest.approx((0.5, 0.25, 0.125))


@pytest.mark.parametrize("cells", [True, False])
def test_vti_of_cells_or_points(tmp_path, volume, cells):
    import pyvista

    shape = np.array(volume.shape[::-1]) + cells
    grid = pyvista.ImageData(dimensions=shape, spacing=(0.125, 0.25, 0.5))
    (grid.cell_data if cells else grid.point_data)["grey"] = volume.ravel()
    grid.save(tmp_path / "a.vti")
    found = read(tmp_path / "a.vti")
    np.testing.assert_array_equal(found.image, volume)
    assert "VTK states a spacing of [0.5, 0.25, 0.125]" in found.source["notes"][0]
    (grid.cell_data if cells else grid.point_data)["more"] = volume.ravel() + 1
    grid.save(tmp_path / "a.vti")
    with pytest.raises(InputError, match=r"a\.vti: expected 'a.vti:name' .*\['grey', 'more'\]"):
        read(tmp_path / "a.vti")
    np.testing.assert_array_equal(read(f"{tmp_path}/a.vti:more").image, volume + 1)


def raw(**settings):
    return RawConfig(**{"dtype": "uint16", "byte_order": "big", "offset": 7, **settings})


def test_raw_numbers_with_a_header_in_the_configuration(tmp_path, volume, material_of):
    content = b"1234567" + volume.astype(">u2").tobytes()
    (tmp_path / "a.raw").write_bytes(content)
    found = read(tmp_path / "a.raw", raw=raw(shape=(4, 6, 9)))
    np.testing.assert_array_equal(found.image, volume)
    with pytest.raises(InputError, match=r"expected 331 bytes .*, got 439"):
        read(tmp_path / "a.raw", raw=raw(shape=(3, 6, 9)))
    with pytest.raises(ConfigError, match=r"say what they are, .* The file has 439 bytes"):
        read(tmp_path / "a.raw")


def test_a_folder_of_pictures_is_a_volume(tmp_path, volume):
    for number, plane in enumerate(volume):
        Image.fromarray(plane).save(tmp_path / f"scan-{number + 8}.png")
    (tmp_path / "readme.txt").write_text("of the microscope")
    found = read(tmp_path)
    np.testing.assert_array_equal(found.image, volume)  # 8, 9, 10, 11, and not 10, 11, 8, 9
    assert len(found.source["files"]) == 4


def write_swapped(path, plane):
    """Write a plane with a palette that shows it the other way round."""
    picture = Image.fromarray(plane).convert("P")
    picture.putpalette([255 - value // 3 for value in range(768)])
    picture.save(path)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["s_1_8bit", "s_2_8bit", "s_4_8bit"], r"got 3 from 1 to 4 without \[3\]"),
        (["s_1", "s_2", "overview"], "differ in a number, like 's_#', got 'overview'"),
        (["z0_ch0", "z0_ch1", "z1_ch0", "z1_ch1"], "differ in one number, got 2 that vary"),
        (["a_1", "b_1", "b_2"], "differ in a number, like 'b_#', got 'a_1'"),
    ],
)
def test_pictures_that_are_no_series_are_refused(tmp_path, volume, names, expected):
    for name in names:
        Image.fromarray(volume[0]).save(tmp_path / f"{name}.png")
    with pytest.raises(InputError, match=expected):
        read(tmp_path)


def test_a_folder_with_a_gap_or_of_two_kinds_is_refused(tmp_path, volume):
    for number in (0, 1, 3):
        Image.fromarray(volume[number]).save(tmp_path / f"{number:03d}.png")
    with pytest.raises(InputError, match=r"got 3 from 0 to 3 without \[2\]"):
        read(tmp_path)
    Image.fromarray(volume[2, :4]).save(tmp_path / "002.png")
    with pytest.raises(InputError, match=r"002.png: expected the shape \(6, 9\) and uint8"):
        read(tmp_path)
    write_swapped(tmp_path / "002.png", volume[2])
    with pytest.raises(InputError, match=r"002.png: its numbers mean something else than those"):
        read(tmp_path)
    Image.fromarray(volume[2]).save(tmp_path / "002.bmp")
    with pytest.raises(InputError, match=r"all of one kind .*, got .bmp, .png"):
        read(tmp_path)


@pytest.mark.parametrize(
    "suffix", ["nrrd", "mrc", "mha", "mhd", "vti", "nii", "nii.gz", "npz", "zarr"]
)
def test_other_content_than_the_suffix_says_is_refused(tmp_path, suffix):
    (tmp_path / f"a.{suffix}").write_bytes(b"a few words, no image\n" * 20)
    with pytest.raises(InputError, match="truncated or not what its suffix says"):
        read(tmp_path / f"a.{suffix}")
