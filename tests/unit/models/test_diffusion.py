"""Noise levels, and the denoiser that takes noise away."""

import math
from itertools import pairwise

import pytest
import torch

from matvir.models.denoiser import Denoiser, signal_and_noise
from matvir.models.diffusion import (
    EDGE,
    Diffusion,
    ImageDiffusion,
    between_pixels,
    drawn_phases,
    fractions_of_volume,
    kinds_of_lines,
    less_noisy,
    levels_of_images,
    steps_of_volume,
)
from matvir.settings.models import DiffusionImageNetworkConfig, DiffusionNetworkConfig
from matvir.storage.image_types import GREY
from matvir.training.seeding import seeded


def test_levels_keep_the_variance_and_end_without_noise():
    [levels] = levels_of_images(7, 1)
    signal, spread = signal_and_noise(levels)
    torch.testing.assert_close(signal**2 + spread**2, torch.ones(8))
    assert spread[-1] == 0
    assert signal[0] == pytest.approx(0, abs=1e-6)


def test_images_at_the_following_level_are_drawn_from_the_posterior():
    """With the true image known, signal and noise are those of the level, and correlated right."""
    level, following = torch.tensor(0.7), torch.tensor(0.4)
    random = seeded(0)
    clean = torch.full((200_000,), 0.3)
    signal, spread = signal_and_noise(level)
    noisy = signal * clean + spread * torch.randn(clean.shape, generator=random)
    fresh = torch.randn(clean.shape, generator=random)
    now = less_noisy(noisy, clean, level, following, fresh)
    later_signal, later_spread = signal_and_noise(following)
    assert now.mean() == pytest.approx(later_signal.item() * 0.3, abs=0.01)
    assert now.std() == pytest.approx(later_spread.item(), rel=0.01)
    # Adding noise again must give the joint distribution of both levels.
    covariance = torch.cov(torch.stack([noisy, now]))[0, 1]
    assert covariance == pytest.approx((signal / later_signal * later_spread**2).item(), rel=0.02)


@pytest.mark.parametrize("n_levels", [2, 3, 30])
def test_steps_of_a_volume_lead_from_noise_to_none(n_levels):
    steps = steps_of_volume(n_levels)
    assert len(steps) == n_levels
    assert steps[0].level == 1
    assert steps[-1].following == 0
    for one, following in pairwise(steps):
        assert one.following == following.level < one.level
        assert following.settled or not one.settled
    assert [one.settled for one in steps][0 :: n_levels - 1] == [False, True]


def test_lines_that_look_alike_share_a_kind():
    assert kinds_of_lines([0, 0, 0]) == [0, 0, 0]
    assert kinds_of_lines([0, 1, 2]) == [0, 1, 2]
    # Layers across axis 0: the two axes within a layer are alike.
    assert kinds_of_lines([1, 0, 0]) == [0, 1, 1]
    assert kinds_of_lines([0, -1, 1]) == [0, 1, 2]


def test_a_network_of_lines_sees_each_row_by_itself():
    lines = Denoiser((8, 16), 3, lines=True)
    lines.initialise(seeded(0))
    images = torch.randn(2, 3, 5, 16, generator=seeded(2))
    level, kind = torch.tensor([0.2, 0.7]), torch.tensor([0, 1])
    whole = lines(images, level, kind)
    assert whole.shape == images.shape
    torch.testing.assert_close(lines(images[:, :, 3:4], level, kind), whole[:, :, 3:4])


@pytest.mark.parametrize("kind", [0, 2])
def test_the_denoiser_keeps_shapes_and_sees_level_and_kind(kind):
    denoiser = Denoiser((8, 16, 24), 3)
    denoiser.initialise(seeded(0))
    for block in (*denoiser.down, *denoiser.up):
        torch.nn.init.normal_(block.modulation.weight, generator=seeded(1))
    images = torch.randn(2, 3, 24, 32, generator=seeded(2))
    assert denoiser.multiple == 8
    level = torch.tensor([0.2, 0.2])
    first = denoiser(images, level, torch.tensor([kind, kind]))
    assert first.shape == (2, 3, 24, 32)
    assert not torch.allclose(first, denoiser(images, level + 0.3, torch.tensor([kind, kind])))
    assert not torch.allclose(first, denoiser(images, level, torch.tensor([1, 1])))


def test_fractions_of_volumes_vary_as_they_should():
    fractions, deviations = torch.tensor([0.46, 0.14, 0.4]), torch.tensor([0.03, 0.012, 0.028])
    random = seeded(0)
    drawn = torch.stack(
        [fractions_of_volume(fractions, deviations**2, EDGE**3, random) for _ in range(4000)]
    )
    torch.testing.assert_close(drawn.mean(dim=0), fractions, atol=0.002, rtol=0)
    torch.testing.assert_close(drawn.std(dim=0), deviations, atol=0.002, rtol=0)
    torch.testing.assert_close(drawn.sum(dim=1), torch.ones(4000))
    # Eight times the volume has an eighth of the variance.
    larger = [
        fractions_of_volume(fractions, deviations**2, 8 * EDGE**3, random) for _ in range(999)
    ]
    expected = (deviations / math.sqrt(8)).tolist()
    assert torch.stack(larger).std(dim=0).tolist() == pytest.approx(expected, rel=0.1)


