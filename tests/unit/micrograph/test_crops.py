from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from matvir.errors import InputError
from matvir.micrograph.crops import CropSampler, samplers_per_axis
from matvir.micrograph.encoding import TrainingData
from matvir.storage.image_types import PHASES


def data(labels, n_phases, *, mirror=False, quarter_turns=False, material=None, axis=0):
    """Encode label sections of shape (n, rows, columns)."""
    material = np.ones(labels.shape, dtype=bool) if material is None else material
    sections = [
        PHASES.encode(section, n_phases, mask)
        for section, mask in zip(labels, material, strict=True)
    ]
    return TrainingData(
        phases=tuple(f"p{i}" for i in range(n_phases)),
        voxel_size_um=None,
        mirror=mirror,
        quarter_turns=quarter_turns,
        isotropic=True,
        sections={axis: np.stack(sections)},
    )


def unique(n, rows, columns):
    """Sections in which every pixel is a phase of its own."""
    return np.arange(n * rows * columns).reshape(n, rows, columns)


def drawn(sampler, n, seed=0):
    """Draw crops and return the phase of every pixel, shape (n, size, size)."""
    crops = sampler.sample(n, torch.Generator().manual_seed(seed))
    return crops.argmax(dim=1).numpy()


def test_crops_are_one_hot_floats(rng):
    sampler = CropSampler(data(rng.integers(0, 3, (2, 9, 12)), 3), 5, 0)
    crops = sampler.sample(40, torch.Generator().manual_seed(0))
    assert crops.shape == (40, 3, 5, 5)
    assert crops.dtype == torch.float32
    assert set(crops.unique().tolist()) == {0.0, 1.0}
    assert (crops.sum(dim=1) == 1).all()


def test_every_place_is_drawn_equally_often_edges_included():
    labels = unique(2, 4, 6)
    sampler = CropSampler(data(labels, labels.size), 3, 0)
    expected = {
        tuple(labels[k, y : y + 3, x : x + 3].ravel())
        for k, y, x in product(range(2), range(2), range(4))
    }
    counts = Counter(tuple(crop.ravel()) for crop in drawn(sampler, 4000))
    assert sampler.n_places == 16
    assert counts.keys() == expected
    assert chisquare(list(counts.values())).pvalue > 0.01


def test_crop_as_large_as_the_section():
    labels = unique(1, 5, 5)
    sampler = CropSampler(data(labels, 25), 5, 0)
    np.testing.assert_array_equal(drawn(sampler, 3), np.repeat(labels, 3, axis=0))


@pytest.mark.parametrize(
    ("mirror", "quarter_turns", "expected"),
    [
        (False, False, [lambda a: a]),
        (True, False, [lambda a: a, np.flipud, np.fliplr, lambda a: np.rot90(a, 2)]),
        (False, True, [lambda a, k=k: np.rot90(a, k) for k in range(4)]),
        (
            True,
            True,
            [lambda a, k=k: np.rot90(a, k) for k in range(4)]
            + [lambda a, k=k: np.rot90(a.T, k) for k in range(4)],
        ),
    ],
    ids=["none", "mirror", "quarter turns", "both"],
)
def test_only_the_allowed_symmetries_and_equally_often(mirror, quarter_turns, expected):
    labels = unique(1, 3, 3)
    sampler = CropSampler(data(labels, 9, mirror=mirror, quarter_turns=quarter_turns), 3, 0)
    allowed = {tuple(transform(labels[0]).ravel()) for transform in expected}
    counts = Counter(tuple(crop.ravel()) for crop in drawn(sampler, 1600))
    assert counts.keys() == allowed
    assert len(allowed) == len(expected)
    if len(allowed) > 1:
        assert chisquare(list(counts.values())).pvalue > 0.01


def test_same_seed_same_crops(rng):
    labels = rng.integers(0, 2, (3, 20, 30))
    sampler = CropSampler(data(labels, 2, mirror=True, quarter_turns=True), 8, 0)
    np.testing.assert_array_equal(drawn(sampler, 10, seed=4), drawn(sampler, 10, seed=4))
    assert (drawn(sampler, 10, seed=4) != drawn(sampler, 10, seed=5)).any()


