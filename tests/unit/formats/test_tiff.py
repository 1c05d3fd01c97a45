"""TIFF: every plane or none, values with their meaning, whoever wrote the file."""

import numpy as np
import pytest
import tifffile

from matvir.errors import InputError
from matvir.formats.tiff import read_tiff
from matvir.micrograph.reading import read_micrograph


@pytest.fixture
def volume(rng):
    """A volume of 6 planes, 20 rows and 30 columns."""
    return rng.integers(0, 200, (6, 20, 30)).astype(np.uint8)


def ome(blocks, shape, *, uuid="", channels=1):
    """Return OME-XML of a volume whose planes are where ``blocks`` say."""
    depth, height, width = shape
    names = "".join(f'<Channel ID="C:{i}" SamplesPerPixel="1"/>' for i in range(channels))
    return (
        f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"{uuid}><Image ID="I:0">'
        f'<Pixels ID="P:0" DimensionOrder="XYZCT" Type="uint8" SizeX="{width}" SizeY="{height}" '
        f'SizeZ="{depth}" SizeC="{channels}" SizeT="1">{names}{blocks}</Pixels></Image></OME>'
    )


def write_set(folder, volume, file_of):
    """Write a volume to several OME-TIFF files, each of which lists all of them."""
    uuids = [f"urn:uuid:{i}" for i in range(max(file_of) + 1)]
    blocks = "".join(
        f'<TiffData IFD="{file_of[:z].count(i)}" FirstZ="{z}" PlaneCount="1">'
        f'<UUID FileName="part{i}.ome.tif">{uuids[i]}</UUID></TiffData>'
        for z, i in enumerate(file_of)
    )
    for i, uuid in enumerate(uuids):
        mine = volume[[z for z, other in enumerate(file_of) if other == i]]
        text = ome(blocks, volume.shape, uuid=f' UUID="{uuid}"')
        tifffile.imwrite(
            folder / f"part{i}.ome.tif",
            mine,
            description=text,
            metadata=None,
            photometric="minisblack",
        )


@pytest.mark.parametrize("file_of", [[0, 0, 0, 1, 1, 1], [0, 1] * 3, list(range(6))])
def test_a_set_of_ome_files_is_read_whole_from_any_of_them(tmp_path, volume, file_of):
    write_set(tmp_path, volume, file_of)
    for name in ("part0.ome.tif", "part1.ome.tif"):
        found = read_tiff(tmp_path / name)
        np.testing.assert_array_equal(found.array, volume)
        assert len(found.files) == max(file_of) + 1


def test_a_link_of_another_name_is_one_file(tmp_path, volume):
    tifffile.imwrite(tmp_path / "a.tif", volume)
    (tmp_path / "link.tif").symlink_to("a.tif")
    assert read_tiff(tmp_path / "link.tif").files == ()


