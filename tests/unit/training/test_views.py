import numpy as np
import pytest
import torch

from matvir.errors import InputError
from matvir.micrograph.encoding import TrainingData
from matvir.training.seeding import seeded
from matvir.training.views import DiagonalView, build_views, real_size

CPU = torch.device("cpu")


def encoded(*shapes, rotation_axis=None, isotropic=False, phase=None):
    """Sections perpendicular to axis 0, 1 and 2 with these (rows, columns); None for no section."""
    sections = {}
    for axis, shape in enumerate(shapes):
        if shape is not None:
            labels = np.indices(shape)[0] % 2 if phase is None else phase(np.indices(shape))
            sections[axis] = np.stack([labels == 0, labels == 1])[None].astype(np.uint8)
    return TrainingData(
        phases=("a", "b"),
        voxel_size_um=None,
        mirror=False,
        quarter_turns=False,
        isotropic=isotropic,
        sections=sections,
        rotation_axis=rotation_axis,
    )


def test_an_isotropic_material_has_one_group_of_three_views():
    (group,) = build_views(encoded((20, 22), isotropic=True), 16, CPU)
    assert [view.axis for view in group] == [0, 1, 2]


def test_axes_without_sections_have_no_view():
    groups = build_views(encoded((20, 22), None, (20, 22)), 16, CPU)
    assert [[view.axis for view in group] for group in groups] == [[0], [2]]


def test_slices_and_crops_have_the_same_shape():
    views = build_views(encoded((30, 31), (32, 33), (34, 35), rotation_axis=1), 16, CPU)
    volumes = torch.rand((2, 2, 16, 16, 16))
    for (view,) in views:
        slices = view.slices(volumes, 3, seeded(0))
        assert len(slices) == 6
        assert view.real(6, seeded(1)).shape == slices.shape
    assert isinstance(views[-1][0], DiagonalView)


@pytest.mark.parametrize(("axis", "across"), [(0, 1), (1, 0), (2, 0)])
def test_diagonal_crops_keep_the_axis_and_are_stretched_across_it(axis, across):
    """Stripes perpendicular to the axis stay; those along it narrow by the square root of two."""
    of_axis, other = (0, 1) if axis < 3 - axis - across else (1, 0)
    shapes = [None] * 3
    shapes[across], shapes[3 - axis - across] = (60, 60), (60, 60)
    stripes = encoded(*shapes, rotation_axis=axis, phase=lambda index: index[of_axis] // 4 % 2)
    (view,) = build_views(stripes, 16, CPU)[-1]
    crop = view.real(5, seeded(0))[:, 0]
    assert (crop.diff(dim=2) == 0).all()
    assert (crop.diff(dim=1) != 0).any()
    stripes = encoded(*shapes, rotation_axis=axis, phase=lambda index: index[other] // 4 % 2)
    (view,) = build_views(stripes, 40, CPU)[-1]
    crop = view.real(1, seeded(0))[0, 0, 0]
    n_edges = int((crop.diff() != 0).sum())
    assert n_edges == pytest.approx(len(crop) * np.sqrt(2) / 4, abs=1)


def test_slices_along_a_diagonal_are_as_long_as_the_critic_needs():
    data = encoded((40, 40), (40, 40), rotation_axis=2)
    lengths = [build_views(data, 20, CPU, fits=fits)[-1][0].length for fits in FITS]
    assert lengths == [15, 18, 20]


FITS = [lambda _: True, lambda length: length >= 18, lambda _: False]


def test_sections_too_small_for_a_stretched_crop_are_refused():
    assert real_size(16) == 22
    data = encoded((20, 40), (20, 40), rotation_axis=0)
    with pytest.raises(InputError, match=r"axis 1: image smaller .* a crop has 22 x 22"):
        build_views(data, 16, CPU, fits=lambda length: length == 16)
