"""What numbers of a file mean: channels, palettes, white as zero, alpha; for images and labels."""

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from matvir.errors import ConfigError, InputError
from matvir.micrograph.reading import read_micrograph


def read(path, kind="grey", **how):
    return read_micrograph(path, type=kind, voxel_size_um=None, **how)


@pytest.fixture
def labels(rng):
    """Three labels on 12 rows and 16 columns."""
    return rng.integers(0, 3, (12, 16)).astype(np.uint8)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_as_zero_is_seen_as_it_is_shown(tmp_path, rng, dtype, caplog):
    image = rng.integers(0, np.iinfo(dtype).max, (6, 9)).astype(dtype)
    full = np.iinfo(dtype).max
    tifffile.imwrite(tmp_path / "a.tif", full - image, photometric="miniswhite")
    np.testing.assert_array_equal(read(tmp_path / "a.tif").image, image)
    assert "shows zero white, so its values are reversed" in caplog.text


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_signed_values_with_white_as_zero_are_reversed(tmp_path, rng, dtype):
    image = rng.integers(-300, 300, (6, 9)).astype(dtype)
    image[0, 0] = -32768
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="miniswhite")
    order = read(tmp_path / "a.tif").image.ravel().argsort(kind="stable")
    assert (np.diff(image.ravel()[order].astype(float)) <= 0).all()


def test_a_mask_is_what_is_shown_and_labels_are_numbers(tmp_path, labels, caplog):
    mask = labels > 0
    tifffile.imwrite(tmp_path / "a.tif", ~mask, photometric="miniswhite")
    np.testing.assert_array_equal(read(tmp_path / "a.tif", "labels").image, mask)
    tifffile.imwrite(tmp_path / "b.tif", 255 * (~mask).astype(np.uint8), photometric="miniswhite")
    np.testing.assert_array_equal(read(tmp_path / "b.tif", "labels").image, 255 * mask)
    tifffile.imwrite(tmp_path / "c.tif", labels, photometric="miniswhite")
    caplog.clear()
    np.testing.assert_array_equal(read(tmp_path / "c.tif", "labels").image, labels)
    assert "its labels are the numbers as they are stored" in caplog.text


def indexed(path, indices, colours):
    picture = Image.fromarray(indices).convert("P")
    picture.putpalette([value for colour in colours for value in colour])
    picture.save(path)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.gif", "a.bmp"])
def test_a_palette_of_grey_is_brightness_for_images_and_indices_for_labels(tmp_path, labels, name):
    brightness = np.array([60, 220, 140], np.uint8)
    indexed(tmp_path / name, labels, [(value,) * 3 for value in brightness])
    np.testing.assert_array_equal(read(tmp_path / name).image, brightness[labels])
    np.testing.assert_array_equal(read(tmp_path / name, "labels").image, labels)


def test_a_palette_of_colours_is_for_colours_and_labels(tmp_path, labels):
    colours = np.array([[0, 0, 0], [128, 0, 0], [0, 128, 0]], np.uint8)
    indexed(tmp_path / "a.png", labels, colours)
    np.testing.assert_array_equal(read(tmp_path / "a.png", "rgb").image, colours[labels])
    np.testing.assert_array_equal(read(tmp_path / "a.png", "labels").image, labels)
    coded = read(tmp_path / "a.png", "labels", colour_labels=True)
    assert coded.colour_coded
    np.testing.assert_array_equal(coded.image, np.array([0, 0x800000, 0x008000])[labels])
    expected = r"got colours of a lookup table, which a viewer can set to grey.*'type: labels' if"
    with pytest.raises(InputError, match=expected):
        read(tmp_path / "a.png")


