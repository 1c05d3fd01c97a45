"""Reading: every format, voxel sizes in every unit, and every file that cannot be used."""

import hashlib

import h5py
import imageio.v3 as iio
import numpy as np
import pytest
import tifffile

from matvir.errors import ConfigError, InputError
from matvir.micrograph.reading import read_micrograph


@pytest.fixture
def grey(rng):
    """Grey image of 5 rows and 7 columns."""
    return rng.integers(0, 255, (5, 7)).astype(np.uint8)


def read(path, kind="grey", voxel_size_um=None):
    return read_micrograph(path, type=kind, voxel_size_um=voxel_size_um)


@pytest.mark.parametrize(
    "dtype", [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.float32, np.float64]
)
@pytest.mark.parametrize("shape", [(5, 7), (3, 5, 7)])
def test_tiff_of_every_type_keeps_values(tmp_path, rng, dtype, shape):
    image = (rng.random(shape) * 100).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack")
    found = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(found.image, image)
    assert found.image.dtype == dtype


@pytest.mark.parametrize("compression", ["lzw", "zlib", "packbits", "zstd"])
def test_compressed_stack_keeps_values(tmp_path, rng, compression):
    image = rng.integers(0, 60000, (4, 16, 32)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tiff", image, compression=compression, photometric="minisblack")
    np.testing.assert_array_equal(read(tmp_path / "a.tiff").image, image)


def test_big_endian_becomes_native(tmp_path, grey):
    tifffile.imwrite(tmp_path / "a.tif", grey.astype(">u2"), byteorder=">")
    found = read(tmp_path / "a.tif").image
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, grey)


def test_png_and_jpeg(tmp_path, grey):
    iio.imwrite(tmp_path / "a.png", grey)
    np.testing.assert_array_equal(read(tmp_path / "a.png").image, grey)
    ramp = np.tile(np.arange(0, 240, 10, dtype=np.uint8), (16, 1))
    iio.imwrite(tmp_path / "a.jpg", ramp, quality=95)
    np.testing.assert_allclose(read(tmp_path / "a.jpg").image, ramp, atol=4)


def test_png_of_16_bits(tmp_path, grey):
    image = grey.astype(np.uint16) * 256
    iio.imwrite(tmp_path / "a.png", image)
    np.testing.assert_array_equal(read(tmp_path / "a.png").image, image)


def test_npy_and_truth_values(tmp_path):
    mask = np.arange(24).reshape(2, 3, 4) % 3 == 0
    np.save(tmp_path / "a.npy", mask)
    found = read(tmp_path / "a.npy", "labels")
    np.testing.assert_array_equal(found.image, mask.astype(np.uint8))


def test_narrow_npy_volume_is_no_colour_image(tmp_path, rng):
    np.save(tmp_path / "a.npy", rng.random((4, 5, 3)))
    assert read(tmp_path / "a.npy").spatial_shape == (4, 5, 3)
    assert read(tmp_path / "a.npy", "rgb").spatial_shape == (4, 5)


def test_hdf5_dataset_with_element_size(tmp_path, rng):
    volume = rng.random((2, 3, 4))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["scan/grey"] = volume
        file["scan/grey"].attrs["element_size_um"] = (3.0, 2.0, 1.0)
    found = read(f"{tmp_path / 'a.h5'}:/scan/grey")
    np.testing.assert_array_equal(found.image, volume)
    assert found.voxel_size_um == (3.0, 2.0, 1.0)


def test_source_is_recorded(tmp_path, grey):
    tifffile.imwrite(tmp_path / "a.tif", grey)
    digest = hashlib.sha256((tmp_path / "a.tif").read_bytes()).hexdigest()
    assert read(str(tmp_path / "a.tif")).source == {
        "path": str(tmp_path / "a.tif"),
        "sha256": digest,
        "dtype": "uint8",
        "shape": [5, 7],
        "file_voxel_size_um": None,
        "voxel_size_from": None,
        "notes": [],
    }


