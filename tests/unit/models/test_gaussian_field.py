import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal, norm

from matvir.config import GaussianFieldNetworkConfig
from matvir.errors import ConfigError
from matvir.generation.gaussian_field import FieldGenerator
from matvir.generation.sampling import prepared, sample_labels
from matvir.metrics.two_point_correlation import axis_cut, correlation_map, phase_spectra
from matvir.models.gaussian_field import GaussianField, pair_probability
from matvir.training.seeding import seeded

CPU = torch.device("cpu")
FRACTIONS, ORDER = (0.2, 0.5, 0.3), (2, 0, 1)


@pytest.fixture
def network():
    """Return fields of two widths, the second one stretched, that are cut into three phases."""
    network = GaussianField(GaussianFieldNetworkConfig(radius=7), 3)
    network.initialise(seeded(0))
    with torch.no_grad():
        distances = torch.arange(7.0)
        network.profiles[0] = torch.exp(-(distances**2) / 8)
        network.profiles[1] = torch.exp(-(distances**2) / 3)
        network.log_units[1] = torch.tensor([0.2, 0.0, -0.3])
    network.cut_at(FRACTIONS, ORDER)
    return network.eval()


@pytest.mark.parametrize("threshold", [-2.5, -0.4, 0.0, 1.0, 2.5])
def test_pair_probabilities_are_those_of_the_bivariate_normal_distribution(threshold):
    correlations = np.array([-0.99, -0.6, -0.1, 0.0, 0.3, 0.8, 0.99])
    found = pair_probability(torch.tensor(correlations), torch.tensor(threshold))
    expected = [
        multivariate_normal.cdf([-threshold] * 2, cov=[[1, rho], [rho, 1]]) for rho in correlations
    ]
    np.testing.assert_allclose(found, expected, atol=2e-6)
    # Fully correlated ones are one number.
    same = pair_probability(torch.ones(()), torch.tensor(threshold))
    assert float(same) == pytest.approx(norm.sf(threshold), abs=1e-3)


def test_kernels_are_profiles_of_the_distance(network):
    kernels = network.kernels().detach().numpy()
    assert kernels.shape == (2, 15, 15, 15)
    np.testing.assert_allclose((kernels**2).sum(axis=(1, 2, 3)), 1, rtol=1e-5)
    first = kernels[0] / kernels[0, 7, 7, 7]
    assert first[7, 7, 10] == pytest.approx(np.exp(-9 / 8), rel=1e-4)
    between = np.sqrt(8) - 2  # from two to three voxels along the diagonal
    expected = np.interp(between, [0, 1], np.exp([-4 / 8, -9 / 8]))
    assert first[9, 7, 9] == pytest.approx(expected, rel=1e-4)
    assert first[0, 7, 7] == first[1, 2, 7] == 0
    # One voxel along axis 2 is as far as exp(0.5) along axis 0.
    second = kernels[1] / kernels[1, 7, 7, 7]
    assert second[7, 7, 8] == pytest.approx(
        np.exp(-1 / 3) + 0.35 * (np.exp(-4 / 3) - np.exp(-1 / 3)), rel=1e-2
    )
    assert second[8, 7, 7] > second[7, 8, 7] > second[7, 7, 8]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_covariances_are_sums_over_the_kernel(network, axis):
    kernels = network.kernels().detach()
    found = network.covariances(axis, 5).detach()
    assert found.shape == (2, 11, 11)
    for rows, columns in ((0, 0), (3, -2), (-5, 4)):
        lag = [rows, columns]
        lag.insert(axis, 0)
        moved = torch.roll(torch.nn.functional.pad(kernels, (6,) * 6), lag, (1, 2, 3))
        expected = (moved[:, 6:-6, 6:-6, 6:-6] * kernels).sum(dim=(1, 2, 3))
        np.testing.assert_allclose(found[:, 5 + rows, 5 + columns], expected, atol=1e-5)


