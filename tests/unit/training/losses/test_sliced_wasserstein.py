import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from matvir.errors import ConfigError
from matvir.training.loop import Trainer
from matvir.training.losses.sliced_wasserstein import (
    pyramid,
    random_directions,
    random_patches,
    sliced_wasserstein,
)
from matvir.training.seeding import seeded

CPU = torch.device("cpu")


def test_shifted_points_are_apart_by_the_squared_shift_along_each_direction():
    points = torch.randn((500, 3), generator=seeded(0))
    shift = torch.tensor([1.0, -2.0, 0.5])
    directions = random_directions(3, 7, seeded(1))
    expected = ((shift @ directions) ** 2).mean()
    torch.testing.assert_close(sliced_wasserstein(points, points + shift, directions), expected)


def test_one_dimension_is_bounded_by_scipy_and_blind_to_order():
    first, second = torch.rand((100, 1), generator=seeded(0)), torch.rand((100, 1)) * 0 + 2
    direction = torch.ones((1, 1))
    # All mass moves by 2 - x, so W2^2 is the mean of (2 - x)^2, and W1 its first moment.
    torch.testing.assert_close(
        sliced_wasserstein(first, second, direction), ((2 - first) ** 2).mean()
    )
    w1 = wasserstein_distance(first.flatten(), second.flatten())
    assert w1**2 <= sliced_wasserstein(first, second, direction)
    shuffled = first[torch.randperm(100, generator=seeded(1))]
    assert sliced_wasserstein(first, shuffled, direction) == 0


def test_directions_are_unit_vectors():
    lengths = random_directions(147, 20, seeded(0)).norm(dim=0)
    torch.testing.assert_close(lengths, torch.ones(20))


def test_patches_are_pieces_of_the_images_including_the_corners():
    images = torch.arange(2 * 2 * 5 * 6, dtype=torch.float32).reshape(2, 2, 5, 6)
    every = images.unfold(2, 3, 1).unfold(3, 3, 1)  # (B, C, 3, 4, 3, 3)
    every = every.permute(0, 2, 3, 4, 5, 1).reshape(2 * 3 * 4, -1)
    drawn = random_patches(images, 3, 2000, seeded(0))
    matches = (drawn[:, None] == every[None]).all(dim=2)
    assert matches.any(dim=1).all()
    assert matches.any(dim=0).all()
    # 24 places drawn 2,000 times: each 83 +- 9 times.
    counts = matches.sum(dim=0)
    assert counts.min() > 40
    assert counts.max() < 130


def test_pyramid_takes_means():
    levels = pyramid(torch.arange(16.0).reshape(1, 1, 4, 4), 3)
    assert levels[1].flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
    assert levels[2].item() == 7.5


def test_too_many_levels_are_refused_with_the_sizes(settings, data):
    from matvir.settings.build import from_dict, merge
    from matvir.settings.models import ModelConfig

    values = merge(
        settings["models"]["slicegan-swd"], {"training": {"objective": {"patches": {"levels": 5}}}}
    )
    with pytest.raises(
        ConfigError, match=r"100 pixels are 6 pixels at level 5, below the patch size 7"
    ):
        Trainer(
            from_dict(ModelConfig, values),
            data,
            seed=0,
            device=CPU,
        )


def test_crops_of_a_round_field_of_view_are_as_small_as_the_slices(patch_model, data):
    """A crop as large as the image has no room in a circle."""
    from dataclasses import replace

    rows, columns = np.ogrid[:80, :96]
    inside = (rows - 40) ** 2 + (columns - 48) ** 2 < 38**2
    masked = replace(data, sections={0: (data.sections[0] * inside).astype(np.uint8)})
    sizes = [
        Trainer(patch_model, one, seed=0, device=CPU).objective.views[0].sampler.size
        for one in (data, masked)
    ]
    assert sizes == [32, 16]