def test_rgb_and_opaque_rgba_agree(tmp_path, rng):
    colours = rng.integers(0, 255, (5, 7, 3)).astype(np.uint8)
    opaque = np.dstack([colours, np.full((5, 7), 255, np.uint8)])
    iio.imwrite(tmp_path / "a.png", opaque)
    tifffile.imwrite(tmp_path / "a.tif", colours, photometric="rgb")
    for name in ("a.png", "a.tif"):
        found = read(tmp_path / name, "rgb")
        np.testing.assert_array_equal(found.image, colours)
        assert found.spatial_shape == (5, 7)


def test_planar_rgb_stack_has_colour_last(tmp_path, rng):
    colours = rng.integers(0, 255, (2, 3, 16, 32)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", colours, photometric="rgb", planarconfig="separate")
    found = read(tmp_path / "a.tif", "rgb")
    np.testing.assert_array_equal(found.image, np.moveaxis(colours, 1, -1))


@pytest.mark.parametrize(
    ("unit", "um"), [("nm", 1e-3), ("um", 1.0), ("\\u00B5m", 1.0), ("micron", 1.0), ("mm", 1e3)]
)
def test_imagej_voxel_size(tmp_path, rng, unit, um):
    volume = rng.integers(0, 255, (3, 5, 7)).astype(np.uint8)
    tifffile.imwrite(
        tmp_path / "a.tif",
        volume,
        imagej=True,
        resolution=(1 / 0.25, 1 / 0.5),
        metadata={"axes": "ZYX", "spacing": 2.0, "unit": unit},
    )
    assert read(tmp_path / "a.tif").voxel_size_um == pytest.approx((2 * um, 0.5 * um, 0.25 * um))


@pytest.mark.parametrize("metadata", [{}, {"unit": "pixel", "spacing": 1.0}])
def test_imagej_volume_without_unit_is_unknown(tmp_path, rng, metadata):
    volume = rng.integers(0, 255, (3, 5, 7)).astype(np.uint8)
    tifffile.imwrite(
        tmp_path / "a.tif",
        volume,
        imagej=True,
        resolution=(4, 4),
        metadata={"axes": "ZYX", **metadata},
    )
    assert read(tmp_path / "a.tif").voxel_size_um is None


@pytest.mark.parametrize(
    ("lines", "per_unit", "expected"),
    [
        # ImageJ does not write a spacing of 1, and units of other axes only where they differ.
        (("unit=micron",), 4, (1.0, 0.25, 0.25)),
        (("unit=nm", "zunit=\\u00B5m", "spacing=0.02"), 1 / 20, (0.02, 0.02, 0.02)),
        (("unit=mm", "yunit=um", "spacing=-0.5"), 2, (500.0, 0.5, 500.0)),
    ],
)
def test_imagej_units_and_spacing_as_imagej_reads_them(tmp_path, rng, lines, per_unit, expected):
    volume = rng.integers(0, 255, (3, 5, 7)).astype(np.uint8)
    text = "\n".join(["ImageJ=1.54f", "images=3", "slices=3", *lines, ""])
    tifffile.imwrite(
        tmp_path / "a.tif",
        volume,
        description=text,
        metadata=None,
        resolution=(per_unit, per_unit),
        photometric="minisblack",
    )
    found = read(tmp_path / "a.tif")
    assert found.voxel_size_um == pytest.approx(expected)
    assert found.source["voxel_size_from"] == "ImageJ's metadata"


def test_ome_voxel_size(tmp_path, rng):
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        rng.integers(0, 255, (3, 5, 7)).astype(np.uint8),
        metadata={
            "axes": "ZYX",
            "PhysicalSizeX": 40.0,
            "PhysicalSizeXUnit": "nm",
            "PhysicalSizeY": 0.05,
            "PhysicalSizeZ": 0.001,
            "PhysicalSizeZUnit": "mm",
        },
    )
    assert read(tmp_path / "a.ome.tif").voxel_size_um == pytest.approx((1.0, 0.05, 0.04))