def test_volumes_have_the_fractions_and_correlations_that_are_foretold(network):
    generator = FieldGenerator(network, CPU)
    size = (80, 100, 120)
    volumes = [sample_labels(generator, size, seed) for seed in range(3)]
    fractions = np.mean([[(v == phase).mean() for phase in range(3)] for v in volumes], axis=0)
    np.testing.assert_allclose(fractions, FRACTIONS, atol=0.005)
    spectra = [phase_spectra(volume, 3) for volume in volumes]
    # By axis: a plane with lags along it, and where they are there.
    cuts = [(2, np.s_[:, 6:, 6]), (0, np.s_[:, 6:, 6]), (0, np.s_[:, 6, 6:])]
    for axis, (plane, cut) in enumerate(cuts):
        foretold = network.correlations(plane, 6)[cut].detach().numpy()
        for phase in range(3):
            measured = [axis_cut(correlation_map(one, phase, phase), axis)[:7] for one in spectra]
            np.testing.assert_allclose(np.mean(measured, axis=0), foretold[phase], atol=0.006)


def test_fields_are_noise_convolved_with_the_kernel(network):
    volume = prepared(network, CPU).volume(3, (20, 9, 14))
    noise = volume.noise.window([(0, 34), (0, 23), (0, 28)])[0].astype(np.float64)
    with torch.no_grad():
        network.profiles[0] = torch.tensor([1.0, 0.5, 0, 0, 0, 0, 0])
    field = (
        FieldGenerator(network, CPU).volume(3, (20, 9, 14)).fields([(0, 20), (0, 9), (0, 14)])[0]
    )
    # Half of the nearest neighbours, and of the second nearest what the line between knots says.
    kernel = network.kernels()[0].detach().numpy()[6:9, 6:9, 6:9].astype(np.float64)
    expected = np.zeros((20, 9, 14))
    for index in np.ndindex(3, 3, 3):
        i, j, k = (6 + n for n in index)
        expected += kernel[index] * noise[i : i + 20, j : j + 9, k : k + 14]
    np.testing.assert_allclose(field, expected, atol=1e-5)
    assert kernel[1, 1, 2] == pytest.approx(kernel[1, 1, 1] / 2)


@pytest.mark.parametrize("block", [7, 32])
def test_blocks_equal_the_volume_in_one_go(network, block):
    generator = FieldGenerator(network, CPU)
    whole = sample_labels(generator, (40, 33, 50), 4)
    parts = sample_labels(generator, (40, 33, 50), 4, block=block)
    assert (whole != parts).mean() < 1e-4
    larger = sample_labels(generator, (45, 60, 51), 4)
    assert (whole != larger[:40, :33, :50]).mean() < 1e-4
    assert (whole != sample_labels(generator, (40, 33, 50), 5)).mean() > 0.4


@pytest.mark.parametrize("periodic", [(1,), (0, 2), (0, 1, 2)])
def test_a_periodic_volume_continues_in_itself(network, periodic):
    """The field around the seam is that of the volume tiled."""
    size = (24, 17, 30)
    volume = FieldGenerator(network, CPU).volume(4, size, periodic)
    inside = volume.fields([(0, edge) for edge in size])[0].numpy()
    for axis in periodic:
        window = [(0, edge) for edge in size]
        window[axis] = (size[axis] - 3, size[axis] + 5)
        around = volume.fields(window)[0].numpy()
        expected = np.take(inside, range(size[axis] - 3, size[axis] + 5), axis=axis, mode="wrap")
        np.testing.assert_allclose(around, expected, atol=1e-5)


def test_the_first_phase_in_the_order_is_never_overwritten(network):
    fields = torch.tensor([[9.0, 9.0, -9.0, -9.0], [9.0, -9.0, 9.0, -9.0]])
    assert network.labels(fields).tolist() == [2, 2, 0, 1]


def test_values_cannot_be_cut():
    with pytest.raises(ConfigError, match=r"gaussian-field: expected a material with phases, got"):
        GaussianField(GaussianFieldNetworkConfig(radius=4), 1, "grey")
