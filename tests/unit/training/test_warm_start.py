from dataclasses import replace

import pytest
import torch

from matvir.errors import ConfigError
from matvir.models.slicegan import Generator
from matvir.storage.image_types import COLOUR
from matvir.training.checkpoint import TrainedGenerator, save_generator
from matvir.training.loop import Trainer
from matvir.training.seeding import seeded

CPU = torch.device("cpu")


def trained(config, n_phases=3):
    network = Generator(config, n_phases)
    network.initialise(seeded(9))
    return TrainedGenerator(
        network=network,
        kind="slicegan",
        config=config,
        phases=("a", "b", "c", "d")[:n_phases],
        voxel_size_um=None,
        provenance={"material": "other"},
    )


def test_a_training_begins_with_the_weights_of_the_other_generator(model, data, tmp_path):
    path = tmp_path / "generator.pt"
    if model.network.conditional:
        other = trained(model.network)
        other.network.set_range([0.2, 0.3, 0.5], 0.3)
    else:
        other = trained(model.network)
    save_generator(path, other)
    warm = replace(model, training=replace(model.training, warm_start=str(path)))
    run = Trainer(warm, data, seed=1, device=CPU)
    for name, value in other.network.named_parameters():
        assert torch.equal(dict(run.generator.named_parameters())[name], value), name
        assert torch.equal(dict(run.average.named_parameters())[name], value), name
    if model.network.conditional:  # but for what is of its own material
        assert float(run.generator.fraction_range) == pytest.approx(0.1)
    assert run.settings["warm_start"] == {"material": "other"}


@pytest.mark.parametrize("name", ["relativistic_model", "conditional_model"])
def test_of_another_number_of_phases_what_depends_on_it_begins_anew(name, request):
    config = request.getfixturevalue(name).network
    network = Generator(config, 3)
    network.initialise(seeded(1))
    before = network.convolutions[-1].weight.clone()
    other = trained(config, n_phases=4)
    network.start_from(other.network, "g.pt")
    assert torch.equal(network.convolutions[-1].weight, before)
    assert torch.equal(network.convolutions[1].weight, other.network.convolutions[1].weight)


def test_a_last_layer_of_phases_does_not_make_values(relativistic_model):
    config = relativistic_model.network
    network = Generator(config, 3, COLOUR)
    network.initialise(seeded(1))
    before = network.convolutions[-1].weight.clone()
    network.start_from(trained(config).network, "g.pt")
    assert torch.equal(network.convolutions[-1].weight, before)


def test_another_network_is_refused_by_what_is_different(relativistic_model):
    config = relativistic_model.network
    other = trained(replace(config, latent_channels=6, noise_channels=0))
    message = (
        r"warm_start: g.pt has another network: latent_channels 6, expected 4; "
        r"noise_channels 0, expected 4\. Start from a generator of the same model"
    )
    with pytest.raises(ConfigError, match=message):
        Generator(config, 3).start_from(other.network, "g.pt")
