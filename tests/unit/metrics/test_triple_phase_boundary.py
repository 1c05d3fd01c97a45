from itertools import product

import numpy as np
import pytest

from matvir.errors import InputError
from matvir.metrics.triple_phase_boundary import (
    triple_phase_boundary_density,
    triple_phase_vertex_density,
)


def straight_line(shape):
    """Three phases that meet in one line along axis 0."""
    labels = np.zeros(shape, dtype=np.uint8)
    labels[:, shape[1] // 2 :] = 1
    labels[:, shape[1] // 2 :, shape[2] // 2 :] = 2
    return labels


def test_straight_line_along_each_axis():
    labels = straight_line((7, 8, 10))
    for axis in range(3):
        turned = np.moveaxis(labels, 0, axis)
        assert triple_phase_boundary_density(turned, 3) == pytest.approx(7 / labels.size)
        assert triple_phase_vertex_density(turned, 3) == pytest.approx(6 / labels.size)


def test_line_in_units_of_length():
    density = triple_phase_boundary_density(straight_line((7, 8, 10)), 3, voxel_size=(0.5, 2, 3))
    assert density == pytest.approx(1 / (8 * 2 * 10 * 3))


def test_periodic_line():
    labels = straight_line((6, 8, 10))
    # The three phases also meet where the sample touches itself: in four lines altogether.
    assert triple_phase_boundary_density(labels, 3, periodic=True) * labels.size == 4 * 6
    assert triple_phase_vertex_density(labels, 3, periodic=True) * labels.size == 4 * 6


def naive_edges(labels, periodic):
    shape = labels.shape
    count = 0
    for axis in range(3):
        others = [a for a in range(3) if a != axis]
        for point in np.ndindex(shape):
            around = set()
            for steps in product((0, 1), repeat=2):
                corner = list(point)
                for other, step in zip(others, steps, strict=True):
                    corner[other] += step
                if periodic:
                    corner = [c % n for c, n in zip(corner, shape, strict=True)]
                if any(c >= n for c, n in zip(corner, shape, strict=True)):
                    break
                around.add(int(labels[tuple(corner)]))
            else:
                count += len(around) >= 3
    return count


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("n_phases", [3, 4, 9])
def test_equals_looking_at_every_edge(rng, n_phases, periodic):
    labels = rng.integers(0, n_phases, (5, 4, 6)).astype(np.uint8)
    density = triple_phase_boundary_density(labels, n_phases, periodic=periodic)
    assert density * labels.size == pytest.approx(naive_edges(labels, periodic))


def test_ring_is_four_over_pi_too_long(sphere):
    labels = np.zeros((12, 70, 64), dtype=np.uint8)
    labels[6:] = 1
    labels[:, sphere((70, 64), 25)] = 2
    # The cylinder 2 meets the plane between 0 and 1 in a ring of radius 25.
    length = triple_phase_boundary_density(labels, 3) * labels.size
    assert length == pytest.approx(4 / np.pi * 2 * np.pi * 25, rel=0.03)


def test_triple_points_in_2d():
    labels = straight_line((2, 8, 10))[0]
    assert triple_phase_boundary_density(labels, 3, voxel_size=(2, 3)) == pytest.approx(1 / 480)
    assert triple_phase_vertex_density(labels, 3) == pytest.approx(1 / 80)


def test_two_phases_never_meet_a_third(rng):
    labels = rng.integers(0, 2, (6, 5, 7)).astype(np.uint8)
    assert triple_phase_boundary_density(labels, 2) == 0
    assert triple_phase_vertex_density(labels, 2) == 0


def test_relabelling_changes_nothing(rng, blobs):
    labels = blobs(rng, (9, 12, 10), 3) % 3
    relabelled = np.array([1, 2, 0], dtype=np.uint8)[labels]
    for density in (triple_phase_boundary_density, triple_phase_vertex_density):
        assert density(relabelled, 3) == density(labels, 3)


def test_reference_values_of_the_documented_electrode(electrode):
    corner = electrode[:128, :128, :128]
    assert triple_phase_boundary_density(corner, 3) == pytest.approx(0.0592, abs=5e-5)
    assert triple_phase_vertex_density(corner, 3) == pytest.approx(0.0582, abs=5e-5)


def test_only_active_voxels_count():
    labels = straight_line((7, 8, 10))
    active = np.ones(labels.shape, dtype=bool)
    active[:2, 4, 5] = False  # at the line, of phase 2
    density = triple_phase_boundary_density(labels, 3, voxel_size=(0.5, 2, 3), active=active)
    assert density == pytest.approx(5 / 7 / (8 * 2 * 10 * 3))
    assert triple_phase_boundary_density(labels, 3, active=np.zeros_like(active)) == 0


def test_active_voxels_of_another_shape_are_refused():
    with pytest.raises(InputError, match=r"bool of shape \(4, 4, 4\), got bool of shape \(4, 4\)"):
        triple_phase_boundary_density(
            np.zeros((4, 4, 4), dtype=np.uint8), 3, active=np.ones((4, 4), dtype=bool)
        )


def test_too_many_phases_are_refused():
    with pytest.raises(InputError, match="at most 64 phases, got 65"):
        triple_phase_boundary_density(np.zeros((4, 4, 4), dtype=np.uint8), 65)
