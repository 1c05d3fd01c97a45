"""Each material is what its docstring says: fractions, directions, shapes."""

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt, label

from matvir.synthetic import ceramic, fibres, grains, precipitates, separator


def shares(labels, n_phases):
    return np.bincount(labels.ravel(), minlength=n_phases) / labels.size


def likeness(mask, lag):
    """Share of voxels that are equal to the one ``lag`` voxels further, along each axis."""
    return [
        np.mean(np.take(mask, range(lag, n), axis) == np.take(mask, range(n - lag), axis))
        for axis, n in enumerate(mask.shape)
    ]


@pytest.mark.parametrize(
    ("grow", "expected"),
    [
        (fibres.grow_fibres, [1 - fibres.FIBRE_FRACTION, fibres.FIBRE_FRACTION]),
        (grains.grow_grains, [grains.BOUNDARY_FRACTION, 1 - grains.BOUNDARY_FRACTION]),
        (ceramic.grow_ceramic, [1 - ceramic.SOLID_FRACTION, ceramic.SOLID_FRACTION]),
        (
            separator.grow_separator,
            [
                1 - separator.POLYMER_FRACTION - separator.CERAMIC_FRACTION,
                separator.POLYMER_FRACTION,
                separator.CERAMIC_FRACTION,
            ],
        ),
    ],
)
def test_fractions_are_exact(grow, expected, rng):
    labels = grow((30, 40, 50), rng)
    assert labels.shape == (30, 40, 50)
    assert labels.dtype == np.uint8
    np.testing.assert_allclose(shares(labels, len(expected)), expected, atol=3 / labels.size)


def test_fibres_are_discs_across_axis_0_and_rods_along_it(rng):
    labels = fibres.grow_fibres((40, 96, 80), rng)
    along, *across = likeness(labels == 1, 8)
    assert 0.9 < along < 0.99
    assert max(across) < 0.65
    depth = distance_transform_edt(labels[20])
    assert fibres.RADIUS - 1 <= depth.max() <= fibres.RADIUS + 3


def test_grains_are_isotropic_and_of_the_stated_volume(rng):
    labels = grains.grow_grains((64, 72, 80), rng)
    alike = likeness(labels, 4)
    np.testing.assert_allclose(alike, np.mean(alike), atol=0.02)
    whole, n_grains = label(labels)
    del whole
    expected = labels.size / grains.GRAIN**3
    # Grains that a face cuts are counted whole.
    assert expected < n_grains < 2.5 * expected


def test_ceramic_is_isotropic(rng):
    alike = likeness(ceramic.grow_ceramic((64, 72, 80), rng), 5)
    np.testing.assert_allclose(alike, np.mean(alike), atol=0.03)


def test_polymer_of_a_separator_is_flat_and_ceramic_is_beside_it(rng):
    labels = separator.grow_separator((64, 72, 80), rng)
    across, *along = likeness(labels == separator.POLYMER, 4)
    assert across < min(along) - 0.1
    distance = distance_transform_edt(labels != separator.POLYMER)
    by_phase = [distance[labels == p].mean() for p in (separator.CERAMIC, separator.PORE)]
    assert by_phase[0] < by_phase[1]


def test_boundaries_lie_across_axis_2_and_bear_the_particles(rng):
    labels = precipitates.grow_precipitates((60, 70, 128), rng)
    first, second, across = likeness(labels == precipitates.BOUNDARY, 3)
    assert across < min(first, second)
    # Sheets of this thickness, at most one particle radius covered.
    expected = 2 * precipitates.HALF_WIDTH / precipitates.SPACING
    assert shares(labels, 3)[precipitates.BOUNDARY] == pytest.approx(expected, rel=0.25)
    distance = distance_transform_edt(labels != precipitates.BOUNDARY)
    assert distance[labels == precipitates.PARTICLE].mean() < 4
    assert distance[labels == precipitates.GRAIN].mean() > 6
