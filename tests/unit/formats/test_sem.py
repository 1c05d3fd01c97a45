"""Headers and text files of scanning electron microscopes."""

import numpy as np
import pytest
import tifffile

from matvir.formats.sem import sidecar_pixel_size
from matvir.formats.tiff import read_tiff

FEI = "[Scan]\r\nPixelWidth=2.48e-08\r\nPixelHeight=2.5e-08\r\n[Image]\r\nResolutionX=9\r\n"
ZEISS = "\r\n0\r\n0\r\n0\r\n2.5e-008\r\n\r\nAP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = {}\r\n"


@pytest.fixture
def grey(rng):
    """Grey image of 8 rows and 9 columns."""
    return rng.integers(0, 255, (8, 9)).astype(np.uint8)


def write(path, image, tag, text):
    content = text.encode("cp1252") + b"\0"
    tifffile.imwrite(path, image, metadata=None, extratags=[(tag, 2, len(content), content, True)])


def test_the_header_of_thermo_fisher(tmp_path, grey):
    write(tmp_path / "a.tif", grey, 34682, FEI + "ResolutionY=8\r\n")
    found = read_tiff(tmp_path / "a.tif")
    assert found.voxel_size.edges_um == pytest.approx((0.025, 0.0248))
    assert "Thermo Fisher" in found.voxel_size.stated_by
    assert found.region is None


def test_what_was_scanned_is_told_from_the_data_bar(tmp_path, grey):
    write(tmp_path / "a.tif", grey, 34682, FEI + "ResolutionY=6\r\n")
    assert read_tiff(tmp_path / "a.tif").region == ((0, 6), (0, 9))


@pytest.mark.parametrize(("text", "um"), [("24.80 nm", 0.0248), ("1.5 µm", 1.5)])
def test_the_header_of_zeiss(tmp_path, grey, text, um):
    write(tmp_path / "a.tif", grey, 34118, ZEISS.format(text))
    found = read_tiff(tmp_path / "a.tif").voxel_size
    assert found.edges_um == pytest.approx((um, um))
    assert found.stated_by == "the Zeiss header"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.txt", "[SemImageFile]\nInstructName=SU8000\nPixelSize=24.8\n", (0.0248, 0.0248)),
        ("a.txt", "$$SM_MICRON_BAR 96\n$$SM_MICRON_MARKER 10um\n", (10 / 96, 10 / 96)),
        ("a.txt", "InstructName=S\nPixelSize=24,8\n", (0.0248, 0.0248)),
        ("a.hdr", "PixelSizeX=2,48e-8\nPixelSizeY=2,5e-8\n", (0.025, 0.0248)),
        ("a.hdr", "[MAIN]\nPixelSizeX=2.48e-8\nPixelSizeY=2.5e-8\n", (0.025, 0.0248)),
        ("a-tif.hdr", "[MAIN]\nPixelSizeX=2.48e-8\nPixelSizeY=2.5e-8\n", (0.025, 0.0248)),
    ],
)
def test_text_files_beside_the_image(tmp_path, grey, name, text, expected):
    tifffile.imwrite(tmp_path / "a.tif", grey, metadata=None)
    for encoding in ("latin-1", "utf-16"):
        (tmp_path / name).write_bytes(text.encode(encoding))
        found = read_tiff(tmp_path / "a.tif").voxel_size
        assert found.edges_um == pytest.approx(expected)
        assert name in found.stated_by


def test_a_text_that_says_nothing_is_left_alone(tmp_path, grey):
    tifffile.imwrite(tmp_path / "a.tif", grey, metadata=None)
    (tmp_path / "a.txt").write_text("PixelSize=3 apples\n$$SM_MICRON_BAR 0\n")
    assert sidecar_pixel_size(tmp_path / "a.tif", 9) == (None, ())
    assert read_tiff(tmp_path / "a.tif").voxel_size is None


@pytest.mark.parametrize(
    "text",
    [
        "InstructName=S\nDataSize={}x8\nPixelSize=24.8\n",
        "$CM_FULL_SIZE {} 8\n$$SM_MICRON_BAR 96\n$$SM_MICRON_MARKER 10um\n",
    ],
)
def test_a_text_of_an_image_of_another_width_states_no_size(tmp_path, grey, text):
    tifffile.imwrite(tmp_path / "a.tif", grey, metadata=None)
    (tmp_path / "a.txt").write_text(text.format(9))
    assert read_tiff(tmp_path / "a.tif").voxel_size is not None
    (tmp_path / "a.txt").write_text(text.format(18))
    found = read_tiff(tmp_path / "a.tif")
    assert found.voxel_size is None
    assert "for 18 columns, and the image has 9" in found.notes[0]


def test_a_scaled_image_of_thermo_fisher_has_no_size(tmp_path, grey):
    write(tmp_path / "a.tif", grey, 34682, FEI.replace("=9", "=18") + "ResolutionY=16\r\n")
    found = read_tiff(tmp_path / "a.tif")
    assert found.voxel_size is None
    assert "cropped or scaled" in found.notes[0]


def test_a_picture_has_its_text_beside_it_too(tmp_path, grey):
    from PIL import Image

    from matvir.formats.picture import read_picture

    Image.fromarray(grey).save(tmp_path / "a.bmp")
    (tmp_path / "a.txt").write_text("$$SM_MICRON_BAR 100\n$$SM_MICRON_MARKER 5um\n")
    assert read_picture(tmp_path / "a.bmp").voxel_size.edges_um == pytest.approx((0.05, 0.05))
