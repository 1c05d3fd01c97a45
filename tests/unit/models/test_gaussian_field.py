import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal, norm

from matvir.errors import ConfigError
from matvir.models.gaussian_field import GaussianField, pair_probability
from matvir.settings.models import GaussianFieldNetworkConfig
from matvir.storage.image_types import GREY


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


def test_kernels_are_profiles_of_the_distance(cut_fields):
    kernels = cut_fields.kernels().detach().numpy()
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
def test_covariances_are_sums_over_the_kernel(cut_fields, axis):
    kernels = cut_fields.kernels().detach()
    found = cut_fields.covariances(cut_fields.kernels(), axis, 5).detach()
    assert found.shape == (2, 11, 11)
    for rows, columns in ((0, 0), (3, -2), (-5, 4)):
        lag = [rows, columns]
        lag.insert(axis, 0)
        moved = torch.roll(torch.nn.functional.pad(kernels, (6,) * 6), lag, (1, 2, 3))
        expected = (moved[:, 6:-6, 6:-6, 6:-6] * kernels).sum(dim=(1, 2, 3))
        np.testing.assert_allclose(found[:, 5 + rows, 5 + columns], expected, atol=1e-5)


def test_the_first_phase_in_the_order_is_never_overwritten(cut_fields):
    fields = torch.tensor([[9.0, 9.0, -9.0, -9.0], [9.0, -9.0, 9.0, -9.0]])
    assert cut_fields.labels(fields).tolist() == [2, 2, 0, 1]


def test_values_cannot_be_cut():
    with pytest.raises(ConfigError, match=r"gaussian-field: expected a material with phases, got"):
        GaussianField(GaussianFieldNetworkConfig(radius=4), 1, GREY)
