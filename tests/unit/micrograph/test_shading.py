"""Shading: Otsu's thresholds stay right on an unevenly lit image."""

import numpy as np
import pytest
from skimage.filters import threshold_multiotsu

from matvir.errors import InputError
from matvir.micrograph.shading import otsu_thresholds, otsu_with_shading


def three_phases(rng, shape):
    labels = rng.choice(3, size=shape, p=[0.3, 0.3, 0.4])
    return labels, np.array([50.0, 110.0, 180.0])[labels] + rng.normal(0, 4, shape)


def ramp(shape, height):
    return height * np.linspace(-0.5, 0.5, shape[-1]) * np.ones(shape)


def test_thresholds_agree_with_scikit_image(rng):
    _, image = three_phases(rng, (60, 80))
    np.testing.assert_allclose(otsu_thresholds(image, 3), threshold_multiotsu(image, 3), atol=3)


def test_hot_pixels_do_not_move_the_thresholds(rng):
    _, image = three_phases(rng, (60, 80))
    hot = image.copy()
    hot[3, 5] = 1e6
    np.testing.assert_allclose(otsu_thresholds(hot, 3), otsu_thresholds(image, 3), atol=3)


@pytest.mark.parametrize("shape", [(60, 80), (12, 20, 40)])
def test_linear_shading_is_found(rng, shape):
    labels, even = three_phases(rng, shape)
    found = otsu_with_shading(even + ramp(shape, 60), 3, 1)
    assert found.shading_range == pytest.approx(60, rel=0.05)
    assert np.mean(np.digitize(found.flat, found.thresholds) != labels) < 0.001


def test_quadratic_shading_needs_degree_two(rng):
    labels, even = three_phases(rng, (80, 120))
    uneven = even + 70 * np.linspace(-1, 1, 120) ** 2

    def wrong(degree):
        found = otsu_with_shading(uneven, 3, degree)
        return np.mean(np.digitize(found.flat, found.thresholds) != labels)

    assert wrong(1) > 0.02
    assert wrong(2) < 0.001


def test_gradient_in_the_amounts_is_no_shading(rng):
    shape = (80, 120)
    labels = (rng.random(shape) < np.linspace(0.1, 0.9, 120)).astype(int)
    image = np.array([60.0, 160.0])[labels] + rng.normal(0, 4, shape)
    assert otsu_with_shading(image, 2, 1).shading_range < 1


def test_degree_zero_changes_nothing(rng):
    _, image = three_phases(rng, (30, 40))
    found = otsu_with_shading(image, 3, 0)
    np.testing.assert_array_equal(found.flat, image)
    assert found.shading_range == 0
    assert found.thresholds == otsu_thresholds(image, 3)


def test_pixels_outside_the_mask_do_not_count(rng):
    _, image = three_phases(rng, (30, 40))
    valid = np.ones((30, 40), bool)
    valid[:, 30:] = False
    other = np.where(valid, image, 5000.0)
    inside = otsu_with_shading(image, 3, 1, valid=valid)
    assert otsu_with_shading(other, 3, 1, valid=valid).thresholds == inside.thresholds


def test_fewer_grey_values_than_phases():
    with pytest.raises(InputError, match="at least 3 distinct grey values for 3 phases, got 2"):
        otsu_thresholds(np.array([0.0, 1.0, 1.0, 0.0]), 3)