@pytest.mark.parametrize(
    ("per_unit", "unit", "expected"),
    [
        (20_000, "CENTIMETER", (0.5, 0.5)),
        (300 / 2.54, "CENTIMETER", None),
        (10, "CENTIMETER", None),
        (100, "CENTIMETER", None),
        (20_000, "INCH", None),
        (20_000, "NONE", None),
    ],
)
def test_resolution_tags_count_only_in_centimetres(tmp_path, grey, per_unit, unit, expected):
    tifffile.imwrite(tmp_path / "a.tif", grey, resolution=(per_unit, per_unit), resolutionunit=unit)
    found = read(tmp_path / "a.tif").voxel_size_um
    assert found == (None if expected is None else pytest.approx(expected))


def test_given_voxel_size_wins_and_both_are_recorded(tmp_path, grey):
    tifffile.imwrite(
        tmp_path / "a.tif", grey, resolution=(20_000, 20_000), resolutionunit="CENTIMETER"
    )
    found = read(tmp_path / "a.tif", voxel_size_um=0.7)
    assert found.voxel_size_um == (0.7, 0.7)
    assert found.source["file_voxel_size_um"] == pytest.approx([0.5, 0.5])
    assert read(tmp_path / "a.tif", voxel_size_um=[0.1, 0.2]).voxel_size_um == (0.1, 0.2)


@pytest.mark.parametrize("size", [0.0, -1.0, [1.0, 2.0, 3.0], float("nan")])
def test_voxel_size_that_does_not_fit(tmp_path, grey, size):
    np.save(tmp_path / "a.npy", grey)
    with pytest.raises(ConfigError, match="voxel_size_um: expected one positive number or 2"):
        read(tmp_path / "a.npy", voxel_size_um=size)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="there is no such file"):
        read(tmp_path / "a.tif")


def test_a_folder_without_pictures(tmp_path):
    with pytest.raises(InputError, match=r"whose pictures are the planes .* got none of 0"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.jpg", "a.npy", "a.h5:/x"])
def test_empty_file(tmp_path, name):
    (tmp_path / name.split(":", maxsplit=1)[0]).touch()
    with pytest.raises(InputError, match="empty \\(0 bytes\\)"):
        read(f"{tmp_path}/{name}")


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.jpg", "a.npy", "a.h5"])
@pytest.mark.parametrize("keep", [0.02, 0.5])
def test_truncated_file(tmp_path, rng, name, keep):
    image = rng.integers(0, 255, (64, 96)).astype(np.uint8)
    path = tmp_path / name
    if name == "a.h5":
        with h5py.File(path, "w") as file:
            file["x"] = image
    elif name == "a.npy":
        np.save(path, image)
    elif name == "a.tif":
        tifffile.imwrite(path, image)
    else:
        iio.imwrite(path, image)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(InputError, match="truncated or not what its suffix says"):
        read(f"{path}:/x" if name == "a.h5" else path)


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.jpg", "a.npy", "a.h5:/x"])
def test_other_content_than_the_suffix_says(tmp_path, name):
    (tmp_path / name.split(":", maxsplit=1)[0]).write_text("a few words, no image\n" * 20)
    with pytest.raises(InputError, match="truncated or not what its suffix says"):
        read(f"{tmp_path}/{name}")


def test_pickled_npy_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}, {}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="Python objects"):
        read(tmp_path / "a.npy")


def test_unsupported_suffix(tmp_path):
    (tmp_path / "a.webp").write_bytes(b"RIFF")
    with pytest.raises(InputError, match=r"got '.webp'. Save the image as TIFF"):
        read(tmp_path / "a.webp")


@pytest.mark.parametrize(
    ("dataset", "got"), [("", "no dataset"), (":/scan", "'/scan'"), (":/b", "'/b'")]
)
def test_hdf5_without_dataset_lists_what_exists(tmp_path, grey, dataset, got):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["scan/grey"] = grey
        file["other"] = grey
    with pytest.raises(InputError, match=rf"got .*{got}.*\['/other', '/scan/grey'\]"):
        read(f"{tmp_path / 'a.h5'}{dataset}")


