from dataclasses import replace

import pytest
import torch

from matvir.models.gan2d import ImageGenerator
from matvir.models.images import ImageDiscriminator
from matvir.settings.models import DiscriminatorConfig, Gan2dNetworkConfig
from matvir.storage.image_types import COLOUR, GREY, PHASES
from matvir.training.seeding import seeded

DISCRIMINATOR = DiscriminatorConfig(channels=(4, 6), spectral_norm=True, dropout=0.5)
GENERATOR = Gan2dNetworkConfig(
    image_size=24,
    latent_length=5,
    normalisation="batch",
    channels=(8, 8, 4),
    discriminator=DISCRIMINATOR,
)


def discriminator(**changes):
    network = ImageDiscriminator(replace(DISCRIMINATOR, **changes), 16, 3)
    network.initialise(seeded(1))
    return network


def generator(**changes):
    network = ImageGenerator(replace(GENERATOR, **changes), 3)
    network.initialise(seeded(1))
    return network


def test_spectral_norms_become_one():
    network = discriminator()
    images = torch.rand((2, 3, 16, 16), generator=seeded(0))
    network.train()
    for _ in range(20):  # each a power iteration
        network(images)
    for layer in (*network.convolutions, network.last):
        largest = torch.linalg.svdvals(layer.weight.flatten(1))[0].item()
        assert largest == pytest.approx(1, abs=0.01)
    plain = discriminator(spectral_norm=False)
    assert torch.linalg.svdvals(plain.convolutions[0].weight.flatten(1))[0] < 0.5


def test_first_weights_depend_on_the_seed_alone():
    first = discriminator().state_dict()
    torch.manual_seed(5)
    second = discriminator().state_dict()
    assert any(name.endswith("_u") for name in first)
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


def test_dropout_drops_whole_channels_and_keeps_the_mean():
    network = discriminator()
    keep = network.draw_dropout(2000, seeded(3))
    assert keep.shape == (2, 2000, 6)
    assert set(keep.flatten().tolist()) == {0.0, 2.0}
    assert keep.mean().item() == pytest.approx(1, abs=0.03)
    assert discriminator(dropout=0.0).draw_dropout(2, seeded(3)) is None
    image = torch.rand((1, 3, 16, 16), generator=seeded(0))
    nothing = torch.zeros((2, 1, 6))
    assert torch.equal(network(image, nothing), network.last.bias.expand(1))


def test_features_are_the_outputs_on_the_way_to_the_score():
    network = discriminator(spectral_norm=False)
    images = torch.rand((3, 3, 16, 16), generator=seeded(0))
    assert network.features(images, 1).shape == (3, 4, 8, 8)
    last = network.features(images, 2)
    assert last.shape == (3, 6, 4, 4)
    by_hand = last.flatten(1) @ network.last.weight[0] + network.last.bias
    torch.testing.assert_close(network(images), by_hand)


@pytest.mark.parametrize(("kind", "n_channels"), [(PHASES, 3), (GREY, 1), (COLOUR, 3)])
def test_images_are_probabilities_or_values(kind, n_channels):
    network = ImageGenerator(GENERATOR, n_channels, kind)
    network.initialise(seeded(1))
    images = network(network.draw(4, seeded(2)))
    assert images.shape == (4, n_channels, 24, 24)
    assert images.min() >= 0
    assert images.max() <= 1
    if kind.labelled:
        torch.testing.assert_close(images.sum(dim=1), torch.ones((4, 24, 24)))


def test_batch_normalisation_sees_the_others_and_instance_normalisation_does_not():
    for normalisation, depends in (("batch", True), ("instance", False)):
        network = generator(normalisation=normalisation).train()
        codes = network.draw(4, seeded(2))
        alone = network(codes[:2])
        together = network(codes)[:2]
        assert torch.allclose(alone, together, atol=1e-6) != depends
