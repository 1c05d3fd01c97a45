import numpy as np
import pytest
import torch
import yaml

from matvir.config import Config, from_dict, merge, resolve
from matvir.generation.sampling import sample_labels, sample_seeds
from matvir.models.slicegan import Generator
from matvir.training.seeding import derived_seed, seeded

CPU = torch.device("cpu")


@pytest.fixture(params=["slicegan-small", "slicegan-swd"])
def generator(request):
    path = request.config.rootpath / "config/default.yaml"
    values = merge(
        resolve(yaml.safe_load(path.read_text())),
        {"models": {request.param: {"network": {"generator": {"channels": [8, 8, 8, 8]}}}}},
    )
    network = Generator(from_dict(Config, values).models[request.param].network, 3)
    network.initialise(seeded(0))
    return network.eval()


@pytest.mark.parametrize("size", [(64, 64, 64), (8, 40, 65), (32, 96, 33)])
def test_any_size_is_cut_exactly(generator, size):
    labels = sample_labels(generator, size, 5, CPU)
    assert labels.shape == size
    assert labels.dtype == np.uint8
    assert set(np.unique(labels)) <= {0, 1, 2}


def test_labels_are_the_most_probable_phase(generator):
    labels = sample_labels(generator, (64, 32, 64), 5, CPU)
    sizes = [generator.latent_size_for(edge) for edge in (64, 32, 64)]
    latents = generator.draw(1, sizes, seeded(5))
    with torch.no_grad():
        probabilities = generator(latents)[0, :, :64, :32, :64].numpy()
    np.testing.assert_array_equal(labels, probabilities.argmax(axis=0))


def test_a_seed_is_one_volume(generator):
    first, again, other = (sample_labels(generator, (32, 32, 32), s, CPU) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.01


def test_seeds_of_volumes_are_distinct_and_never_those_of_training():
    seeds = sample_seeds(0, 100)
    training = {derived_seed(0, "training", step) for step in range(1000)}
    assert len(set(seeds)) == 100
    assert not training & set(seeds)
    assert sample_seeds(0, 3) == seeds[:3]
    assert not set(sample_seeds(1, 100)) & set(seeds)