def test_no_pixels(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((0, 7)))
    with pytest.raises(InputError, match=r"no pixels \(shape \(0, 7\)\)"):
        read(tmp_path / "a.npy")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_or_infinite_values(tmp_path, rng, bad):
    image = rng.random((5, 7))
    image[2, 3:5] = bad
    np.save(tmp_path / "a.npy", image)
    with pytest.raises(InputError, match="2 of 35 values are NaN or infinite"):
        read(tmp_path / "a.npy")


@pytest.mark.parametrize("kind", ["grey", "labels"])
def test_constant_image(tmp_path, kind):
    np.save(tmp_path / "a.npy", np.full((5, 7), 9, np.uint8))
    with pytest.raises(InputError, match="all 35 values are 9"):
        read(tmp_path / "a.npy", kind)


@pytest.mark.parametrize("shape", [(35,), (2, 3, 4, 5)])
def test_wrong_axis_count(tmp_path, rng, shape):
    np.save(tmp_path / "a.npy", rng.random(shape))
    with pytest.raises(InputError, match=f"got {len(shape)} axes"):
        read(tmp_path / "a.npy")


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("kind", ["grey", "labels"])
def test_colours_that_are_grey_are_one_value(tmp_path, grey, name, kind):
    write_colours(tmp_path / name, np.dstack([grey] * 3))
    np.testing.assert_array_equal(read(tmp_path / name, kind).image, grey)


def write_colours(path, colours):
    if path.suffix == ".png":
        iio.imwrite(path, colours)
    else:
        tifffile.imwrite(path, colours, photometric="rgb")


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_rgb_where_grey_is_expected(tmp_path, grey, name):
    colours = np.dstack([grey, grey, 255 - grey])
    write_colours(tmp_path / name, colours)
    with pytest.raises(InputError, match=r"got colours .*Set 'type: rgb'"):
        read(tmp_path / name)
    # The advice, and the other one: one of its channels.
    np.testing.assert_array_equal(read(tmp_path / name, "rgb").image, colours)
    third = read_micrograph(tmp_path / name, type="grey", voxel_size_um=None, channel=2)
    np.testing.assert_array_equal(third.image, 255 - grey)


def test_grey_where_rgb_is_expected(tmp_path, grey):
    iio.imwrite(tmp_path / "a.png", grey)
    with pytest.raises(InputError, match="Set 'type: grey'"):
        read(tmp_path / "a.png", "rgb")


def test_transparent_pixels(tmp_path, rng):
    colours = rng.integers(0, 255, (5, 8, 4)).astype(np.uint8)
    colours[..., 3] = 255
    colours[:, :2, 3] = 0
    iio.imwrite(tmp_path / "a.png", colours)
    with pytest.raises(InputError, match=r"25.0% of the pixels are transparent"):
        read(tmp_path / "a.png", "rgb")


def test_complex_values(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((5, 7), complex))
    with pytest.raises(InputError, match="got values of complex128"):
        read(tmp_path / "a.npy")


def test_several_images_in_one_tiff(tmp_path, grey):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        tiff.write(grey)
        tiff.write(grey[:3])
    with pytest.raises(InputError, match=r"got 2 images \(1 of the shape \(5, 7\), 1 of"):
        read(tmp_path / "a.tif")


def test_too_many_values_for_labels(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(300).reshape(15, 20))
    with pytest.raises(InputError, match=r"got 300\. JPEG compression .*set 'type: grey'"):
        read(tmp_path / "a.npy", "labels")


def test_labels_as_whole_floats_are_fine_and_others_are_not(tmp_path):
    labels = np.array([[0.0, 1.0], [2.0, 1.0]])
    np.save(tmp_path / "a.npy", labels)
    np.testing.assert_array_equal(read(tmp_path / "a.npy", "labels").image, labels)
    np.save(tmp_path / "a.npy", labels / 4)
    with pytest.raises(InputError, match=r"expected whole numbers as labels, got 0.25"):
        read(tmp_path / "a.npy", "labels")


def test_unknown_type(tmp_path):
    with pytest.raises(ConfigError, match="type: expected one of"):
        read(tmp_path / "a.npy", "gray")


