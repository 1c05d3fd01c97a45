from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml

from matvir.errors import ConfigError
from matvir.generation.blocks import (
    BlockwiseGenerator,
    SeededVolume,
    largest_phases,
    phase_differences,
)
from matvir.generation.sampling import sample_blocks, sample_labels, sample_seeds
from matvir.models.slicegan import Generator, Latents
from matvir.settings.build import from_dict, merge, resolve
from matvir.settings.models import ConvolutionsConfig, SliceganNetworkConfig
from matvir.settings.records import Config
from matvir.training.seeding import derived_seed, seeded

CPU = torch.device("cpu")
SIZE = (70, 40, 65)
WHOLE = tuple((0, edge) for edge in SIZE)


@pytest.fixture(params=["slicegan-small", "slicegan-swd", "slicegan-fast"])
def network(request):
    path = request.config.rootpath / "config/default.yaml"
    values = resolve(yaml.safe_load(path.read_text()))
    model = values["models"][request.param]
    narrow = [8] * len(model["network"]["generator"]["channels"])
    values = merge(
        values,
        {"models": {request.param: {"network": {"generator": {"channels": narrow}}}}},
    )
    network = Generator(from_dict(Config, values).models[request.param].network, 3)
    network.initialise(seeded(0))
    with torch.no_grad():
        for index, normalisation in enumerate(network.normalisations):
            normalisation.weight.uniform_(0.5, 2, generator=seeded(index))
            normalisation.bias.uniform_(-1, 1, generator=seeded(index))
        network.convolutions[-1].weight *= 10  # clear phases
        network.train()
        smallest = network.latent_size_for(1)
        sizes = (smallest + 1, smallest + 2, smallest + 1)
        for index in range(8):  # running statistics that are not 0 and 1
            network(network.draw(1, sizes, seeded(index)))
    return network.eval()


@pytest.fixture
def generator(network):
    return BlockwiseGenerator(network, CPU)


@pytest.fixture
def anywhere(network, device):
    """The generator on each device; the network itself stays on the CPU."""
    return BlockwiseGenerator(network, device)


def in_one_go(network, generator, seed):
    """Return the probabilities of all of the volume from the network as it was trained."""
    volume = generator.volume(seed, SIZE)
    numbers = [
        torch.from_numpy(field.window([(0, edge) for edge in grid]))[None]
        for field, grid in zip(volume.fields, volume.grids, strict=False)
    ]
    with torch.no_grad():
        probabilities = network(Latents(numbers[0], tuple(numbers[1:])))[0]
    return probabilities[:, : SIZE[0], : SIZE[1], : SIZE[2]].numpy()


@pytest.mark.parametrize("size", [(64, 64, 64), (8, 40, 65), (32, 96, 33), (1, 1, 1)])
def test_any_size_is_cut_exactly(generator, size):
    labels = sample_labels(generator, size, 5)
    assert labels.shape == size
    assert labels.dtype == np.uint8
    assert set(np.unique(labels)) <= {0, 1, 2}


def test_probabilities_are_those_of_the_trained_network(network, anywhere, device):
    expected = in_one_go(network, anywhere, 5)
    values = anywhere.volume(5, SIZE).probabilities(WHOLE).cpu().numpy()
    # A GPU sums in another order than the CPU, which made the expected ones.
    np.testing.assert_allclose(values, expected, atol=1e-5 if device.type == "cpu" else 3e-5)
    assert expected.std() > 0.05


@pytest.mark.parametrize(("n_phases", "reference"), [(2, 0), (2, 1), (3, 1), (5, 0), (5, 4)])
def test_the_largest_phase_is_found_by_differences(n_phases, reference):
    # Small whole numbers are often equal, and exact.
    logits = torch.randint(-3, 4, (2, n_phases, 7, 5, 6), generator=seeded(n_phases)).float()
    kernels, bias = phase_differences(
        torch.eye(n_phases)[..., None, None, None], torch.zeros(n_phases), reference
    )
    differences = torch.einsum("bidhw,ik->bkdhw", logits, kernels[..., 0, 0, 0])
    assert differences.shape[1] == len(bias) == n_phases - 1
    np.testing.assert_array_equal(
        largest_phases(differences, reference), logits.numpy().argmax(axis=1)
    )


