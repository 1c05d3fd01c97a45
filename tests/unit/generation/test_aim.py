from copy import deepcopy

import numpy as np
import pytest
import torch
import yaml

from matvir.errors import ConfigError
from matvir.generation import aim as aiming
from matvir.generation.aim import aim, as_fractions
from matvir.generation.blocks import BlockwiseGenerator
from matvir.generation.sampling import sample_labels
from matvir.models.slicegan import Generator
from matvir.settings.build import from_dict, resolve
from matvir.settings.records import Config
from matvir.training.seeding import seeded

CPU = torch.device("cpu")
PHASES = ("pore", "binder", "nmc")


@pytest.fixture(scope="module")
def network(request):
    """Return a conditional generator of few channels with random weights."""
    values = yaml.safe_load((request.config.rootpath / "config/default.yaml").read_text())
    layers = values["models"]["slicegan-fast"]["network"]["generator"]
    layers["channels"] = [8] * len(layers["channels"])
    config = from_dict(Config, resolve(values)).models["slicegan-conditional"].network
    network = Generator(config, 3)
    network.initialise(seeded(0))
    network.set_range([0.4, 0.2, 0.4], 0.1)
    network.train()
    with torch.no_grad():
        for index in range(4):
            network(network.draw(2, (8, 8, 9), seeded(index)))
    return network.eval()


def test_a_rare_phase_has_the_range_that_training_drew(network):
    rare = deepcopy(network)
    rare.set_range([0.5, 0.06, 0.44], 0.1)
    message = r"binder=0.12 is outside 0.015 .. 0.105"
    with pytest.raises(ConfigError, match=message):
        aim(rare, PHASES, {"binder": 0.12}, seed=0)


@pytest.fixture(autouse=True)
def few_volumes(monkeypatch):
    monkeypatch.setattr(aiming, "N_VOLUMES", 6)
    monkeypatch.setattr(aiming, "EDGE", 40)


@pytest.mark.parametrize("pore", [0.32, 0.48])
def test_volumes_of_fresh_seeds_have_the_fractions(network, pore):
    aimed = aim(network, PHASES, {"pore": pore}, seed=1)
    volumes = BlockwiseGenerator(aimed, CPU)
    labels = [sample_labels(volumes, (48, 40, 56), seed) for seed in range(8)]
    found = np.bincount(np.ravel(labels), minlength=3) / np.size(labels)
    rest = 1 - pore
    assert found == pytest.approx([pore, rest / 3, 2 * rest / 3], abs=0.02)
    # The generator itself is as it was, and its input is what is wanted.
    assert network.aims.tolist() == pytest.approx([0.4, 0.2, 0.4])
    assert volumes.condition[0, 0].item() == pytest.approx((pore - 0.4) / 0.1, abs=1e-4)


def test_blocks_are_those_of_the_network_as_it_was_trained(network):
    """The condition reaches every block, whatever its place."""
    aimed = aim(network, PHASES, {"pore": 0.45}, seed=1)
    volumes = BlockwiseGenerator(aimed, CPU)
    size = (40, 24, 33)
    volume = volumes.volume(3, size)
    numbers = [
        torch.from_numpy(field.window([(0, edge) for edge in grid]))[None]
        for field, grid in zip(volume.fields, volume.grids, strict=False)
    ]
    condition = aimed.conditions(torch.tensor([0.45, 0.55 / 3, 1.1 / 3]))
    channels = condition[None, :, None, None, None].expand(-1, -1, *numbers[0].shape[2:])
    field = torch.cat([numbers[0], channels], dim=1)
    with torch.no_grad():
        hidden = field
        for level, normalisation in enumerate(aimed.normalisations):
            hidden = torch.relu(normalisation(aimed.convolutions[level](hidden)))
            hidden = torch.cat([hidden, numbers[level + 1]], dim=1)
        expected = aimed.convolutions[-1](hidden).argmax(dim=1)[0, :40, :24, :33].numpy()
    for block in (16, 64):
        labels = sample_labels(volumes, size, 3, block=block)
        assert (labels != expected).mean() < 1e-3


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"pore": 0.55}, r"pore=0.55 is outside 0.3 .. 0.5, the range .* --extrapolate"),
        ({"binder": 0.4}, r"pore=0.3.* outside|binder=0.4 is outside 0.1 .. 0.3"),
        ({"pore": 0.5, "binder": 0.04}, r"binder=0.04 is outside 0.1 .. 0.3"),
        ({"glass": 0.4}, r"there is no phase 'glass'"),
    ],
)
def test_fractions_that_it_was_not_trained_for_are_refused(network, wanted, message):
    with pytest.raises(ConfigError, match=message):
        aim(network, PHASES, wanted, seed=0)


def test_beyond_the_range_on_request(network):
    aimed = aim(network, PHASES, {"pore": 0.55}, seed=0, extrapolate=True)
    assert aimed.aims[0].item() == pytest.approx(0.55)


def test_a_generator_of_one_material_is_refused(network, request):
    values = yaml.safe_load((request.config.rootpath / "config/default.yaml").read_text())
    config = from_dict(Config, resolve(values)).models["slicegan-swd"].network
    with pytest.raises(ConfigError, match=r"of its material only.*slicegan-conditional"):
        aim(Generator(config, 3), PHASES, {"pore": 0.4}, seed=0)


def test_pairs_are_read():
    assert as_fractions(["pore=0.35", "nmc=.5"]) == {"pore": 0.35, "nmc": 0.5}


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["pore:0.3"], "expected PHASE=FRACTION such as pore=0.35, got 'pore:0.3'"),
        (["pore=a"], "got 'pore=a'"),
        (["pore=0.3", "pore=0.4"], "'pore' is given twice"),
    ],
)
def test_what_is_no_pair_is_refused(pairs, message):
    with pytest.raises(ConfigError, match=message):
        as_fractions(pairs)
