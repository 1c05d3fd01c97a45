import numpy as np
import pytest

from matvir.errors import InputError
from matvir.metrics.chord_length import isotropy_index, lineal_path, mean_chord_length


def naive_lineal_path(mask, axis, periodic):
    lines = np.moveaxis(mask, axis, -1).reshape(-1, mask.shape[axis])
    n = lines.shape[1]
    values = []
    for lag in range(n // 2 + 1):
        starts = range(n if periodic else n - lag)
        hits = [
            line.take(range(s, s + lag + 1), mode="wrap").all() for line in lines for s in starts
        ]
        values.append(np.mean(hits))
    return values


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("shape", [(6, 9, 7), (8, 5)])
def test_lineal_path_equals_trying_every_segment(rng, shape, periodic):
    mask = rng.random(shape) < 0.8
    mask[0] = True  # lines that never leave the phase
    for axis in range(len(shape)):
        expected = naive_lineal_path(mask, axis, periodic)
        assert lineal_path(mask, axis, periodic=periodic) == pytest.approx(expected)


def test_overlapping_spheres_follow_the_closed_form(rng, overlapping_spheres):
    radius = 5.0
    outside, density = overlapping_spheres(rng, (120, 80, 96), radius, fraction=0.5)
    decay = density * np.pi * radius**2
    # The mean chord of the continuum is 1 / decay; voxels miss the chords between their centres.
    lattice = 1 / (1 - np.exp(-decay))
    for axis in range(3):
        assert mean_chord_length(outside, axis, periodic=True) == pytest.approx(lattice, rel=0.02)
        values = lineal_path(outside, axis, periodic=True)
        # Lu and Torquato: L(z) = phi exp(-rho pi a^2 z) outside overlapping spheres.
        expected = outside.mean() * np.exp(-decay * np.arange(values.size))
        assert values == pytest.approx(expected, abs=0.01)


def test_periodic_layers_along_each_axis():
    mask = np.zeros((12, 10, 8), dtype=bool)
    mask[1:4] = mask[7:10] = True
    assert mean_chord_length(mask, 0, periodic=True) == 3
    assert np.isnan(mean_chord_length(mask, 1, periodic=True))
    assert np.isnan(mean_chord_length(mask, 2))


def test_border_does_not_shorten_the_mean(rng):
    # Runs of a coin with p = 0.6 have the mean 1 / (1 - p) = 2.5, here in windows of 10 voxels.
    mask = rng.random((400, 400, 10)) < 0.6
    assert mean_chord_length(mask, 2) == pytest.approx(2.5, rel=0.01)


def test_isotropy_index():
    assert isotropy_index([2.0, 4.0, 3.0]) == 0.5
    assert isotropy_index([3.0, 3.0]) == 1
    assert np.isnan(isotropy_index([np.nan, 3.0]))


@pytest.mark.parametrize("function", [mean_chord_length, lineal_path])
def test_labels_instead_of_a_mask_are_refused(function):
    with pytest.raises(InputError, match="mask of bool, got int64"):
        function(np.ones((4, 4), dtype=np.int64), 0)