def test_small_differences_of_large_logits_survive_bfloat16():
    """Logits of 1000 are rounded to multiples of 4 or 8, their differences are not."""
    bias = torch.tensor([1000.0, 1001.0, 999.0])
    _, differences = phase_differences(torch.zeros((1, 3, 1, 1, 1)), bias, 0)
    rounded = differences.to(torch.bfloat16)[None, :, None, None, None]
    assert largest_phases(rounded, 0).item() == 1
    assert bias.to(torch.bfloat16).argmax() != 1


@pytest.mark.parametrize("block", [11, 32, 48, 128])
def test_blocks_equal_the_volume_in_one_go(network, anywhere, block):
    expected = in_one_go(network, anywhere, 5)
    labels = sample_labels(anywhere, SIZE, 5, block=block)
    first, second = np.sort(expected, axis=0)[[-1, -2]]
    clear = first - second > 1e-4
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(labels[clear], expected.argmax(axis=0)[clear])


def test_volumes_of_a_seed_share_their_first_corner(generator):
    small, large = (sample_labels(generator, size, 9) for size in ((20, 64, 33), (70, 64, 90)))
    assert (small == large[:20, :64, :33]).mean() > 0.9999


def test_a_seed_is_one_volume(generator):
    first, again, other = (sample_labels(generator, (32, 32, 32), s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.01


def test_any_part_can_be_asked_for_in_any_order(generator):
    parts = {
        (index, window): part
        for index, window, part in sample_blocks(generator, SIZE, [3, 4], block=48)
    }
    assert len(parts) == 2 * 2 * 1 * 2
    for (index, window), part in reversed(parts.items()):
        again = BlockwiseGenerator(generator.network, CPU).volume([3, 4][index], SIZE)
        np.testing.assert_array_equal(again.voxels(window), part)


def test_a_periodic_volume_continues_in_itself(generator):
    size = (64, 40, 32)
    volume = generator.volume(5, size, periodic=(0, 2))
    inside = volume.probabilities(((0, 64), (0, 40), (0, 32))).numpy()
    around = volume.probabilities(((-10, 70), (0, 40), (20, 50))).numpy()
    planes, columns = np.arange(-10, 70) % 64, np.arange(20, 50) % 32
    np.testing.assert_allclose(around, inside[:, planes][..., columns], atol=1e-5)
    assert inside.std() > 0.05
    # Without the periods its last planes see other numbers.
    open_end = generator.volume(5, size).probabilities(((0, 64), (0, 40), (0, 32))).numpy()
    assert np.abs(inside - open_end).max() > 0.01


def test_a_periodic_volume_is_made_of_a_latent_field_that_repeats(network, generator):
    """The first latents repeated at the end give the layers what follows the last one."""
    volume = generator.volume(5, (64, 64, 32), periodic=(0, 1, 2))
    beyond = network.latent_size_for(1)  # as many as one voxel sees
    numbers, stride = [], network.stride
    edges = [tuple(n // stride + beyond for n in volume.size)]
    edges += zip(*(network.level_sizes(n) for n in edges[0]), strict=True)
    for field, grid, edge in zip(volume.fields, volume.grids, edges, strict=False):
        once = field.window([(0, n) for n in grid])
        repeated = once[:, *np.ix_(*(np.arange(n) % m for n, m in zip(edge, grid, strict=True)))]
        numbers.append(torch.from_numpy(repeated)[None])
    with torch.no_grad():
        expected = network(Latents(numbers[0], tuple(numbers[1:])))[0, :, :64, :64, :32].numpy()
    found = volume.probabilities(((0, 64), (0, 64), (0, 32))).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("block", [11, 48])
def test_blocks_of_a_periodic_volume_equal_it_in_one_go(generator, block):
    size = (64, 40, 32)
    whole, parts = (
        sample_labels(generator, size, 5, periodic=(0, 2), block=edge) for edge in (128, block)
    )
    assert (whole == parts).mean() > 0.9999


def test_a_part_of_a_latent_is_no_period(generator):
    with pytest.raises(ConfigError, match=r"along axis 1 expected a multiple .* got 40; .* 32 and"):
        sample_labels(generator, (32, 40, 32), 5, periodic=(1,))


def test_workers_change_neither_the_blocks_nor_their_order(generator):
    alone, together = (
        list(sample_blocks(generator, SIZE, [3, 4], block=48, n_workers=n)) for n in (1, 3)
    )
    assert [part[:2] for part in together] == [part[:2] for part in alone]
    for (_, _, ours), (_, _, theirs) in zip(together, alone, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_half_precision_changes_few_labels(generator):
    half = BlockwiseGenerator(generator.network, CPU, torch.bfloat16)
    same = sample_labels(half, SIZE, 5) == sample_labels(generator, SIZE, 5)
    assert 0.97 < same.mean() < 1


@pytest.mark.parametrize("middle", [0, 1, 2])
def test_the_rounded_network_compares_with_the_phase_of_most_interfaces(network, middle):
    """Three phases by the level of one field: two of them meet at the third one."""
    low, high = (phase for phase in range(3) if phase != middle)
    with torch.no_grad():
        last = network.convolutions[-1]
        last.weight[:] = last.weight.mean(dim=(2, 3, 4), keepdim=True)  # smooth
        last.weight[:, middle] = 0
        last.weight[:, high] = -last.weight[:, low]
        last.bias[:] = 0
        found = BlockwiseGenerator(network, CPU).volume(0, (64,) * 3).probabilities(((0, 64),) * 3)
        levels = (found[high] / found[low]).log() / 2
        first, second = np.quantile(levels, [0.2, 0.55])
        last.bias[low] = (first + second) / 2
        last.bias[middle] = (second - first) / 2
        last.bias[high] = -(first + second) / 2
    exact, half = (BlockwiseGenerator(network, CPU, p) for p in (torch.float32, torch.bfloat16))
    labels = sample_labels(exact, (64, 64, 64), 0)
    # Neither the rarest nor the most frequent.
    assert list(np.argsort(np.bincount(labels.ravel()))) == [low, middle, high]
    assert half.reference == middle
    values = half.volume(5, SIZE).probabilities(WHOLE)
    expected = exact.volume(5, SIZE).probabilities(WHOLE)
    assert (values - expected).abs().mean() < 0.01


def test_a_rounded_network_of_one_phase_alone_compares_with_it(network):
    with torch.no_grad():
        network.convolutions[-1].bias[1] = 1e4
    assert BlockwiseGenerator(network, CPU, torch.bfloat16).reference == 1


def test_layers_of_coarse_grids_are_not_rounded(generator):
    half = BlockwiseGenerator(generator.network, CPU, torch.bfloat16)
    spacings = np.cumprod([1, *(layer.stride for layer in half.layers[:0:-1])])[::-1]
    expected = [torch.float32 if spacing > 4 else torch.bfloat16 for spacing in spacings]
    assert [layer.kernels.dtype for layer in half.layers] == expected
    assert {torch.float32, torch.bfloat16} == set(expected)
    for ours, theirs in zip(half.layers, generator.layers, strict=True):
        if ours.kernels.dtype == torch.float32:
            np.testing.assert_array_equal(ours.kernels, theirs.kernels)


@pytest.mark.parametrize(("paddings", "edge"), [((0, 1, 1), 16), ((2, 2, 3), 64)])
def test_rounded_layers_are_judged_on_volumes_as_in_training(monkeypatch, paddings, edge):
    """A network that makes volumes of single latents has seen nothing else."""
    layers = ConvolutionsConfig(
        channels=(6, 5), kernel_sizes=(4, 4, 4), strides=(2, 2, 2), paddings=paddings
    )
    layers = replace(layers, strides=(1, 2, 2)) if edge == 16 else layers
    config = SliceganNetworkConfig(
        latent_channels=3,
        noise_channels=0,
        conditional=False,
        kernels="free",
        generator=layers,
        critic=None,
    )
    network = Generator(config, 2).eval()
    network.initialise(seeded(0))
    sizes, judged = [], SeededVolume.inputs
    monkeypatch.setattr(
        SeededVolume, "inputs", lambda self: sizes.append(self.size) or judged(self)
    )
    BlockwiseGenerator(network, CPU, torch.bfloat16)
    assert sizes == [(edge,) * 3]


def test_seeds_of_volumes_are_distinct_and_never_those_of_training():
    seeds = sample_seeds(0, 100)
    training = {derived_seed(0, "training", step) for step in range(1000)}
    assert len(set(seeds)) == 100
    assert not training & set(seeds)
    assert sample_seeds(0, 3) == seeds[:3]
    assert not set(sample_seeds(1, 100)) & set(seeds)
