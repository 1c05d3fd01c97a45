"""Units of length in every spelling."""

import pytest

from matvir.formats.units import um_per_unit


@pytest.mark.parametrize(
    ("um", "spellings"),
    [
        (1.0, "um µm μm \\u00B5m micron microns Micron micrometer micrometers micrometre µ"),
        (1e-3, "nm nanometer nanometers nanometres NM"),
        (1e-4, "A Å å \\u00C5 Å angstrom Angstroms"),
        (1e-6, "pm picometers"),
        (1e3, "mm millimeter millimetres"),
        (1e4, "cm centimeters"),
        (1e6, "m meter meters"),
        (25_400.0, 'in inch inches "'),
    ],
)
def test_every_spelling_is_known(um, spellings):
    for text in spellings.split():
        assert um_per_unit(text) == pytest.approx(um), text


@pytest.mark.parametrize("text", ["", "pixel", "pixels", "px", "s", "sec", "voxel", "1"])
def test_what_is_no_length_is_none(text):
    assert um_per_unit(text) is None
