"""What of an image is not material: borders, data bars, round fields of view."""

import numpy as np
import pytest
from scipy import ndimage

from matvir.micrograph.frame import frame_of
from matvir.micrograph.surroundings import surroundings


@pytest.fixture
def grey(rng):
    """Noisy image of two phases, 90 rows and 120 columns."""
    field = ndimage.gaussian_filter(rng.standard_normal((90, 120)), 4, mode="wrap")
    image = np.where(field > np.quantile(field, 0.6), 150, 100) + rng.normal(0, 6, field.shape)
    return image.round().astype(np.uint8)


def with_bar(image, background, text):
    """Return an image with a data bar of 16 rows below: lines of text in it."""
    bar = np.full((16, image.shape[1]), background, np.uint8)
    bar[4:12, 5:60:2] = text
    return np.vstack([image, bar])


def test_a_micrograph_alone_has_none(grey):
    assert surroundings(grey) == surroundings(np.dstack([grey] * 3)[..., 0])
    assert surroundings(grey).texts == ()


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("width", [1, 8])
def test_a_border_is_found(grey, value, width):
    found = surroundings(np.pad(grey, width, constant_values=value))
    assert found.region == ((width, 90 + width), (width, 120 + width))
    assert len(found.texts) == 4


def test_a_border_on_one_side_is_found(grey):
    found = surroundings(np.pad(grey, ((0, 0), (0, 7)), constant_values=255))
    assert found.region == ((0, 90), (0, 120))
    assert found.texts == ("columns 120 to 126 are a border or data bar of the grey value 255",)


@pytest.mark.parametrize(("background", "text"), [(0, 255), (255, 0)])
def test_a_data_bar_is_found(grey, background, text):
    assert surroundings(with_bar(grey, background, text)).region == ((0, 90), (0, 120))


def test_a_volume_has_the_border_that_all_planes_have(grey):
    volume = np.stack([np.pad(np.roll(grey, k), 5, constant_values=0) for k in range(4)])
    assert surroundings(volume).region == ((0, 4), (5, 95), (5, 125))


def test_a_round_field_of_view_is_found(grey):
    rows, columns = np.ogrid[:90, :120]
    image = np.where((rows - 44) ** 2 + (columns - 60) ** 2 <= 43**2, grey, 0)
    circle = surroundings(image).circle
    assert (circle.row, circle.column) == pytest.approx((44, 60), abs=1)
    assert circle.radius == pytest.approx(43, abs=1)


def test_dark_pores_at_the_edge_are_material(grey):
    """Half of the last row is a pore as dark as anything, and there are saturated grains."""
    grey[-12:, :60] = 0
    grey[:9, 80:] = 255
    assert surroundings(grey).texts == ()


def test_a_pore_that_reaches_the_side_is_material(grey):
    """Rows of its chord are dark over most of their length, and end where it is round."""
    rows, columns = np.ogrid[:90, :120]
    grey[(rows + 60) ** 2 + (columns - 60) ** 2 <= 85**2] = 0
    assert np.mean(grey[0] == 0) > 0.9
    assert surroundings(grey).region is None


def test_a_bar_of_any_grey_value_is_found(grey):
    bar = np.full((14, 120), 60, np.uint8)
    bar[4:9, 20:80:3] = 200
    assert surroundings(np.vstack([grey, bar])).region == ((0, 90), (0, 120))
    assert surroundings(np.vstack([bar, grey])).region == ((14, 104), (0, 120))


def test_corners_of_an_image_that_was_turned_are_said(grey, material_of):
    turned = ndimage.rotate(grey, 8, reshape=False, order=1)
    found = frame_of(turned, None, material_of(image="a.tif"))
    assert "4 corners have the one grey value 0" in found.notes[0]
    assert found.left.texts


def test_a_phantom_has_none():
    layered = np.repeat(np.arange(3, dtype=np.uint8), 20)[:, None] * np.ones((1, 30), np.uint8)
    assert surroundings(layered).texts == ()


def test_the_frame_says_what_to_set_and_setting_it_works(grey, material_of):
    image = with_bar(grey, 0, 255)
    found = frame_of(image, None, material_of(image="a.tif"))
    assert found.region is None
    assert found.left.region == ((0, 90), (0, 120))
    assert "set 'crop: auto', or 'crop: [[0, 90], [0, 120]]'" in found.notes[0]
    for crop in ("auto", [[0, 90], [0, 120]]):
        cropped = frame_of(image, None, material_of(image="a.tif", crop=crop))
        assert cropped.region == ((0, 90), (0, 120))
        assert cropped.left.texts == ()


def test_ranges_are_counted_from_the_whole_image(grey, material_of):
    image = with_bar(grey, 0, 255)
    found = frame_of(image, None, material_of(image="a.tif", crop=[[10, 106], [20, 120]]))
    assert "set 'crop: [[10, 90], [20, 120]]'" in found.notes[0]


def test_the_header_crops_where_the_user_does_not(grey, material_of):
    scanned = ((0, 90), (0, 120))
    found = frame_of(with_bar(grey, 0, 255), scanned, material_of(image="a.tif"))
    assert found.region == scanned
    assert "which the header states as scanned" in found.notes[0]
    mine = material_of(image="a.tif", crop=[[0, 80], [0, 100]])
    assert frame_of(with_bar(grey, 0, 255), scanned, mine).region == ((0, 80), (0, 100))


def test_a_circle_is_found_when_asked(grey, material_of):
    rows, columns = np.ogrid[:90, :120]
    image = np.where((rows - 44) ** 2 + (columns - 60) ** 2 <= 43**2, grey, 0)
    found = frame_of(image, None, material_of(image="a.tif", circle="auto"))
    assert found.circle.radius == pytest.approx(43, abs=1)
    assert "set 'circle: auto'" in frame_of(image, None, material_of(image="a.tif")).notes[0]