def test_a_set_of_ome_files_is_refused_where_one_is_missing(tmp_path, volume):
    write_set(tmp_path, volume, [0, 0, 0, 1, 1, 1])
    (tmp_path / "part1.ome.tif").unlink()
    with pytest.raises(InputError, match=r"one of a set of 2 OME-TIFF files, of which 1 are not"):
        read_tiff(tmp_path / "part0.ome.tif")
    # The advice: put it beside.
    write_set(tmp_path, volume, [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(read_tiff(tmp_path / "part0.ome.tif").array, volume)


def test_a_set_never_leads_out_of_its_folder(tmp_path, volume):
    (tmp_path / "in").mkdir()
    tifffile.imwrite(tmp_path / "other.tif", volume)
    blocks = (
        '<TiffData IFD="0" FirstZ="0" PlaneCount="6"><UUID FileName="../other.tif">a</UUID>'
        "</TiffData>"
    )
    text = ome(blocks, volume.shape, uuid=' UUID="b"')
    tifffile.imwrite(tmp_path / "in/a.tif", volume, description=text, metadata=None)
    with pytest.raises(InputError, match=r"not in its folder \(\.\./other\.tif\)"):
        read_tiff(tmp_path / "in/a.tif")


def test_a_file_that_another_describes_is_refused_by_that_name(tmp_path, volume):
    text = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        '<BinaryOnly MetadataFile="set.companion.ome" UUID="urn:uuid:0"/></OME>'
    )
    tifffile.imwrite(tmp_path / "a.tif", volume, description=text, metadata=None)
    with pytest.raises(InputError, match=r"part of a set .* 'set.companion.ome' describes"):
        read_tiff(tmp_path / "a.tif")


def test_pages_that_were_appended_are_planes(tmp_path, volume):
    for plane in volume:
        tifffile.imwrite(tmp_path / "a.tif", plane, append=True)
    found = read_tiff(tmp_path / "a.tif")
    np.testing.assert_array_equal(found.array, volume)
    assert found.channels == "none"


def test_images_of_different_sizes_are_counted(tmp_path, volume):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        for plane in (volume[0], volume[1], volume[2, ::2]):
            tiff.write(plane)
    expected = r"got 3 images \(2 of the shape \(20, 30\), 1 of the shape \(10, 30\)\)"
    with pytest.raises(InputError, match=expected):
        read_tiff(tmp_path / "a.tif")


def write_pages(path, volume):
    with tifffile.TiffWriter(path) as tiff:
        for plane in volume:
            tiff.write(plane, metadata=None, photometric="minisblack", contiguous=False)


def write_imagej(path, volume):
    tifffile.imwrite(path, volume, imagej=True, metadata={"axes": "ZYX"})


def write_ome(path, volume):
    tifffile.imwrite(
        path,
        volume,
        description=ome("<TiffData/>", volume.shape),
        metadata=None,
        photometric="minisblack",
        compression="zlib",
    )


def write_big(path, volume):
    tifffile.imwrite(path, volume, bigtiff=True, photometric="minisblack", rowsperstrip=5)


def write_with_pillow(path, volume):
    from PIL import Image

    first, *others = map(Image.fromarray, volume)
    first.save(path, save_all=True, append_images=others)


def write_large_imagej(path, volume):
    """All planes behind one page, as ImageJ writes stacks of more than 4 GB."""
    text = f"ImageJ=1.54f\nimages={len(volume)}\nslices={len(volume)}\n"
    tifffile.imwrite(path, volume[0], description=text, metadata=None, photometric="minisblack")
    with path.open("ab") as file:
        file.write(volume[1:].tobytes())


WRITERS = [
    write_pages,
    write_imagej,
    write_ome,
    write_big,
    write_with_pillow,
    write_large_imagej,
]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("percent", [25, 50, 75, 95, 99])
def test_a_stack_is_read_whole_or_refused(tmp_path, rng, write, percent):
    path = tmp_path / "a.tif"
    volume = rng.integers(0, 200, (12, 40, 50)).astype(np.uint8)
    write(path, volume)
    np.testing.assert_array_equal(read_tiff(path).array, volume)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * percent // 100])
    with pytest.raises(InputError, match="truncated"):
        read_micrograph(path, type="grey", voxel_size_um=None)


def test_planes_that_imagej_counts_and_the_file_lacks_are_named(tmp_path, volume):
    path = tmp_path / "a.tif"
    write_large_imagej(path, volume)
    path.write_bytes(path.read_bytes()[: -2 * volume[0].size - 1])
    with pytest.raises(InputError, match="its header states 6 planes, got 3"):
        read_tiff(path)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_palette_comes_with_the_indices(tmp_path, dtype):
    indices = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    colours = np.zeros((3, 256), np.uint16)
    colours[:, :3] = np.array([[60, 220, 140]] * 3) * (257 if dtype == np.uint16 else 1)
    tifffile.imwrite(tmp_path / "a.tif", indices, photometric="palette", colormap=colours)
    found = read_tiff(tmp_path / "a.tif")
    np.testing.assert_array_equal(found.array, indices)
    np.testing.assert_array_equal(found.palette[:3], [[60] * 3, [220] * 3, [140] * 3])


@pytest.mark.parametrize(
    ("dtype", "black"), [(bool, 1), (np.uint8, 255), (np.uint16, 65535), (np.float32, 0)]
)
def test_white_as_zero_is_told(tmp_path, dtype, black):
    image = np.arange(20).reshape(4, 5) % 3
    tifffile.imwrite(tmp_path / "a.tif", image.astype(dtype), photometric="miniswhite")
    assert read_tiff(tmp_path / "a.tif").black == black
    tifffile.imwrite(tmp_path / "a.tif", image.astype(dtype), photometric="minisblack")
    assert read_tiff(tmp_path / "a.tif").black is None


def test_channels_of_detectors_are_no_colours(tmp_path, rng):
    channels = rng.integers(0, 255, (2, 20, 30)).astype(np.uint8)
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        channels,
        description=ome("<TiffData/>", (1, 20, 30), channels=2),
        metadata=None,
        photometric="minisblack",
    )
    found = read_tiff(tmp_path / "a.ome.tif")
    assert found.channels == "detectors"
    np.testing.assert_array_equal(found.array, np.moveaxis(channels, 0, -1))


