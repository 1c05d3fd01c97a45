"""Boundaries: false rims and specks go, layers and particles stay."""

import numpy as np
import pytest
from scipy import ndimage

from matvir.errors import InputError
from matvir.micrograph.boundaries import correct_edges, flood_unsure, remove_specks


def disks(shape, *specification):
    """Labels with a disk of each (row, column, radius, label)."""
    rows, columns = np.indices(shape[-2:])
    labels = np.zeros(shape, np.uint8)
    for row, column, radius, label in specification:
        labels[..., (rows - row) ** 2 + (columns - column) ** 2 <= radius**2] = label
    return labels


def blurred(labels, sigma):
    return ndimage.gaussian_filter(np.array([50.0, 110.0, 190.0])[labels], sigma)


@pytest.mark.parametrize("shape", [(60, 90), (12, 60, 90)])
def test_false_rim_goes_and_the_phase_between_stays(shape):
    truth = disks(shape, (30, 25, 15, 2), (30, 65, 14, 1))
    labels = np.digitize(blurred(truth, 1.5), (80, 150)).astype(np.uint8)
    assert np.mean(labels != truth) > 0.01
    corrected = correct_edges(blurred(truth, 1.5), labels)
    assert np.mean(corrected != truth) < 0.25 * np.mean(labels != truth)
    rim = labels[..., :45] == 1
    assert np.count_nonzero(corrected[..., :45] == 1) < 0.1 * np.count_nonzero(rim)


def test_two_phases_stay_as_they_are(rng):
    labels = rng.integers(0, 2, (20, 30)).astype(np.uint8)
    np.testing.assert_array_equal(correct_edges(rng.random((20, 30)), labels), labels)


def test_absent_neighbour_phase_is_no_error():
    labels = np.ones((6, 8), np.uint8)
    labels[:, 4:] = 2
    np.testing.assert_array_equal(correct_edges(labels * 1.0, labels), labels)


def test_unsure_pixels_meet_at_the_steepest_gradient():
    profile = np.array([0, 0, 0, 1, 2, 3, 20, 21, 21, 21, 21], float)
    image = np.tile(profile, (7, 1))
    labels = np.zeros(image.shape, np.uint8)
    labels[:, -1] = 1
    unsure = np.ones(image.shape, bool)
    unsure[:, [0, -1]] = False
    settled = flood_unsure(image, labels, unsure)
    np.testing.assert_array_equal(settled[:, :5], 0)
    np.testing.assert_array_equal(settled[:, 7:], 1)


def test_settling_keeps_labels_outside_the_mask(rng):
    labels = rng.integers(0, 3, (9, 11)).astype(np.uint8)
    valid = np.zeros((9, 11), bool)
    valid[2:7, 2:9] = True
    unsure = rng.random((9, 11)) < 0.5
    settled = flood_unsure(rng.random((9, 11)), labels, unsure, valid=valid)
    np.testing.assert_array_equal(settled[~(valid & unsure)], labels[~(valid & unsure)])


def test_nothing_sure_or_unsure_changes_nothing(rng):
    labels = rng.integers(0, 3, (5, 7)).astype(np.uint8)
    for unsure in (np.zeros((5, 7), bool), np.ones((5, 7), bool)):
        np.testing.assert_array_equal(flood_unsure(rng.random((5, 7)), labels, unsure), labels)


def test_specks_below_the_size_go_to_the_phase_around_them():
    labels = np.zeros((12, 20), np.uint8)
    labels[:, 10:] = 1
    labels[2, 2:5] = 2  # 3 pixels in phase 0
    labels[6:8, 14:16] = 2  # 4 pixels in phase 1
    cleaned = remove_specks(labels, 4)
    assert np.all(cleaned[2, 2:5] == 0)
    assert np.all(cleaned[6:8, 14:16] == 2)
    np.testing.assert_array_equal(remove_specks(labels, 5) == 2, False)
    assert np.all(remove_specks(labels, 5)[:, 10:] == 1)


def test_specks_connect_through_faces_only():
    labels = np.zeros((4, 6, 8), np.uint8)
    labels[1, 1, 1] = labels[2, 2, 2] = 1
    assert remove_specks(labels, 2).max() == 0
    labels[2, 1, 1] = 1
    assert np.count_nonzero(remove_specks(labels, 2)) == 2


def test_speck_size_zero_keeps_everything(rng):
    labels = rng.integers(0, 3, (20, 30)).astype(np.uint8)
    np.testing.assert_array_equal(remove_specks(labels, 0), labels)


def test_specks_ignore_what_lies_outside_the_mask():
    labels = np.zeros((6, 9), np.uint8)
    labels[2, 2:8] = 1
    valid = np.ones((6, 9), bool)
    valid[:, 4:] = False
    cleaned = remove_specks(labels, 4, valid=valid)
    assert np.all(cleaned[2, 2:4] == 0)
    assert np.all(cleaned[2, 4:8] == 1)


def test_every_region_too_small():
    labels = (np.indices((6, 8)).sum(axis=0) % 2).astype(np.uint8)
    with pytest.raises(InputError, match="every region has fewer than 4 pixels"):
        remove_specks(labels, 4)
