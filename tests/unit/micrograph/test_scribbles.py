"""Scribbles: a few strokes label an image whose grey values alone cannot."""

import numpy as np
import pytest

from matvir.errors import InputError
from matvir.micrograph.scribbles import (
    halves,
    phase_probabilities,
    pixel_features,
    place_boundaries,
    stroke_phases,
)


@pytest.fixture
def textured(rng):
    """Smooth half and rough half of the same mean grey value, and strokes on both."""
    truth = np.zeros((48, 64), np.uint8)
    truth[:, 32:] = 1
    image = 100 + np.where(truth == 1, 20, 2) * rng.normal(size=truth.shape)
    strokes = np.full(truth.shape, -1)
    strokes[8:40, 10] = strokes[8:40, 20] = 0
    strokes[8:40, 44] = strokes[8:40, 54] = 1
    return image, truth, strokes


def test_texture_is_told_apart_where_grey_values_are_equal(textured):
    image, truth, strokes = textured
    probabilities = phase_probabilities(pixel_features(image), strokes, 2)
    assert probabilities.shape == (48, 64, 2)
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1, atol=1e-5)
    assert np.mean(probabilities.argmax(axis=-1) == truth) > 0.93


def test_same_scribbles_give_the_same_probabilities(textured):
    image, _, strokes = textured
    features = pixel_features(image)
    first = phase_probabilities(features, strokes, 2)
    np.testing.assert_array_equal(first, phase_probabilities(features, strokes, 2))


def test_volume(rng):
    truth = np.zeros((8, 16, 20), np.uint8)
    truth[:, 8:] = 1
    image = 100.0 * truth + rng.normal(0, 3, truth.shape)
    strokes = np.full(truth.shape, -1)
    strokes[4, 3, 2:18], strokes[4, 12, 2:18] = 0, 1
    probabilities = phase_probabilities(pixel_features(image), strokes, 2)
    found = place_boundaries(image, probabilities, strokes)
    assert np.mean(found == truth) > 0.99


def test_boundary_goes_to_the_edge_and_not_where_the_forest_put_it():
    truth = np.zeros((20, 40), np.uint8)
    truth[:, 20:] = 1
    sure = np.clip((np.arange(40) - 12) / 20 + 0.5, 0.02, 0.98)  # the forest's boundary: 12
    probabilities = np.tile(np.stack([1 - sure, sure], axis=-1), (20, 1, 1)).astype(np.float32)
    assert np.mean(probabilities.argmax(axis=-1) == truth) < 0.85
    strokes = np.full(truth.shape, -1)
    found = place_boundaries(100.0 * truth, probabilities, strokes)
    np.testing.assert_array_equal(found, truth)


def test_scribbled_pixels_keep_their_phase(textured):
    image, _, strokes = textured
    uniform = np.full((48, 64, 2), 0.5, np.float32)
    found = place_boundaries(image, uniform, strokes)
    np.testing.assert_array_equal(found[strokes >= 0], strokes[strokes >= 0])


def test_halves_share_the_strokes_and_both_know_every_phase(textured):
    _, _, strokes = textured
    strokes = strokes.copy()
    strokes[2, 2:6] = 2  # the only stroke of phase 2
    first, second = halves(strokes, 3)
    for part in (first, second):
        assert set(np.unique(part)) == {-1, 0, 1, 2}
        np.testing.assert_array_equal(part[part >= 0], strokes[part >= 0])
    np.testing.assert_array_equal(np.maximum(first, second), strokes)
    assert not np.any((first == second) & np.isin(first, (0, 1)))


def test_values_in_ascending_order_are_the_phases():
    drawing = np.array([[0, 170, 85], [255, 0, 85]])
    expected = [[-1, 1, 0], [2, -1, 0]]
    np.testing.assert_array_equal(stroke_phases(drawing, 3, (2, 3)), expected)


def test_scribbles_of_another_shape():
    with pytest.raises(InputError, match=r"expected the shape of the image \(2, 4\), got \(2, 3\)"):
        stroke_phases(np.eye(2, 3, dtype=int), 2, (2, 4))


def test_scribbles_of_one_phase_only():
    with pytest.raises(InputError, match=r"at least two phases, got the values \[7\]"):
        stroke_phases(np.array([[0, 7]]), 2, (1, 2))


def test_scribbles_of_too_many_phases():
    with pytest.raises(InputError, match=r"expected 2 values .* got \[3, 5, 7\]"):
        stroke_phases(np.array([[3, 5, 7]]), 2, (1, 3))


def test_phase_without_scribble_in_the_region(textured):
    image, _, strokes = textured
    with pytest.raises(InputError, match=r"no scribble of phase number \[1\] lies in the part"):
        phase_probabilities(pixel_features(image), np.minimum(strokes, 0), 2)