@pytest.mark.parametrize("name", ["separated", "cielab"])
def test_colours_of_printers_are_refused(tmp_path, rng, name):
    bands = 4 if name == "separated" else 3
    image = rng.integers(0, 255, (8, 9, bands)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric=name)
    with pytest.raises(InputError, match=f"got {name.upper()} colours. Save it as RGB or grey"):
        read_tiff(tmp_path / "a.tif")


def test_the_orientation_of_a_tiff_turns_it(tmp_path, rng):
    image = rng.integers(0, 255, (4, 7)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", image, extratags=[(274, 3, 1, 3, True)])
    found = read_tiff(tmp_path / "a.tif")
    np.testing.assert_array_equal(found.array, image[::-1, ::-1])
    assert "orientation (3)" in found.notes[0]


def test_rows_and_columns_come_last_whatever_the_order_of_the_axes(tmp_path, volume):
    tifffile.imwrite(tmp_path / "a.tif", volume.transpose(1, 2, 0).copy(), metadata={"axes": "YXZ"})
    np.testing.assert_array_equal(read_tiff(tmp_path / "a.tif").array, volume)


def test_two_images_of_one_ome_file_are_no_volume(tmp_path, volume):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as tiff:
        for name, plane in zip(("SE", "BSE"), volume, strict=False):
            tiff.write(plane, metadata={"axes": "YX", "Name": name})
    with pytest.raises(InputError, match=r"got 2 images \(SE, BSE\)"):
        read_tiff(tmp_path / "a.ome.tif")


@pytest.mark.parametrize("dots", [72, 96, 300])
def test_a_print_resolution_that_went_through_a_program_is_no_size(tmp_path, volume, dots):
    how = {"imagej": True, "resolution": (dots, dots), "metadata": {"unit": "inch"}}
    tifffile.imwrite(tmp_path / "a.tif", volume[0], **how)
    found = read_tiff(tmp_path / "a.tif")
    assert found.voxel_size is None
    assert f"{dots} dots per inch" in found.notes[0]
    size = {"PhysicalSizeX": 25400 / dots, "PhysicalSizeY": 25400 / dots}
    tifffile.imwrite(tmp_path / "b.ome.tif", volume[0], metadata={"axes": "YX", **size})
    assert read_tiff(tmp_path / "b.ome.tif").voxel_size is None


def test_a_volume_without_a_distance_of_planes_says_so(tmp_path, volume):
    size = {"PhysicalSizeX": 0.05, "PhysicalSizeY": 0.05}
    tifffile.imwrite(tmp_path / "a.ome.tif", volume, metadata={"axes": "ZYX", **size})
    found = read_tiff(tmp_path / "a.ome.tif")
    assert found.voxel_size is None
    assert "pixels of 0.05 um and no distance of planes" in found.notes[0]
