import numpy as np
import torch

from matvir.training.spatial_statistics import soft_correlations, soft_indicators

PAIRS = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]


def one_hot_images(n=2, rows=6, columns=10):
    labels = np.random.default_rng(0).integers(0, 3, (n, rows, columns))
    return np.stack([labels == phase for phase in range(3)], axis=1).astype(np.float32)


def test_correlations_of_one_hot_images_are_counts_of_shifted_pixels():
    images = one_hot_images()
    # So narrow a bell leaves nothing where a phase is not.
    found = soft_correlations(torch.from_numpy(images), 0.05).numpy()
    assert found.shape == (2, len(PAIRS), 6, 10)
    for pair, (first, second) in enumerate(PAIRS):
        for lag in ((0, 0), (0, 1), (2, 0), (1, 7), (5, 9)):
            there = np.roll(images[:, second], (-lag[0], -lag[1]), axis=(1, 2))
            counted = (images[:, first] * there).mean(axis=(1, 2))
            np.testing.assert_allclose(found[:, pair, *lag], counted, atol=1e-6)


def test_statistics_do_not_see_where_an_image_begins():
    images = torch.from_numpy(one_hot_images())
    moved = torch.roll(images, (2, 3), dims=(2, 3))
    found, expected = (soft_correlations(one, 0.25) for one in (moved, images))
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-4)
    assert not torch.equal(images, moved)


def test_the_bell_is_that_of_the_source():
    shares = torch.tensor([1.0, 0.75, 0.5, 0.0])
    expected = torch.tensor([1.0, 0.60653, 0.13534, 0.00034])  # exp(-1/2), exp(-2), exp(-8)
    torch.testing.assert_close(soft_indicators(shares, 0.25), expected, atol=1e-5, rtol=0)


def test_gradients_are_those_of_finite_differences():
    images = torch.from_numpy(one_hot_images(1, 3, 4)).double().requires_grad_()

    def squares(values):
        return (soft_correlations(values, 0.5) ** 2).sum()

    assert torch.autograd.gradcheck(squares, images)
