"""Particles of known number, size and shape, in samples and voxels of unequal edges."""

import numpy as np
import pytest
from scipy import ndimage

from matvir.errors import InputError
from matvir.metrics.particles import particle_statistics, split_particles, without_fragments


def balls(shape, centres, radii, voxel=(1.0, 1.0, 1.0)):
    """Return the union of balls (discs in 2D); centres and radii in the unit of the edges."""
    axes = [(np.arange(n) + 0.5) * edge for n, edge in zip(shape, voxel, strict=False)]
    grid = np.meshgrid(*axes, indexing="ij", sparse=True)
    mask = np.zeros(shape, dtype=bool)
    for centre, radius in zip(centres, np.broadcast_to(radii, len(centres)), strict=True):
        mask |= sum((x - c) ** 2 for x, c in zip(grid, centre, strict=True)) < radius**2
    return mask


def lattice(counts, spacing, start):
    return [np.array(index) * spacing + start for index in np.ndindex(*counts)]


@pytest.mark.parametrize("voxel", [(1, 1, 1), (0.5, 0.5, 0.5), (2, 1, 1)])
def test_touching_balls_on_a_lattice(voxel):
    """Of 2 x 3 x 4 balls 12 + 16 + 18 pairs touch."""
    edge = min(voxel)
    size = np.array([36, 52, 68]) * edge
    shape = np.rint(size / voxel).astype(int)
    mask = balls(shape, lattice((2, 3, 4), 16 * edge, 10 * edge), 8 * edge, voxel)
    particles = split_particles(mask, voxel_size=voxel)
    assert particles.max() == 24
    assert np.array_equal(particles > 0, mask)
    found = particle_statistics(particles, voxel_size=voxel)
    # Balls of 8 and of 16 voxels hold their volume within 3 and 1.5 %.
    assert found.mean_diameter == pytest.approx(16 * edge, rel=0.01)
    assert found.median_diameter == pytest.approx(16 * edge, rel=0.01)
    assert found.coordination_number == pytest.approx(2 * 46 / 24)
    assert found.sphericity == pytest.approx(1, abs=0.04)
    assert found.number_density == pytest.approx(24 / np.prod((shape - 1) * voxel))


@pytest.mark.parametrize("overlap", [2.0, 1.8, 1.6])
def test_randomly_packed_balls_that_overlap(rng, overlap):
    shape, radius = np.array((64, 56, 80)), 7
    centres = []
    for point in radius + 1 + rng.random((3000, 3)) * (shape - 2 * radius - 2):
        if all(np.linalg.norm(point - other) >= overlap * radius for other in centres):
            centres.append(point)
    particles = split_particles(balls(shape, centres, radius))
    assert particles.max() == len(centres) > 40
    # The lenses of overlapping balls are counted once.
    diameter = particle_statistics(particles).mean_diameter
    assert 0.97 * 2 * radius < diameter < 1.005 * 2 * radius


@pytest.mark.parametrize(("distance", "n"), [(12, 1), (18, 2)])
def test_two_balls_are_split_at_a_thin_neck_only(distance, n):
    """Necks of balls of radius 10 have radii 8, which is too near to 10 in voxels, and 4.4."""
    radius_of_neck = np.sqrt(100 - distance**2 / 4)
    assert (radius_of_neck < 8) == (n == 2)
    mask = balls((26, 28, 50), [(13, 14, 12), (13, 14, 12 + distance)], 10)
    if n == 1:  # a bridge as thick as the balls leaves no neck
        mask |= balls((26, 28, 50), [(13, 14, 12 + d) for d in range(distance)], 9.5)
    assert split_particles(mask).max() == n


def test_every_part_has_a_particle(rng):
    """Also single voxels, walls and lines one voxel thick."""
    mask = rng.random((14, 12, 16)) < 0.2
    mask[3] = True
    particles = split_particles(mask)
    assert np.array_equal(particles > 0, mask)
    parts, n_parts = ndimage.label(mask)
    assert all(particles[parts == part].max() > 0 for part in range(1, n_parts + 1))
    for particle in range(1, particles.max() + 1):
        assert ndimage.label(particles == particle)[1] == 1


def test_two_sizes():
    """By number the mean lies between them, by volume the large one is the median."""
    shape = (40, 44, 64)
    centres = [(20, 22, 20), (10, 10, 45), (10, 30, 45), (30, 10, 45)]
    found = particle_statistics(split_particles(balls(shape, centres, [14, 6, 6, 6])))
    large = 1 / np.prod([39 - 28, 43 - 28, 63 - 28])
    small = 1 / np.prod([39 - 12, 43 - 12, 63 - 12])
    mean = (large * 28 + 3 * small * 12) / (large + 3 * small)
    assert found.mean_diameter == pytest.approx(mean, rel=0.005)
    assert found.median_diameter == pytest.approx(28, rel=0.005)
    assert found.coordination_number == 0


