from itertools import product

import numpy as np
import pytest

from matvir.errors import InputError
from matvir.metrics.interfacial_area import face_area_density
from matvir.metrics.two_point_correlation import (
    axis_cut,
    correlation_length,
    correlation_map,
    diagonal_cut,
    lag_lengths,
    phase_spectra,
    radial_average,
)


def double_sum(first, second, lag, periodic):
    """Mean over both orders of the share of voxel pairs ``lag`` apart that are in the phases."""
    hits = total = 0
    for point in product(*map(range, first.shape)):
        other = tuple(p + d for p, d in zip(point, lag, strict=True))
        if periodic:
            other = tuple(q % n for q, n in zip(other, first.shape, strict=True))
        elif any(not 0 <= q < n for q, n in zip(other, first.shape, strict=True)):
            continue
        hits += int(first[point] and second[other]) + int(second[point] and first[other])
        total += 2
    return hits / total


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("shape", [(5, 4, 6), (6, 5)])
@pytest.mark.parametrize("pair", [(0, 0), (1, 2)])
def test_map_equals_the_direct_double_sum(rng, shape, periodic, pair):
    labels = rng.integers(0, 3, shape).astype(np.uint8)
    lag_map = correlation_map(phase_spectra(labels, 3, periodic=periodic), *pair)
    half = [n // 2 for n in shape]
    assert lag_map.shape == (*(2 * h + 1 for h in half[:-1]), half[-1] + 1)
    for index in np.ndindex(lag_map.shape):
        lag = (*(i - h for i, h in zip(index[:-1], half[:-1], strict=True)), index[-1])
        expected = double_sum(labels == pair[0], labels == pair[1], lag, periodic)
        assert lag_map[index] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("shape", "tolerance"), [((128, 96, 112), 0.005), ((800, 640), 0.005)])
def test_overlapping_spheres_follow_the_closed_form(rng, overlapping_spheres, shape, tolerance):
    radius = 4.0
    outside, density = overlapping_spheres(rng, shape, radius, fraction=0.5)
    spectra = phase_spectra(outside.astype(np.uint8), 2, periodic=True)
    distance, values = radial_average(correlation_map(spectra, 1, 1))
    x = np.minimum(distance / (2 * radius), 1)
    if len(shape) == 3:  # union of two balls at a distance r = 2 a x
        union = 4 / 3 * np.pi * radius**3 * (1 + 1.5 * x - 0.5 * x**3)
    else:
        overlap = 2 * radius**2 * (np.arccos(x) - x * np.sqrt(1 - x**2))
        union = 2 * np.pi * radius**2 - overlap
    assert values == pytest.approx(np.exp(-density * union), abs=tolerance)


def test_cuts_follow_their_axis():
    labels = np.zeros((12, 8, 10), dtype=np.uint8)
    labels[::2] = 1  # alternates along axis 0 only
    lag_map = correlation_map(phase_spectra(labels, 2), 1, 1)
    assert axis_cut(lag_map, 0) == pytest.approx([0.5, 0, 0.5, 0, 0.5, 0, 0.5])
    assert axis_cut(lag_map, 1) == pytest.approx([0.5] * 5)
    assert axis_cut(lag_map, 2) == pytest.approx([0.5] * 6)
    assert diagonal_cut(lag_map) == pytest.approx([0.5, 0, 0.5, 0, 0.5])


def test_diagonal_cut_averages_all_diagonals():
    stripes = np.add.outer(np.arange(12), np.arange(12)) % 4 < 2
    lag_map = correlation_map(phase_spectra(stripes.astype(np.uint8), 2, periodic=True), 1, 1)
    # Along one diagonal the stripes move by 2 a step (1/2, 0, 1/2 ...), along the other by 0.
    assert diagonal_cut(lag_map)[:3] == pytest.approx([0.5, 0.25, 0.5])


def test_probabilities_of_all_pairs_add_up_to_one(rng, blobs):
    spectra = phase_spectra(blobs(rng, (12, 16, 9), 3), 3)
    total = sum(correlation_map(spectra, a, b) for a in range(3) for b in range(3))
    assert total == pytest.approx(np.ones_like(total))


def test_relabelling_moves_the_curve_with_the_phase(rng, blobs):
    labels = blobs(rng, (12, 16, 9), 3)
    relabelled = np.array([2, 0, 1], dtype=np.uint8)[labels]
    one = correlation_map(phase_spectra(labels, 3), 0, 1)
    other = correlation_map(phase_spectra(relabelled, 3), 2, 0)
    assert np.array_equal(one, other)


def test_first_lag_gives_the_surface_area(rng, blobs):
    labels = blobs(rng, (14, 10, 12), 2)
    lag_map = correlation_map(phase_spectra(labels, 2, periodic=True), 1, 1)
    drop = np.mean([cut[0] - cut[1] for cut in (axis_cut(lag_map, axis) for axis in range(3))])
    faces = face_area_density(labels, 2, periodic=True)[0, 1]
    assert 4 * drop == pytest.approx(2 / 3 * faces)


def test_radial_average_gives_true_mean_lengths(rng):
    labels = rng.integers(0, 2, (10, 12, 14)).astype(np.uint8)
    lag_map = correlation_map(phase_spectra(labels, 2), 1, 1)
    distance, values = radial_average(lag_map)
    assert distance[0] == 0
    assert values[0] == (labels == 1).mean()
    # The shell 0.5 .. 1.5 holds 6 lags of length 1 and 12 of length sqrt(2).
    assert distance[1] == pytest.approx((6 + 12 * np.sqrt(2)) / 18)
    lengths, weights = lag_lengths(lag_map, (1, 1, 1))
    shell = (lengths > 0.5) & (lengths < 1.5)
    assert weights[shell].sum() == 18
    assert values[1] == pytest.approx(np.average(lag_map[shell], weights=weights[shell]))


def test_radial_average_in_units_of_length(rng, blobs):
    coarse = blobs(rng, (16, 16, 16), 2, scale=3)
    fine = coarse.repeat(2, axis=1)  # the same material with half the voxel edge along axis 1
    cubes = radial_average(correlation_map(phase_spectra(coarse, 2), 1, 1), (2, 2, 2))
    boxes = radial_average(correlation_map(phase_spectra(fine, 2), 1, 1), (2, 1, 2))
    assert boxes[0][:4] == pytest.approx(cubes[0][:4], abs=0.35)
    assert boxes[1][:4] == pytest.approx(cubes[1][:4], abs=0.02)


def test_correlation_length_of_an_exponential_decay():
    distance = np.linspace(0, 30, 301)
    values = 0.3**2 + 0.3 * 0.7 * np.exp(-distance / 7)
    assert correlation_length(distance, values) == pytest.approx(7, rel=1e-3)


@pytest.mark.parametrize("values", [np.zeros(5), np.ones(5), np.full(5, 0.4)])
def test_correlation_length_is_nan_where_there_is_none(values):
    assert np.isnan(correlation_length(np.arange(5.0), values))


def test_grey_values_are_refused():
    with pytest.raises(InputError, match="segment the image first"):
        phase_spectra(np.zeros((4, 4)), 2)
