import numpy as np
import pytest

from matvir.errors import InputError
from matvir.metrics.interfacial_area import face_area_density, interfacial_area_density
from matvir.metrics.surface_area import specific_surface_area, specific_surface_area_smooth


def test_surface_is_the_sum_of_the_interfaces():
    labels = np.zeros((10, 4, 6), dtype=np.uint8)
    labels[4:7] = 1
    labels[7:] = 2
    assert specific_surface_area(face_area_density(labels, 4)) == pytest.approx([0.1, 0.2, 0.1, 0])


def test_face_counts_of_the_documented_electrode(electrode):
    # TauFactor's documentation, method "face_counting", in 1/m with voxels of 100 um / 256.
    voxel = 100e-6 / 256
    area = specific_surface_area(face_area_density(electrode, 3, voxel_size=(voxel,) * 3))
    assert area == pytest.approx([785502, 374028, 876100], rel=1e-5)


@pytest.mark.parametrize(("shape", "exact"), [((50, 46, 54), 4 * np.pi), ((90, 84), 2 * np.pi)])
def test_smooth_area_of_a_sphere_and_a_circle(sphere, shape, exact):
    mask = sphere(shape, 17.6)
    area = specific_surface_area_smooth(mask) * mask.size
    assert area == pytest.approx(exact * 17.6 ** (len(shape) - 1), rel=0.03)


@pytest.mark.parametrize("voxel_size", [(1, 1, 1), (1, 2, 0.5)])
def test_smooth_area_equals_taufactor(rng, blobs, voxel_size):
    from taufactor.metrics import specific_surface_area as reference

    labels = blobs(rng, (18, 25, 21), 3)
    expected = reference(labels, spacing=voxel_size, method="gradient", device="cpu")
    for phase in range(3):
        area = specific_surface_area_smooth(labels == phase, voxel_size=voxel_size)
        assert area == pytest.approx(expected[str(phase)], rel=1e-5)


def test_smooth_area_of_periodic_material_does_not_move(rng, blobs):
    mask = blobs(rng, (14, 18, 16), 2) == 1
    moved = np.roll(mask, (3, 7, 5), axis=(0, 1, 2))
    area = specific_surface_area_smooth(mask, periodic=True)
    assert specific_surface_area_smooth(moved, periodic=True) == pytest.approx(area, rel=1e-6)


def test_counted_and_smooth_area_of_large_features_agree(rng, blobs):
    labels = blobs(rng, (40, 44, 48), 2, scale=5)
    counted = specific_surface_area(interfacial_area_density(labels, 2))[1]
    assert specific_surface_area_smooth(labels == 1) == pytest.approx(counted, rel=0.06)


def test_labels_instead_of_a_mask_are_refused():
    with pytest.raises(InputError, match="mask of bool"):
        specific_surface_area_smooth(np.ones((4, 4), dtype=np.uint8))