# On two lattices there are three steps, numbers to draw phases with, and two steps more.
@pytest.mark.parametrize(("lattices", "n_draws"), [(1, 3), (2, 6)])
def test_a_code_decides_an_image(lattices, n_draws):
    config = DiffusionImageNetworkConfig(image_size=16, channels=(8,), levels=3, lattices=lattices)
    network = ImageDiffusion(config, 2)
    network.initialise(seeded(0))
    network.lattices.fill_(lattices)
    codes = network.draw(2, seeded(1))
    assert codes.shape == (2, n_draws, 2, 16, 16)
    made = network(codes)
    assert made.shape == (2, 2, 16, 16)
    torch.testing.assert_close(made.sum(dim=1), torch.ones(2, 16, 16))
    # Of a batch each by itself, up to rounding.
    torch.testing.assert_close(network(codes[1:]), made[1:], atol=1e-4, rtol=1e-3)
    assert not torch.allclose(made[0], made[1])


def test_weights_and_descriptions_of_others_are_checked():
    config = DiffusionNetworkConfig(channels=(8,), levels=3, lattices=2)
    network = Diffusion(config, 2, GREY)
    network.check_weights()
    with pytest.raises(ValueError, match="channels"):
        Diffusion.check_description(
            DiffusionNetworkConfig(channels=(10**6,), levels=3, lattices=2), 2
        )
    with pytest.raises(ValueError, match="1000000 lattices"):
        Diffusion.check_description(
            DiffusionNetworkConfig(channels=(8,), levels=3, lattices=10**6), 2
        )
    network.kinds.fill_(-1)
    with pytest.raises(ValueError, match="kinds of slices"):
        network.check_weights()
    network.kinds.fill_(0)
    network.lattices.fill_(3)
    with pytest.raises(ValueError, match="3 lattices"):
        network.check_weights()
    network.lattices.fill_(2)
    network.variances.fill_(-1.0)
    with pytest.raises(ValueError, match="variances"):
        network.check_weights()


def test_images_of_two_lattices_keep_what_the_coarser_one_made():
    """A denoiser that believes its eyes hardly changes what it is shown above the noise."""

    class Believing(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.shown = []

        def forward(self, images, level, kind):
            self.shown.append((images, float(level[0]), int(kind[0])))
            return 20 * images

    config = DiffusionImageNetworkConfig(image_size=16, channels=(8,), levels=20, lattices=2)
    network = ImageDiffusion(config, 2)
    network.lattices.fill_(2)
    network.denoiser = Believing()
    made = network(network.draw(3, seeded(1))).argmax(dim=1)
    coarse = [one for one in network.denoiser.shown if one[0].shape[-1] == 8]
    fine = [one for one in network.denoiser.shown if one[0].shape[-1] == 16]
    assert (len(coarse), len(fine)) == (20, 11)
    assert (coarse[0][1], fine[0][1]) == (1.0, pytest.approx(0.55))
    assert {one[2] for one in coarse} == {3}
    assert {one[2] for one in fine} == {0}
    begun = coarse[-1][0].argmax(dim=1)
    assert (made[:, ::2, ::2] == begun).float().mean() > 0.75


def test_pixels_between_others_are_their_means():
    images = torch.tensor([[0.0, 4.0], [8.0, 2.0]])[None, None]
    made = between_pixels(images)[0, 0]
    assert made[::2, ::2].equal(images[0, 0])
    assert made[0].tolist() == [0, 2, 4, 4]
    assert made[:, 0].tolist() == [0, 4, 8, 8]
    assert made[1, 1] == 3.5


@pytest.mark.parametrize(("first", "n_above"), [(0.55, 0), (0.75, 6), (1.0, 16)])
def test_steps_from_a_lower_level_are_as_far_apart(first, n_above):
    steps = steps_of_volume(20, first)
    assert steps[0].level == pytest.approx(first)
    assert steps[-1].following == 0
    assert [step.settled for step in steps] == [False] * n_above + [True] * 4
    assert all(one.following == other.level for one, other in pairwise(steps))


def test_phases_are_drawn_as_often_as_they_are_probable():
    probabilities = torch.tensor([0.2, 0.0, 0.5, 0.3])[:, None, None].expand(4, 100, 100)
    drawn = drawn_phases(probabilities, torch.rand(100, 100, generator=seeded(0)))
    assert drawn.sum(dim=0).eq(1).all()
    torch.testing.assert_close(drawn.mean(dim=(1, 2)), probabilities[:, 0, 0], atol=0.02, rtol=0)
    certain = torch.eye(3)[:, :, None]
    assert drawn_phases(certain, torch.tensor([[0.0], [0.5], [1.0]])).equal(certain)


@pytest.mark.parametrize("lattices", [1, 3])
def test_slices_are_made_on_all_lattices(lattices):
    network = Diffusion(DiffusionNetworkConfig(channels=(8, 8), levels=4, lattices=3), 2)
    network.initialise(seeded(0))
    network.lattices.fill_(lattices)
    asked = []
    network.denoiser.register_forward_hook(
        lambda _, given, __: asked.append((given[0].shape[-1], given[2].unique().item()))
    )
    made = network.sample(2, 1, seeded(1))
    assert made.shape == (2, 2, EDGE, EDGE)
    assert sorted(set(asked)) == sorted((EDGE // 2**n, 3 * n) for n in range(lattices))