def test_every_real_file_is_read(shared_data):
    files = sorted(shared_data.glob("*_*d_*.tif")) + sorted(shared_data.glob("*.png"))
    assert files
    for path in files:
        kind = "grey" if path.name.startswith("raw_") else "labels"
        assert read(path, kind).image.ndim in (2, 3)


@pytest.mark.parametrize(
    ("given", "expected"), [(None, (0.2, 0.25, 0.2)), ([0.5, 0.4], (0.4, 0.5, 0.4))]
)
def test_between_micrographs_of_a_stack_there_is_no_distance(tmp_path, rng, given, expected):
    labels = rng.integers(0, 2, (4, 6, 5), dtype=np.uint8)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = labels
        file["x"].attrs["element_size_um"] = (9.0, 0.25, 0.2)
    source = f"{tmp_path}/a.h5:/x"
    read = read_micrograph(source, type="labels", voxel_size_um=given, stack=True)
    assert read.voxel_size_um == expected
    with pytest.raises(ConfigError, match="one positive number or 2 for"):
        read_micrograph(source, type="labels", voxel_size_um=[1.0, 0.5, 0.4], stack=True)


def test_a_data_set_is_named_with_or_without_a_slash(tmp_path, rng):
    image = rng.random((6, 7))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["folder/x"] = image
    for name in ("/folder/x", "folder/x"):
        np.testing.assert_array_equal(read(f"{tmp_path}/a.h5:{name}").image, image)


def test_pages_in_a_circle_are_refused(tmp_path, rng):
    """The last of three pages says that the first one comes next."""
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        for _ in range(3):
            writer.write(rng.integers(0, 9, (4, 5), dtype=np.uint8), contiguous=False)
    with tifffile.TiffFile(path) as tiff:
        first, last = (tiff.pages[index].offset for index in (0, 2))
        after = last + 2 + 12 * len(tiff.pages[2].tags)
    content = bytearray(path.read_bytes())
    content[after : after + 4] = first.to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(InputError, match="page 3 is an earlier one again"):
        read(path)


def test_a_page_of_parts_that_are_not_there_is_refused(tmp_path, rng):
    """Tags say ten million rows, in strips of which one is there: none is made up."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, rng.integers(0, 9, (4, 5), dtype=np.uint8), rowsperstrip=4)
    with tifffile.TiffFile(path, mode="r+b") as tiff:
        tiff.pages[0].tags["ImageLength"].overwrite(10_000_000)
    with pytest.raises(InputError, match="1 of 2500000 parts of it"):
        read(path)


@pytest.mark.parametrize("name", ["a.npy", "a.h5"])
def test_what_says_to_be_gigabytes_is_refused_before_it_is_decoded(tmp_path, name):
    path = tmp_path / name
    if name == "a.npy":
        np.save(path, np.zeros((3, 4), np.uint8))
        content = path.read_bytes().replace(b"(3, 4), }", b"(300000, 40000), }"[:18])
        path.write_bytes(content)
        expected = "truncated"
    else:
        with h5py.File(path, "w") as file:
            file.create_dataset("a", (300_000, 40_000), np.uint8, chunks=(10, 10))
        expected = r"states 12 GB \(shape \(300000, 40000\)\) in a file of \d+ bytes"
    with pytest.raises(InputError, match=expected):
        read(f"{path}:/a" if name == "a.h5" else path)


@pytest.mark.parametrize("way", ["external", "virtual", "link"])
def test_no_other_file_is_read_through_hdf5(tmp_path, way):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(range(20)))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["b"] = np.arange(20, dtype=np.uint8).reshape(4, 5)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        if way == "external":
            file.create_dataset("a", (4, 5), np.uint8, external=[(str(secret), 0, 20)])
        elif way == "virtual":
            layout = h5py.VirtualLayout((4, 5), np.uint8)
            layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "b", (4, 5))
            file.create_virtual_dataset("a", layout)
        else:
            file["a"] = h5py.ExternalLink(tmp_path / "other.h5", "b")
    with pytest.raises(InputError, match=r"which lies in another file|no such|the file holds"):
        read(f"{tmp_path / 'a.h5'}:/a")
