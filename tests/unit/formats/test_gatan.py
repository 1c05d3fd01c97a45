"""Files of DigitalMicrograph, written here tag by tag."""

import struct

import numpy as np
import pytest

from matvir.errors import InputError
from matvir.formats import gatan
from matvir.formats.gatan import read_gatan

pytest.importorskip("rsciio")
# How the format numbers the types of data, as struct calls them.
TYPES = {"h": 2, "i": 3, "H": 4, "I": 5, "f": 6, "d": 7, "B": 10}
UINT8, UINT16, RGB = 6, 10, 23


def number(kind, value):
    return b"%%%%" + struct.pack(">2i", 1, TYPES[kind]) + struct.pack(f"<{kind}", value)


def array(kind, values):
    values = np.asarray(values, dtype=f"<{kind}").ravel()
    about = struct.pack(">4i", 3, 20, TYPES[kind], len(values))
    return b"%%%%" + about + values.tobytes()


def text(words):
    return array("H", [ord(letter) for letter in words])


def group(tags):
    """Return a group: pairs of a name and either a dictionary-like list or data."""
    found = struct.pack(">2Bi", 0, 0, len(tags))
    for name, value in tags:
        label = name.encode()
        is_group = isinstance(value, list)
        found += struct.pack(">BH", 20 if is_group else 21, len(label)) + label
        found += group(value) if is_group else value
    return found


def image(values, kind, data_type, edges, unit):
    """Return the group of one image; axes of the format go from columns to planes."""
    axes = [
        ("", [("Origin", number("f", 0)), ("Scale", number("f", edge)), ("Units", text(unit))])
        for edge in edges[::-1]
    ]
    brightness = [("Origin", number("f", 0)), ("Scale", number("f", 1)), ("Units", text("e"))]
    shape = [("", number("I", n)) for n in values.shape[::-1]]
    data = [
        ("Calibrations", [("Brightness", brightness), ("Dimension", axes)]),
        ("Data", array(kind, values)),
        ("DataType", number("I", data_type)),
        ("Dimensions", shape),
        ("PixelDepth", number("I", values.itemsize)),
    ]
    return [("ImageData", data), ("ImageTags", []), ("Name", text("image"))]


def write_dm3(path, *images):
    tags = group([("ImageList", [("", one) for one in images])])
    path.write_bytes(struct.pack(">3i", 3, len(tags) + 8, 1) + tags + bytes(8))
    return path


def test_an_image_and_its_pixel_size(tmp_path, rng):
    values = rng.integers(0, 60000, (8, 11)).astype(np.uint16)
    path = write_dm3(tmp_path / "a.dm3", image(values, "H", UINT16, (2.0, 2.5), "nm"))
    found = read_gatan(path)
    np.testing.assert_array_equal(found.array, values)
    assert found.channels == "none"
    assert found.voxel_size.edges_um == pytest.approx((0.002, 0.0025))
    assert "DigitalMicrograph" in found.voxel_size.stated_by


def test_a_stack_has_its_planes_first(tmp_path, rng):
    values = rng.integers(0, 255, (5, 8, 11)).astype(np.uint8)
    path = write_dm3(tmp_path / "a.dm3", image(values, "B", UINT8, (0.05, 0.02, 0.03), "µm"))
    found = read_gatan(path)
    np.testing.assert_array_equal(found.array, values)
    assert found.voxel_size.edges_um == pytest.approx((0.05, 0.02, 0.03))


def test_a_spacing_without_a_length_is_left_out(tmp_path, rng):
    values = rng.integers(0, 255, (8, 11)).astype(np.uint8)
    path = write_dm3(tmp_path / "a.dm3", image(values, "B", UINT8, (2.0, 2.0), "1/nm"))
    found = read_gatan(path)
    assert found.voxel_size is None
    assert "without a unit of length" in found.notes[0]


def test_several_images_are_refused(tmp_path, rng):
    values = rng.integers(0, 255, (8, 11)).astype(np.uint8)
    one = image(values, "B", UINT8, (2.0, 2.0), "nm")
    path = write_dm3(tmp_path / "a.dm3", one, one)
    with pytest.raises(InputError, match=r"a\.dm3: expected one image or stack, got 2 of .*TIFF"):
        read_gatan(path)


def test_without_the_library_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(gatan, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install rosettasciio.*TIFF"):
        read_gatan(tmp_path / "a.dm3")
