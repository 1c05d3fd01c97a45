import pytest
import torch
from torch.distributions import Normal
from torch.distributions import kl_divergence as independent_divergence

from matvir.models.vae import Vae, draw_codes, kl_divergence
from matvir.settings.models import VaeNetworkConfig
from matvir.storage.image_types import COLOUR, PHASES
from matvir.training.seeding import seeded

CONFIG = VaeNetworkConfig(image_size=24, latent_length=5, channels=(4, 6, 8), discriminator=None)


@pytest.fixture
def network():
    made = Vae(CONFIG, 3)
    made.initialise(seeded(1))
    return made


def test_divergence_is_that_of_normal_distributions():
    mean, log_variance = torch.randn((2, 4, 5), generator=seeded(0))
    ours = kl_divergence(mean, log_variance)
    theirs = independent_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum(
        dim=1
    )
    torch.testing.assert_close(ours, theirs)
    assert kl_divergence(torch.zeros(1, 5), torch.zeros(1, 5)).item() == 0


def test_codes_have_the_mean_and_variance_that_they_are_drawn_with():
    mean = torch.tensor([0.5, -2.0]).expand(50_000, 2)
    log_variance = torch.tensor([0.0, 1.0]).expand(50_000, 2)
    codes = draw_codes(mean, log_variance, seeded(0))
    torch.testing.assert_close(codes.mean(dim=0), mean[0], atol=0.02, rtol=0)
    torch.testing.assert_close(codes.var(dim=0), log_variance[0].exp(), atol=0.05, rtol=0)


def test_images_become_codes_and_codes_images_one_by_one(network):
    images = torch.rand((4, 3, 24, 24), generator=seeded(0))
    mean, log_variance = network.encode(images)
    assert mean.shape == log_variance.shape == (4, 5)
    torch.testing.assert_close(network.encode(images[1:2])[0], mean[1:2])
    made = network(mean)
    assert made.shape == (4, 3, 24, 24)
    torch.testing.assert_close(made.sum(dim=1), torch.ones((4, 24, 24)))
    torch.testing.assert_close(network(mean[1:2]), made[1:2])


def test_every_parameter_is_of_the_encoder_or_of_the_decoder(network):
    both = [*network.encoding_parameters(), *network.decoding_parameters()]
    assert {id(one) for one in both} == {id(one) for one in network.parameters()}
    assert len(both) == len(list(network.parameters()))


def test_first_codes_are_drawn_with_little_noise(network):
    _, log_variance = network.encode(torch.zeros((1, 3, 24, 24)))
    assert log_variance.tolist() == [[-4] * 5]


def test_first_weights_keep_the_size_of_what_they_see(network):
    wide = Vae(VaeNetworkConfig(**{**vars(CONFIG), "channels": (32, 32, 32)}), 3)
    wide.initialise(seeded(1))
    logits = wide.logits(wide.draw(64, seeded(0)))
    assert 0.3 < logits.std().item() < 3


@pytest.mark.parametrize(
    ("kind", "means"), [(PHASES, (0.02, 0.9, 0.08)), (COLOUR, (0.1, 0.5, 0.8))]
)
def test_first_images_are_nearly_the_mean_one(kind, means):
    network = Vae(CONFIG, 3, kind)
    network.initialise(seeded(1))
    network.begin_at(torch.tensor(means))
    of_no_code = network(torch.zeros(1, 5))
    torch.testing.assert_close(of_no_code, torch.tensor(means)[:, None, None].expand_as(of_no_code))
    drawn = Vae(CONFIG, 3, kind)
    drawn.initialise(seeded(1))
    torch.testing.assert_close(network.decoder[-1].weight, 0.3 * drawn.decoder[-1].weight)


def test_means_of_nothing_and_all_leave_a_way_back():
    network = Vae(CONFIG, 2)
    network.initialise(seeded(1))
    network.begin_at(torch.tensor([0.0, 1.0]))
    assert 0.5e-3 < network(torch.zeros(1, 5)).min().item() < 2e-3
