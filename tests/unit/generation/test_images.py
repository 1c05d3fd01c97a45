import numpy as np
import pytest
import torch

from matvir.generation.images import sample_images
from matvir.metrics.gradient_energy import gradient_energy
from matvir.models.gan2d import ImageGenerator
from matvir.settings.models import Gan2dNetworkConfig
from matvir.storage.image_types import COLOUR, GREY, PHASES
from matvir.training.seeding import seeded

CPU = torch.device("cpu")
CONFIG = Gan2dNetworkConfig(
    image_size=24, latent_length=5, normalisation="batch", channels=(8, 4), discriminator=None
)


@pytest.fixture(params=[(PHASES, 3), (GREY, 1), (COLOUR, 3)])
def network(request):
    kind, n_channels = request.param
    made = ImageGenerator(CONFIG, n_channels, kind)
    made.initialise(seeded(1))
    with torch.no_grad():
        made.convolutions[-1].weight *= 40  # far from the mean of all
    return made.eval()


def test_a_seed_makes_the_same_image_in_any_company(network, monkeypatch):
    seeds = [5, 6, 7, 8, 9]
    together = list(sample_images(network, 24, seeds, CPU))
    monkeypatch.setattr("matvir.generation.images.BATCH", 2)
    again = list(sample_images(network, 24, seeds[::-1], CPU))[::-1]
    for first, second in zip(together, again, strict=True):
        # Sums of another order may round values the other way.
        assert (np.abs(first.voxels.astype(int) - second.voxels) > 1).mean() < 0.01
    assert (together[0].voxels != together[1].voxels).mean() > 0.1


def test_images_are_what_the_network_is_surest_of(network):
    made = next(sample_images(network, 24, [5], CPU))
    image = made.voxels
    with torch.no_grad():
        exact = network(network.draw(1, seeded(5)))[0].numpy()
    assert made.gradient_energy == pytest.approx(gradient_energy(exact), rel=1e-5)
    if network.kind.labelled:
        np.testing.assert_array_equal(image, exact.argmax(axis=0))
        assert made.certainty == pytest.approx(exact.max(axis=0).mean(), rel=1e-5)
        assert 1 / 3 < made.certainty < 1
        return
    assert made.certainty is None
    channels = image[None] if network.kind is GREY else np.moveaxis(image, -1, 0)
    np.testing.assert_allclose(channels / 255, exact, atol=0.5 / 255 + 1e-6)


def test_smaller_images_are_the_middle_of_larger_ones(network):
    whole, part = (next(sample_images(network, edge, [5], CPU)).voxels for edge in (24, 18))
    np.testing.assert_array_equal(part, whole[3:21, 3:21])
