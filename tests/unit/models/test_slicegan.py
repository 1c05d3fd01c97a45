from dataclasses import replace

import pytest
import torch
import yaml

from matvir.device import computing_in
from matvir.errors import ConfigError
from matvir.models.critic import Critic, Generator, check_sizes
from matvir.settings.build import from_dict, resolve
from matvir.settings.records import Config
from matvir.training.seeding import seeded


@pytest.fixture(scope="module")
def models(request):
    path = request.config.rootpath / "config/default.yaml"
    return from_dict(Config, resolve(yaml.safe_load(path.read_text()))).models


@pytest.fixture
def small(models):
    return models["slicegan-small"].network


def changed(network, **generator):
    from dataclasses import replace

    return replace(network, generator=replace(network.generator, **generator))


def drawn(network, n_phases):
    generator = Generator(network, n_phases)
    generator.initialise(seeded(9))
    return generator


def n_parameters(network):
    return sum(p.numel() for p in network.parameters())


def test_paper_networks_have_the_published_sizes(models):
    network = models["slicegan-paper"].network
    generator, critic = Generator(network, 3), Critic(network.critic, 3)
    # 13.1 M and 2.76 M parameters: arXiv 2102.07708, Table 1, with three phases.
    assert n_parameters(generator) == pytest.approx(13.1e6, rel=0.01)
    assert n_parameters(critic) == pytest.approx(2.76e6, rel=0.01)
    assert generator.level_sizes(4) == (6, 10, 18, 34, 64)
    assert [generator.output_size(n) for n in (4, 5, 7)] == [64, 96, 160]


def test_output_is_32_times_the_latent_less_64_and_non_cubic(small):
    generator = drawn(small, 3).eval()
    with torch.no_grad():
        volume = generator(generator.draw(2, (4, 3, 5), seeded(0)))
    assert volume.shape == (2, 3, 64, 32, 96)
    torch.testing.assert_close(volume.sum(dim=1), torch.ones(2, 64, 32, 96))


def test_forward_equals_table_1_written_out(small):
    """An independent chain of the published layers gives the same probabilities."""
    generator = drawn(small, 2).train()
    latents = generator.draw(2, (3, 3, 3), seeded(1))
    hidden = latents.field
    for level, convolution in enumerate(generator.convolutions):
        padding = 3 if level == 4 else 2
        hidden = torch.nn.functional.conv_transpose3d(
            hidden, convolution.weight, convolution.bias, stride=2, padding=padding
        )
        if level < 4:
            mean = hidden.mean(dim=(0, 2, 3, 4), keepdim=True)
            var = hidden.var(dim=(0, 2, 3, 4), keepdim=True, unbiased=False)
            hidden = ((hidden - mean) / (var + 1e-5).sqrt()).clamp(min=0)
    expected = hidden.exp() / hidden.exp().sum(dim=1, keepdim=True)
    torch.testing.assert_close(generator(latents), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("plane", [0, 31, 40, 63, 100, 127])
def test_each_output_voxel_sees_at_most_three_latents_per_axis(small, plane):
    """The receptive field is local: kernel 4 and stride 2 give at most 3 latents per axis."""
    generator = drawn(small, 2).eval()
    latents = generator.draw(1, (6, 3, 3), seeded(2))
    latents.field.requires_grad_(True)
    generator(latents)[0, 0, plane, 10, 20].backward()
    touched = (latents.field.grad.abs().sum(dim=(0, 1, 3, 4)) > 0).nonzero().flatten()
    assert 2 <= len(touched) <= 3
    assert touched[-1] - touched[0] == len(touched) - 1


def test_noise_channels_change_the_volume_and_fit_non_cubic_fields(models):
    generator = drawn(models["slicegan-swd"].network, 3).eval()
    first = generator.draw(1, (6, 7, 6), seeded(0))
    assert [tuple(n.shape[2:]) for n in first.noises] == [
        (8, 10, 8),
        (12, 16, 12),
        (20, 28, 20),
        (36, 52, 36),
    ]
    other = type(first)(first.field, tuple(torch.zeros_like(n) for n in first.noises))
    with torch.no_grad():
        assert not torch.equal(generator(first), generator(other))


def test_critic_scores_each_slice_alone(small):
    critic = Critic(small.critic, 3)
    slices = torch.rand((4, 3, 64, 64), generator=seeded(0))
    with torch.no_grad():
        together, alone = critic(slices), torch.cat([critic(s[None]) for s in slices])
    assert together.shape == (4,)
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_a_gradient_of_a_critic_is_that_of_differentiating_its_score(small, slope):
    critic, slices = critic_and_slices(small, slope)
    slices.requires_grad_(True)
    (expected,) = torch.autograd.grad(critic(slices).sum(), slices, create_graph=True)
    found = critic.gradient(slices)
    torch.testing.assert_close(found, expected)
    assert found.std() > 1e-3
    pairs = zip(of_penalty(critic, found), of_penalty(critic, expected), strict=True)
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs)
        assert ours.abs().max() > 1e-3


def test_a_gradient_of_a_critic_in_bfloat16_points_the_same_way(small):
    critic, slices = critic_and_slices(small, 0.0)
    exact = of_penalty(critic, critic.gradient(slices))
    with computing_in(torch.bfloat16, slices.device):
        coarse = of_penalty(critic, critic.gradient(slices).float())
    for ours, theirs in zip(coarse, exact, strict=True):
        assert torch.nn.functional.cosine_similarity(ours, theirs, dim=0) > 0.99
        assert not torch.equal(ours, theirs)


def critic_and_slices(network, slope):
    critic = Critic(replace(network.critic, negative_slope=slope), 3)
    critic.initialise(seeded(1), scaled=True)
    return critic, torch.rand((4, 3, 72, 64), generator=seeded(0))


def of_penalty(critic, gradient):
    """Return what a penalty on the gradients of scores changes each layer's weights by."""
    weights = [convolution.weight for convolution in critic.convolutions]
    penalty = (gradient.flatten(1).norm(dim=1) - 1).square().sum()
    return [one.flatten() for one in torch.autograd.grad(penalty, weights)]


@pytest.mark.parametrize(("size", "latent"), [(1, 3), (32, 3), (33, 4), (64, 4), (65, 5), (160, 7)])
def test_smallest_latent_that_covers_a_size(small, size, latent):
    assert Generator(small, 2).latent_size_for(size) == latent


def test_sizes_that_the_network_cannot_make_are_refused(small):
    with pytest.raises(
        ConfigError, match=r"latent_size: 2 gives layers of sizes .* size of this generator is 3"
    ):
        check_sizes(small, 2)
    with pytest.raises(
        ConfigError, match=r"slices of 32 pixels, too small for the critic; .* is 4 "
    ):
        check_sizes(small, 3)
    assert check_sizes(small, 4) == 64


def test_layers_that_do_not_match_are_refused(small):
    with pytest.raises(ConfigError, match=r"network.generator.strides: expected 5 numbers"):
        Generator(changed(small, strides=(2, 2)), 2)