def test_an_index_without_a_colour_is_refused(tmp_path, labels):
    picture = Image.fromarray(labels * np.uint8(100)).convert("P")
    picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.save(tmp_path / "a.bmp")
    content = bytearray((tmp_path / "a.bmp").read_bytes())
    content[46:50] = (2).to_bytes(4, "little")  # as many colours as it says
    start = int.from_bytes(content[10:14], "little")
    content[10:14] = (54 + 2 * 4).to_bytes(4, "little")
    (tmp_path / "a.bmp").write_bytes(content[: 54 + 2 * 4] + content[start:])
    with pytest.raises(InputError, match="expected indices of its 2 colours, got 200"):
        read(tmp_path / "a.bmp")


def test_labels_of_colours_are_refused_with_what_was_found(tmp_path, labels):
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    Image.fromarray(colours[np.minimum(labels, 1)]).save(tmp_path / "a.png")
    share = np.mean(labels > 0)
    expected = rf"got colours: #00ff00 \({share:.2%}\), #ff0000 .*Say which phase each is"
    with pytest.raises(InputError, match=expected):
        read(tmp_path / "a.png", "labels")


@pytest.mark.parametrize("shape", [(12, 16, 1), (1, 12, 16), (1, 12, 16, 1), (12, 1, 16, 1)])
@pytest.mark.parametrize("name", ["a.npy", "a.h5", "a.tif", "a.npz"])
def test_axes_of_length_one_are_dropped_alike_for_all(tmp_path, labels, shape, name):
    array = labels.reshape(shape)
    path, source = tmp_path / name, str(tmp_path / name)
    if name == "a.npy":
        np.save(path, array)
    elif name == "a.npz":
        np.savez(path, array)
    elif name == "a.h5":
        source += ":/x"
        with h5py.File(path, "w") as file:
            file["x"] = array
    else:
        tifffile.imwrite(path, array, photometric="minisblack", metadata=None)
    np.testing.assert_array_equal(read(source, "labels").image, labels)


def write_channels(path, channels, axes):
    tifffile.imwrite(path, channels, imagej=True, metadata={"axes": axes})


def test_several_detectors_need_a_choice(tmp_path, rng):
    channels = rng.integers(0, 255, (2, 12, 16)).astype(np.uint8)
    write_channels(tmp_path / "a.tif", channels, "CYX")
    with pytest.raises(InputError, match=r"got 2 channels. Set 'channel' to the one to use"):
        read(tmp_path / "a.tif")
    for channel in (0, 1):
        found = read(tmp_path / "a.tif", channel=channel).image
        np.testing.assert_array_equal(found, channels[channel])
    for channel in (2, -1, "planes2"):
        with pytest.raises(ConfigError, match=r"channel: expected 0 \.\. 1"):
            read(tmp_path / "a.tif", channel=channel)


def test_planes_that_are_stored_as_channels_are_read_when_asked(tmp_path, rng):
    volume = rng.integers(0, 255, (20, 12, 16)).astype(np.uint8)
    write_channels(tmp_path / "a.tif", volume, "CYX")
    with pytest.raises(InputError, match=r"got 20 channels. Set 'channel: planes' if they are the"):
        read(tmp_path / "a.tif")
    np.testing.assert_array_equal(read(tmp_path / "a.tif", channel="planes").image, volume)
    write_channels(tmp_path / "a.tif", volume, "TYX")
    np.testing.assert_array_equal(read(tmp_path / "a.tif").image, volume)


def test_one_detector_of_a_volume_is_a_volume(tmp_path, rng):
    volume = rng.integers(0, 255, (5, 2, 12, 16)).astype(np.uint8)
    write_channels(tmp_path / "a.tif", volume, "ZCYX")
    found = read(tmp_path / "a.tif", channel=1).image
    np.testing.assert_array_equal(found, volume[:, 1])
    with pytest.raises(ConfigError, match="'planes' is for a 2D image with channels"):
        read(tmp_path / "a.tif", channel="planes")


def test_a_channel_of_an_image_with_one_is_refused(tmp_path, labels):
    np.save(tmp_path / "a.npy", labels)
    with pytest.raises(ConfigError, match="channel: expected null, as there is one"):
        read(tmp_path / "a.npy", channel=0)