def test_generator_goes_on_where_it_was():
    labels = unique(1, 6, 7)
    sampler = CropSampler(data(labels, labels.size), 3, 0)
    generator = torch.Generator().manual_seed(0)
    first, state = sampler.sample(8, generator), generator.get_state()
    second = sampler.sample(8, generator)
    generator.set_state(state)
    assert torch.equal(sampler.sample(8, generator), second)
    assert not torch.equal(first, second)


def test_only_windows_within_the_material():
    labels = unique(2, 7, 9)
    # A disk in the first section; the second is cut off in one corner.
    row, column = np.mgrid[:7, :9]
    material = np.stack([(row - 3) ** 2 + (column - 4) ** 2 <= 11, row + column > 4])
    sampler = CropSampler(data(labels, labels.size, material=material), 3, 0)
    expected = {
        tuple(labels[k, y : y + 3, x : x + 3].ravel())
        for k, y, x in product(range(2), range(5), range(7))
        if material[k, y : y + 3, x : x + 3].all()
    }
    counts = Counter(tuple(crop.ravel()) for crop in drawn(sampler, 3000))
    assert 1 < len(expected) < 70
    assert sampler.n_places == len(expected)
    assert counts.keys() == expected
    assert chisquare(list(counts.values())).pvalue > 0.01


def test_isotropic_section_stands_for_every_axis():
    labels = unique(1, 4, 5)
    encoded = data(labels, 20)
    first, second = (drawn(CropSampler(encoded, 3, axis), 5) for axis in (0, 2))
    np.testing.assert_array_equal(first, second)


def test_sections_of_their_axis():
    encoded = data(unique(1, 4, 5), 20, axis=1)
    assert CropSampler(encoded, 3, 1).n_places == 6


@pytest.mark.parametrize("shape", [(1, 7, 20), (1, 20, 7)])
def test_image_smaller_than_a_crop(shape):
    encoded = data(np.zeros(shape, dtype=int), 2)
    with pytest.raises(
        InputError, match=rf"smaller than a crop: .* {shape[1]} x {shape[2]} pixels, .* 8 x 8"
    ):
        CropSampler(encoded, 8, 0)


def test_no_window_within_the_material():
    material = np.ones((1, 6, 6), dtype=bool)
    material[0, 2:4, 2:4] = False
    encoded = data(np.zeros((1, 6, 6), dtype=int), 2, material=material)
    assert CropSampler(encoded, 2, 0).n_places == 16
    with pytest.raises(InputError, match="room for a crop of 3 x 3 pixels within the material"):
        CropSampler(encoded, 3, 0)


def test_every_device_gives_the_same_crops(rng, device):
    labels = rng.integers(0, 3, (3, 20, 30))
    encoded = data(labels, 3, mirror=True, quarter_turns=True)
    first, second = (
        CropSampler(encoded, 8, 0, device=where).sample(20, torch.Generator().manual_seed(1))
        for where in ("cpu", device)
    )
    assert second.device.type == device.type
    assert torch.equal(first, second.cpu())


def test_each_axis_has_its_own_sections_and_thin_stacks_use_those_of_axis_0(data_3d_like):
    thick, thin = data_3d_like
    samplers = samplers_per_axis(thick, 6, "cpu")
    assert len(set(map(id, samplers.values()))) == 3
    assert len(set(map(id, samplers_per_axis(thin, 6, "cpu").values()))) == 1
    with pytest.raises(InputError, match="axis 1: image smaller than a crop"):
        samplers_per_axis(replace(thin, isotropic=False), 6, "cpu")


@pytest.fixture
def data_3d_like():
    """Sections of a thick stack, and of one of 4 planes only."""

    def sections(depth):
        shapes = {0: (9, 10), 1: (depth, 10), 2: (depth, 9)}
        ones = {axis: np.ones((2, 2, *shape), np.uint8) for axis, shape in shapes.items()}
        return TrainingData(
            phases=("a", "b"),
            voxel_size_um=None,
            mirror=True,
            quarter_turns=True,
            isotropic=True,
            sections=ones,
        )

    return sections(8), sections(4)
