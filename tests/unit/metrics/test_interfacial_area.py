import contextlib
import io

import numpy as np
import pytest

from matvir.errors import InputError
from matvir.metrics.interfacial_area import face_area_density, interfacial_area_density


def test_layers_are_exact_and_use_the_edge_along_their_normal():
    labels = np.zeros((10, 6, 8), dtype=np.uint8)
    labels[4:7] = 1
    labels[7:] = 2
    density = face_area_density(labels, 3, voxel_size=(0.5, 2, 3))
    # One interface of 6 x 8 faces each in a sample that is 10 x 0.5 high.
    expected = np.zeros((3, 3))
    expected[0, 1] = expected[1, 0] = expected[1, 2] = expected[2, 1] = 1 / (10 * 0.5)
    assert density == pytest.approx(expected)
    wrapped = face_area_density(labels, 3, voxel_size=(0.5, 2, 3), periodic=True)
    expected[0, 2] = expected[2, 0] = 1 / (10 * 0.5)
    assert wrapped == pytest.approx(expected)


@pytest.mark.parametrize(("shape", "faces"), [((4, 6, 8), 3), ((6, 8), 2)])
def test_periodic_checkerboard(shape, faces):
    labels = (np.indices(shape).sum(axis=0) % 2).astype(np.uint8)
    assert face_area_density(labels, 2, periodic=True)[0, 1] == faces


@pytest.mark.parametrize(("shape", "exact"), [((50, 46, 54), 4 * np.pi), ((90, 84), 2 * np.pi)])
@pytest.mark.parametrize("radius", [10.3, 17.6])
def test_sphere_and_circle(sphere, shape, exact, radius):
    labels = sphere(shape, radius).astype(np.uint8)
    area = interfacial_area_density(labels, 2)[0, 1] * labels.size
    assert area == pytest.approx(exact * radius ** (len(shape) - 1), rel=0.03)


def test_sphere_in_voxels_that_are_no_cubes(sphere):
    labels = sphere((48, 48, 48), 20)[::2].astype(np.uint8)
    area = interfacial_area_density(labels, 2, voxel_size=(2, 1, 1))[0, 1] * labels.size * 2
    assert area == pytest.approx(4 * np.pi * 20**2, rel=0.03)


def test_equals_taufactor(rng, blobs):
    from taufactor.metrics import interfacial_areas

    labels = blobs(rng, (12, 15, 9), 3)
    with contextlib.redirect_stdout(io.StringIO()):
        reference = interfacial_areas(labels.astype(np.int64), normalize=False, device="cpu")
    density = face_area_density(labels, 3) * labels.size
    assert {pair: density[pair] for pair in reference} == pytest.approx(reference)
    assert len(reference) == 3


def test_relabelling_and_turning_change_nothing(rng, blobs):
    labels = blobs(rng, (12, 15, 9), 3)
    order = np.array([2, 0, 1], dtype=np.uint8)
    density = face_area_density(labels, 3, voxel_size=(1, 2, 3))
    relabelled = face_area_density(order[labels], 3, voxel_size=(1, 2, 3))
    assert relabelled[np.ix_(order, order)] == pytest.approx(density)
    turned = face_area_density(labels.transpose(2, 0, 1), 3, voxel_size=(3, 1, 2))
    assert turned == pytest.approx(density)


def test_wrong_voxel_size_is_refused():
    with pytest.raises(InputError, match="3 positive numbers"):
        face_area_density(np.zeros((3, 3, 3), dtype=np.uint8), 1, voxel_size=(1, 1))
