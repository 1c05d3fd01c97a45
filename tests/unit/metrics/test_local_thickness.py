import numpy as np
import pytest
from scipy import ndimage

from matvir.metrics.local_thickness import local_thickness


def mean_local_thickness(mask, **options):
    return local_thickness(mask, **options).mean


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slab(axis):
    mask = np.zeros((30, 26, 34), dtype=bool)
    np.moveaxis(mask, axis, 0)[8:18] = True
    assert mean_local_thickness(mask, voxel_size=(0.5, 0.5, 0.5)) == 5


@pytest.mark.parametrize(("shape", "radius"), [((40, 44, 36), 14), ((60, 50), 20)])
def test_sphere_and_circle(sphere, shape, radius):
    # The voxels at the rim are left to smaller spheres.
    assert mean_local_thickness(sphere(shape, radius)) == pytest.approx(2 * radius, abs=3)


def largest_spheres(mask):
    """Try every centre and every whole radius."""
    points = np.argwhere(mask)
    outside = np.argwhere(~mask)
    reach = np.sqrt(((points[:, None] - outside) ** 2).sum(axis=-1)).min(axis=1)
    apart = np.sqrt(((points[:, None] - points) ** 2).sum(axis=-1))
    radii = np.floor(reach)
    return np.max(np.where(apart < radii, radii, 0), axis=1)


@pytest.mark.parametrize("shape", [(12, 9, 14), (24, 30)])
def test_equals_trying_every_sphere(rng, blobs, shape):
    mask = blobs(rng, shape, 2) == 1
    assert mean_local_thickness(mask) == pytest.approx(2 * largest_spheres(mask).mean())


def test_mean_is_over_the_voxels_of_the_phase():
    mask = np.zeros((40, 30), dtype=bool)
    mask[4:8] = True  # thickness 4, 120 pixels
    mask[20:32] = True  # thickness 12, 360 pixels
    assert mean_local_thickness(mask) == 10


@pytest.mark.parametrize("edges", [(1, 1, 1), (0.5, 0.5, 0.5), (2, 1, 1)])
def test_quantiles_are_by_volume(edges):
    mask = np.zeros((40, 20, 14), dtype=bool)
    mask[2:6] = True  # 4 of 22 layers
    mask[10:18] = True  # 8
    mask[24:34] = True  # 10
    found = local_thickness(mask, voxel_size=edges).quantiles
    assert found == pytest.approx(np.array([4, 8, 10]) * edges[0])


@pytest.mark.parametrize("value", [False, True])
def test_absent_or_full_phase_has_none(value):
    found = local_thickness(np.full((6, 7, 8), value))
    assert np.isnan([found.mean, *found.quantiles]).all()


def test_cores_of_porespy_are_left_as_they_were(sphere):
    import porespy

    before = porespy.settings.ncores
    mean_local_thickness(sphere((12, 12), 4))
    assert porespy.settings.ncores == before


@pytest.mark.parametrize("edges", [(3.0, 1.0, 1.0), (1.0, 2.0, 1.0), (0.5, 0.5, 1.0)])
def test_a_ball_of_voxels_that_are_no_cubes_is_as_thick_as_one_of_cubes(edges):
    """A ball of diameter 24 in voxels that are longer along one axis, and in cubes."""

    def ball(edges):
        axes = [(np.arange(round(30 / edge)) + 0.5) * edge - 15 for edge in edges]
        z, y, x = np.meshgrid(*axes, indexing="ij")
        return z**2 + y**2 + x**2 <= 12**2

    found = mean_local_thickness(ball(edges), voxel_size=edges)
    cubes = mean_local_thickness(ball((min(edges),) * 3), voxel_size=(min(edges),) * 3)
    assert found == pytest.approx(cubes, rel=0.08)


def test_spheres_in_long_voxels_are_those_of_porespy_in_cubes(rng):
    from matvir.metrics.local_thickness import _local_radii, _radii_in_long_voxels

    mask = ndimage.gaussian_filter(rng.standard_normal((18, 20, 22)), 2) > 0
    np.testing.assert_allclose(_radii_in_long_voxels(mask, (0.5,) * 3), 0.5 * _local_radii(mask))
