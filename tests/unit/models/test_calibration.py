from statistics import NormalDist

import pytest
import torch
import yaml

from matvir.models.calibration import offsets_for_fractions, recalibrate
from matvir.models.slicegan import Generator
from matvir.settings.build import from_dict, resolve
from matvir.settings.records import Config
from matvir.training.seeding import seeded


@pytest.fixture
def network(request):
    path = request.config.rootpath / "config/default.yaml"
    model = from_dict(Config, resolve(yaml.safe_load(path.read_text()))).models["slicegan-small"]
    generator = Generator(model.network, 3)
    generator.initialise(seeded(4))
    return generator


def shares(logits):
    return (torch.bincount(logits.argmax(dim=1), minlength=logits.shape[1]) / len(logits)).tolist()


def test_offsets_of_two_phases_are_the_quantile_of_a_normal_distribution():
    """The difference of two standard normal logits has variance 2."""
    logits = torch.randn((400_000, 2), generator=seeded(0))
    first, second = offsets_for_fractions(logits, [0.2, 0.8]).tolist()
    assert first == pytest.approx(-second, abs=1e-6)
    # The standard error of this quantile is 0.0032.
    assert first - second == pytest.approx(2**0.5 * NormalDist().inv_cdf(0.2), abs=0.015)


@pytest.mark.parametrize("wanted", [(0.45, 0.4, 0.15), (0.98, 0.01, 0.01), (0.2, 0.3, 0.1, 0.4)])
def test_offsets_give_each_phase_its_share(wanted):
    random = seeded(1)
    logits = torch.randn((20_000, len(wanted)), generator=random) * 3
    logits[:, 0] += 4 * logits[:, 1]  # logits depend on each other
    offsets = offsets_for_fractions(logits, wanted)
    assert offsets.sum().item() == pytest.approx(0, abs=1e-4)
    assert shares(logits + offsets) == pytest.approx(wanted, abs=2e-4)


def test_normalisations_see_in_use_what_they_were_recalibrated_with(network):
    latents = network.draw(5, (4, 5, 3), seeded(2))
    with torch.no_grad():
        together = network.train()(latents)
    recalibrate(network, lambda: network.hidden(latents))
    assert not network.training
    with torch.no_grad():
        # Statistics in use divide by n - 1, those of a batch by n.
        torch.testing.assert_close(network(latents), together, rtol=2e-3, atol=2e-4)


def test_matched_network_has_the_fractions_and_only_other_biases(network):
    first = network.draw(4, (4, 4, 4), seeded(2))
    recalibrate(network, lambda: network.hidden(first))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    latents = network.draw(4, (4, 5, 3), seeded(3))
    network.match(latents, [0.5, 0.1, 0.4])
    with torch.no_grad():
        labels = network(latents).argmax(dim=1)
    fractions = (torch.bincount(labels.flatten(), minlength=3) / labels.numel()).tolist()
    # Every third voxel along each axis was counted.
    assert fractions == pytest.approx([0.5, 0.1, 0.4], abs=0.02)
    changed = [k for k, v in network.state_dict().items() if not torch.equal(v, before[k])]
    assert changed == ["convolutions.4.bias"]
