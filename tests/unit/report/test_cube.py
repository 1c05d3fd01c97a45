"""Isometric pictures against geometry that is known."""

import numpy as np
import pytest

from matvir.report.cube import FACE_LIGHT, cut_corner, render_cube, render_surface

RGB = np.array([[200, 0, 0], [0, 200, 0], [0, 0, 200], [200, 200, 0]], dtype=np.uint8)


def faces(shape, width=120):
    """Draw a volume whose planes 0 of the three axes are the phases 0, 1 and 2."""
    labels = np.full(shape, 3, dtype=np.uint8)
    labels[:, :, 0] = 2
    labels[:, 0, :] = 1
    labels[0] = 0
    return render_cube(RGB[labels], solid=np.ones(shape, bool), width=width)


def test_the_three_faces_of_a_cube_have_equal_areas_and_their_light():
    image = faces((30, 30, 30))
    opaque = image[image[..., 3] == 255][:, :3]
    for axis in range(3):
        expected = np.round(RGB[axis] * FACE_LIGHT[axis])
        share = (np.abs(opaque - expected).max(axis=1) <= 1).mean()
        # The edge voxels of the two lower faces belong to a neighbour's plane.
        assert share == pytest.approx(1 / 3, abs=0.03)


def test_the_top_face_is_up_and_axis_1_goes_to_the_left():
    image = faces((30, 30, 30))
    height, width = image.shape[:2]
    assert image[height // 4, width // 2, 0] > 150
    # The left face holds axes 0 and 1: it is the plane 0 of axis 2.
    assert image[2 * height // 3, width // 5, 2] > 100
    assert image[2 * height // 3, 4 * width // 5, 1] > 100


def test_the_outline_is_a_hexagon_of_the_known_area():
    d, h, w = 20, 30, 40
    image = render_cube(
        RGB[np.zeros((d, h, w), np.uint8)], solid=np.ones((d, h, w), bool), width=140
    )
    pixel = (h + w) * np.sqrt(3) / 2 / 140
    area = np.sqrt(3) / 2 * (d * h + d * w + h * w) / pixel**2
    assert (image[..., 3] / 255).sum() == pytest.approx(area, rel=0.01)
    assert image.shape[0] * pixel == pytest.approx(d + (h + w) / 2, rel=0.02)


def test_the_cut_corner_shows_the_inside():
    labels = np.zeros((20, 20, 20), np.uint8)
    labels[5:15, 5:15, 5:15] = 1
    whole = render_cube(RGB[labels], solid=np.ones(labels.shape, bool), width=100)
    cut = render_cube(RGB[labels], solid=cut_corner(labels.shape), width=100)
    assert (whole[..., 1] > 0).sum() == 0
    assert (cut[..., 1] > 100).sum() > 300
    np.testing.assert_array_equal(cut[..., 3] > 0, whole[..., 3] > 0)


def test_the_first_voxel_of_a_ray_hides_those_behind():
    labels = np.zeros((8, 8, 8), np.uint8)
    labels[1:, 1:, 1:] = 1
    image = render_cube(RGB[labels], solid=np.ones(labels.shape, bool), width=80)
    assert image[..., 1].max() == 0


def test_a_single_voxel_is_seen_where_it_projects_to():
    phase = np.zeros((9, 9, 9), bool)
    phase[4, 4, 4] = True
    image = render_surface(phase, RGB[0], width=90)
    rows, columns = np.nonzero(image[..., 3])
    # The centre of a cube projects to the centre of its picture.
    assert columns.mean() == pytest.approx(44.5, abs=1)
    assert rows.mean() == pytest.approx((image.shape[0] - 1) / 2, abs=1)
    pixel = 18 * np.sqrt(3) / 2 / 90
    assert len(rows) == pytest.approx(3 * np.sqrt(3) / 2 / pixel**2, rel=0.2)


def test_an_absent_phase_gives_an_empty_picture():
    assert render_surface(np.zeros((6, 7, 8), bool), RGB[0], width=60).max() == 0


def test_the_surface_of_a_sphere_is_brighter_towards_the_light():
    grid = np.indices((31, 31, 31)) - 15
    image = render_surface((grid**2).sum(axis=0) < 12**2, RGB[3], width=150)
    height, width = image.shape[:2]
    top = image[int(height * 0.36), width // 2, :3].sum()
    bottom = image[int(height * 0.64), width // 2, :3].sum()
    assert top > 1.2 * bottom
