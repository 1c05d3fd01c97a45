"""PNG, JPEG, BMP and GIF."""

import numpy as np
import pytest
from PIL import Image

from matvir.errors import InputError
from matvir.formats.picture import read_picture


@pytest.fixture
def grey(rng):
    """Grey image of 6 rows and 9 columns."""
    return rng.integers(0, 255, (6, 9)).astype(np.uint8)


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.gif"])
def test_grey_values_are_kept(tmp_path, grey, name):
    Image.fromarray(grey).save(tmp_path / name)
    found = read_picture(tmp_path / name)
    values = found.array if found.palette is None else found.palette[found.array][..., 0]
    np.testing.assert_array_equal(values, grey)


@pytest.mark.parametrize("name", ["a.png", "a.bmp"])
def test_a_mask_of_single_bits_is_read(tmp_path, grey, name):
    Image.fromarray(grey > 100).save(tmp_path / name)
    np.testing.assert_array_equal(read_picture(tmp_path / name).array, grey > 100)


def test_a_palette_comes_with_the_indices(tmp_path):
    indices = np.array([[0, 1, 2], [2, 2, 0]], np.uint8)
    picture = Image.fromarray(indices).convert("P")
    picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    picture.save(tmp_path / "a.png")
    found = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(found.array, indices)
    np.testing.assert_array_equal(found.palette[:3], [[0, 0, 0], [128, 0, 0], [0, 128, 0]])


@pytest.mark.parametrize("bands", [2, 3, 4])
def test_sixteen_bits_a_channel_are_kept(tmp_path, rng, bands):
    from imagecodecs import png_encode

    image = rng.integers(0, 65535, (6, 9, bands)).astype(np.uint16)
    (tmp_path / "a.png").write_bytes(png_encode(image))
    found = read_picture(tmp_path / "a.png")
    assert found.channels == "colours"
    np.testing.assert_array_equal(found.array, image)


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.T),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: a[::-1, ::-1].T),
        (8, lambda a: np.rot90(a, 1)),
    ],
)
def test_an_image_is_turned_as_viewers_turn_it(tmp_path, grey, orientation, expected):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(grey).save(tmp_path / "a.png", exif=exif)
    found = read_picture(tmp_path / "a.png").array
    np.testing.assert_array_equal(found, expected(grey))
    with Image.open(tmp_path / "a.png") as picture:
        np.testing.assert_array_equal(found, np.asarray(ImageOps.exif_transpose(picture)))


def test_frames_of_a_gif_are_planes(tmp_path, rng):
    volume = rng.integers(0, 255, (4, 6, 9)).astype(np.uint8)
    first, *others = map(Image.fromarray, volume)
    first.save(tmp_path / "a.gif", save_all=True, append_images=others)
    found = read_picture(tmp_path / "a.gif")
    assert found.channels == "colours"
    np.testing.assert_array_equal(found.array[..., 0], volume)


def test_colours_for_a_printer_are_refused(tmp_path, rng):
    image = rng.integers(0, 255, (8, 9, 4)).astype(np.uint8)
    Image.fromarray(image, mode="CMYK").save(tmp_path / "a.jpg")
    with pytest.raises(InputError, match=r"got CMYK colours. Save it as RGB or grey"):
        read_picture(tmp_path / "a.jpg")


def test_a_large_picture_is_no_attack(tmp_path, grey, monkeypatch):
    Image.fromarray(grey).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png").array, grey)
    assert Image.MAX_IMAGE_PIXELS == 10


@pytest.mark.parametrize("bits", [2, 4])
def test_numbers_of_few_bits_are_those_that_are_stored(tmp_path, rng, bits):
    import struct
    import zlib

    stored = rng.integers(0, 2**bits, (5, 8)).astype(np.uint8)
    each = np.unpackbits(stored[..., None], axis=-1)[..., -bits:].reshape(5, -1)
    rows = b"".join(b"\0" + row.tobytes() for row in np.packbits(each, axis=1))

    def chunk(name, content):
        check = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + check

    header = struct.pack(">IIBBBBB", 8, 5, bits, 0, 0, 0, 0)
    (tmp_path / "a.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png").array, stored)


def test_of_a_jpeg_with_a_second_picture_behind_the_first_counts(tmp_path, grey):
    first = Image.fromarray(np.tile(grey, (8, 8)))
    first.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[first])
    assert read_picture(tmp_path / "a.jpg").array.shape == (48, 72)


@pytest.mark.parametrize("disposal", [0, 2])
@pytest.mark.parametrize("edge", [14, 30000])
def test_a_frame_larger_than_its_picture_is_refused_before_it_is_decoded(
    tmp_path, rng, edge, disposal
):
    frames = [Image.fromarray(rng.integers(0, 9, (8, 11)).astype(np.uint8)) for _ in range(3)]
    path = tmp_path / "a.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], disposal=disposal)
    content = path.read_bytes()
    place = content.index(b"\x2c", content.index(b"\x2c") + 1)  # of the second frame's descriptor
    width = place + 5
    path.write_bytes(content[:width] + edge.to_bytes(2, "little") * 2 + content[width + 4 :])
    with pytest.raises(InputError, match=r"at most 11 x 8 pixels.*larger one \(frame 1\)"):
        read_picture(path)