@pytest.mark.parametrize(
    ("window", "extent"), [((6, 5, 7), (3, 2, 2)), ((6, 5, 4), (7, 1, 5)), ((9, 11), (4, 3))]
)
def test_number_is_right_on_average_over_all_places_of_a_window(window, extent):
    """A particle is seen from many places of the window; together they must count it once."""
    around = np.zeros([2 * n + e for n, e in zip(window, extent, strict=True)], dtype=np.int32)
    around[tuple(slice(n, n + e) for n, e in zip(window, extent, strict=True))] = 1
    places = np.ndindex(*[n + e for n, e in zip(window, extent, strict=True)])
    total = 0.0
    for place in places:
        seen = around[tuple(slice(p, p + n) for p, n in zip(place, window, strict=True))]
        total += particle_statistics(np.ascontiguousarray(seen)).number_density
    assert total == pytest.approx(1)


def test_particles_at_the_border_have_no_size():
    particles = np.zeros((12, 14, 16), dtype=np.int32)
    particles[:4, 3:6, 3:6] = 1
    particles[8:, 10:, 12:] = 2  # in a corner
    found = particle_statistics(particles)
    assert found.number_density * 11 * 13 * 15 == pytest.approx(1 / 2 + 1 / 8)
    assert np.isnan([found.mean_diameter, found.median_diameter]).all()
    assert np.isnan([found.sphericity, found.coordination_number]).all()


@pytest.mark.parametrize(
    ("halves", "voxel"),
    [((8, 8, 20), (1, 1, 1)), ((16, 8, 8), (1, 1, 1)), ((6, 6, 12), (1, 0.5, 0.5))],
)
def test_sphericity_of_an_ellipsoid(halves, voxel):
    a, c = min(halves), max(halves)
    e = np.sqrt(1 - a**2 / c**2)
    surface = 2 * np.pi * a**2 * (1 + c / (a * e) * np.arcsin(e))
    expected = np.cbrt(np.pi) * (8 * np.pi * a**2 * c) ** (2 / 3) / surface
    axes = [np.arange(-h - 2, h + 2, v) + v / 2 for h, v in zip(halves, voxel, strict=True)]
    grid = np.meshgrid(*axes, indexing="ij", sparse=True)
    inside = sum((x / h) ** 2 for x, h in zip(grid, halves, strict=True)) < 1
    found = particle_statistics(inside.astype(np.int32), voxel_size=voxel)
    assert found.sphericity == pytest.approx(expected, rel=0.03)
    assert found.sphericity < 0.97


@pytest.mark.parametrize("voxel", [(1, 1), (2, 1)])
def test_discs(voxel):
    centres = lattice((2, 3), 28, 16)
    shape = tuple(int(n / edge) for n, edge in zip((60, 90), voxel, strict=True))
    mask = balls(shape, centres, 14, voxel)
    mask &= ~balls(shape, centres[:1], 5, voxel)  # one is a ring
    particles = split_particles(mask & balls(shape, centres[1:], 14, voxel), voxel_size=voxel)
    assert particles.max() == 5
    found = particle_statistics(particles, voxel_size=voxel)
    assert found.mean_diameter == pytest.approx(28, rel=0.01)
    assert found.sphericity == pytest.approx(1, abs=0.03)
    ring = particle_statistics(mask.astype(np.int32) * (ndimage.label(mask)[0] == 1))
    assert ring.sphericity < 0.75


@pytest.mark.parametrize(("shape", "smallest"), [((20, 24, 28), (2, 2, 2)), ((20, 24), (2, 2))])
def test_fragments_are_left_out(shape, smallest):
    particles = np.zeros(shape, dtype=np.int32)
    particles[(slice(2, 6),) * len(shape)] = 2
    particles[tuple(slice(10, 10 + n) for n in smallest)] = 4
    line = (slice(14, 15),) * (len(shape) - 1) + (slice(14, 13 + int(np.prod(smallest))),)
    particles[line] = 1  # a voxel fewer
    particles[(18,) * len(shape)] = 3
    found = without_fragments(particles)
    expected = np.zeros(shape, dtype=int)
    expected[particles == 2] = 1
    expected[particles == 4] = 2
    assert np.array_equal(found, expected)
    assert without_fragments(np.zeros(shape, dtype=np.int32)).max() == 0


def test_what_is_too_small_has_no_surface():
    particles = np.zeros((8, 9, 10), dtype=np.int32)
    particles[4, 4, 4] = 1
    found = particle_statistics(particles)
    assert np.isnan(found.sphericity)
    assert found.mean_diameter == pytest.approx(np.cbrt(6 / np.pi))


@pytest.mark.parametrize("value", [False, True])
def test_absent_or_full_phase(value):
    particles = split_particles(np.full((6, 7, 8), value))
    assert particles.max() == int(value)
    found = particle_statistics(particles)
    assert np.isnan(found.mean_diameter)
    assert found.number_density == 0  # what reaches from face to face has no end to count


def test_labels_are_refused():
    with pytest.raises(InputError, match="expected a mask of bool, got int64"):
        split_particles(np.ones((4, 4), dtype=np.int64))
