import numpy as np
import pytest
from scipy import ndimage

from matvir.errors import InputError
from matvir.metrics.euler_number import euler_number_density


@pytest.mark.parametrize(("kind", "number"), [("ball", 1), ("shell", 2), ("ring", 0), ("two", 2)])
def test_known_bodies(sphere, kind, number):
    body = np.zeros((20, 24, 22), dtype=bool)
    if kind in ("ball", "shell"):
        body |= sphere(body.shape, 8)
    if kind == "shell":
        body &= ~sphere(body.shape, 4)  # one cavity
    if kind == "ring":
        body[9:12] = sphere((24, 22), 9) & ~sphere((24, 22), 5)  # one tunnel
    if kind == "two":
        body[2:5, 2:5, 2:5] = body[10:15, 10:15, 10:15] = True
    assert euler_number_density(body) * body.size == number


def test_disc_with_holes_in_units_of_length():
    mask = np.zeros((20, 30), dtype=bool)
    mask[2:18, 2:28] = True
    mask[5:8, 5:8] = mask[5:8, 12:15] = mask[12:14, 20:22] = False
    assert euler_number_density(mask, voxel_size=(0.5, 2)) == pytest.approx(-2 / 600)


def test_corners_do_not_connect():
    assert euler_number_density(np.eye(5, 6, dtype=bool)) * 30 == 5


def test_parts_minus_holes_of_a_random_image(rng):
    mask = np.pad(rng.random((30, 25)) < 0.5, 1)
    n_parts = ndimage.label(mask)[1]
    n_holes = ndimage.label(~mask, structure=np.ones((3, 3)))[1] - 1
    assert euler_number_density(mask) * mask.size == pytest.approx(n_parts - n_holes)


def test_labels_instead_of_a_mask_are_refused():
    with pytest.raises(InputError, match="mask of bool"):
        euler_number_density(np.ones((4, 4), dtype=np.uint8))
