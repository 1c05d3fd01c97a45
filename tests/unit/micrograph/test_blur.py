"""Labels through a blur: layers thinner than it are found, rims that are none go."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from matvir.micrograph.blur import explain_blurred

LEVELS = np.array([50.0, 115.0, 190.0])
BLUR = 0.8


def coated_disks(shape):
    """Labels with two bright disks of which one has a coat of two pixels, and a layer of two."""
    rows, columns = np.indices(shape[-2:])
    labels = np.zeros(shape, np.uint8)
    for row, column, coat in ((20, 20, 0), (22, 60, 2)):
        distance = np.hypot(rows - row, columns - column)
        labels[..., distance <= 11 + coat] = 1
        labels[..., distance <= 11] = 2
    labels[..., 45:47, 5:-5] = 1
    return labels


def seen(labels, rng, noise=6.0):
    grey = gaussian_filter(LEVELS[labels], BLUR if labels.ndim == 2 else (0, BLUR, BLUR))
    return grey + rng.normal(0, noise, labels.shape)


def thresholded(image):
    return np.digitize(gaussian_filter(image, 0.5), (82, 152)).astype(np.uint8)


def test_thin_layers_are_found_and_rims_go(rng):
    truth = coated_disks((54, 80))
    image = seen(truth, rng)
    first = thresholded(image)
    found, levels = explain_blurred(image, first, BLUR, n_phases=3)
    assert np.mean(found != truth) < 0.15 * np.mean(first != truth)
    bare = np.s_[4:36, 4:36]
    assert np.count_nonzero(first[bare] == 1) > 30  # the rim that thresholds leave
    assert np.count_nonzero(found[bare] == 1) < 10
    assert np.mean(found[45:47, 8:-8] == 1) > 0.9
    np.testing.assert_allclose(levels, LEVELS, atol=8)


def test_volumes_are_blurred_along_all_axes(rng):
    rows, columns, planes = np.indices((18, 22, 20))
    truth = (np.hypot(np.hypot(rows - 9, columns - 11), planes - 10) < 7).astype(np.uint8)
    image = gaussian_filter(LEVELS[truth], BLUR) + rng.normal(0, 12, truth.shape)
    noisy = (image > 82).astype(np.uint8)
    found, _ = explain_blurred(image, noisy, BLUR, n_phases=2)
    assert np.mean(found != truth) < 0.5 * np.mean(noisy != truth)


def test_without_noise_and_blur_labels_stay():
    truth = coated_disks((54, 80))
    found, levels = explain_blurred(LEVELS[truth], truth, 0.1, n_phases=3)
    np.testing.assert_array_equal(found, truth)
    np.testing.assert_allclose(levels, LEVELS)


def test_what_is_no_material_has_no_say(rng):
    truth = coated_disks((54, 80))
    image = seen(truth, rng)
    valid = np.ones(truth.shape, bool)
    valid[:, 70:] = False
    image[:, 70:] = 5000.0
    first = np.where(valid, thresholded(seen(truth, rng)), 0).astype(np.uint8)
    _, levels = explain_blurred(image, first, BLUR, n_phases=3, valid=valid)
    np.testing.assert_allclose(levels, LEVELS, atol=15)


@pytest.mark.parametrize("shift", [-20.0, 20.0])
def test_known_levels_are_kept(rng, shift):
    truth = coated_disks((54, 80))
    image = seen(truth, rng)
    middle, _ = explain_blurred(image, truth, BLUR, n_phases=3, levels=LEVELS)
    moved, levels = explain_blurred(image + shift, truth, BLUR, n_phases=3, levels=LEVELS)
    np.testing.assert_array_equal(levels, LEVELS)
    assert (moved.mean() - middle.mean()) * shift > 0
