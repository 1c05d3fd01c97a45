import numpy as np
import pytest
import torch

from matvir.generation.gaussian_field import FieldGenerator
from matvir.generation.sampling import prepared, sample_labels
from matvir.metrics.two_point_correlation import axis_cut, correlation_map, phase_spectra


def test_fields_are_noise_convolved_with_the_kernel(cut_fields, device):
    volume = prepared(cut_fields, device).volume(3, (20, 9, 14))
    noise = volume.noise.window([(0, 34), (0, 23), (0, 28)])[0].astype(np.float64)
    with torch.no_grad():
        cut_fields.profiles[0] = torch.tensor([1.0, 0.5, 0, 0, 0, 0, 0])
    volume = FieldGenerator(cut_fields, device).volume(3, (20, 9, 14))
    field = volume.fields([(0, 20), (0, 9), (0, 14)])[0].cpu()
    # Half of the nearest neighbours, and of the second nearest what the line between knots says.
    kernel = cut_fields.kernels()[0].detach().numpy()[6:9, 6:9, 6:9].astype(np.float64)
    expected = np.zeros((20, 9, 14))
    for index in np.ndindex(3, 3, 3):
        i, j, k = (6 + n for n in index)
        expected += kernel[index] * noise[i : i + 20, j : j + 9, k : k + 14]
    np.testing.assert_allclose(field, expected, atol=1e-5)
    assert kernel[1, 1, 2] == pytest.approx(kernel[1, 1, 1] / 2)


def test_volumes_have_the_fractions_and_correlations_that_are_foretold(cut_fields, device):
    generator = FieldGenerator(cut_fields, device)
    size = (80, 100, 120)
    volumes = [sample_labels(generator, size, seed) for seed in range(3)]
    fractions = np.mean([[(v == phase).mean() for phase in range(3)] for v in volumes], axis=0)
    np.testing.assert_allclose(fractions, (0.2, 0.5, 0.3), atol=0.005)
    spectra = [phase_spectra(volume, 3) for volume in volumes]
    # By axis: a plane with lags along it, and where they are there.
    cuts = [(2, np.s_[:, 6:, 6]), (0, np.s_[:, 6:, 6]), (0, np.s_[:, 6, 6:])]
    for axis, (plane, cut) in enumerate(cuts):
        foretold = cut_fields.autocorrelations(cut_fields.kernels(), plane, 6)[cut].detach().numpy()
        for phase in range(3):
            measured = [axis_cut(correlation_map(one, phase, phase), axis)[:7] for one in spectra]
            np.testing.assert_allclose(np.mean(measured, axis=0), foretold[phase], atol=0.006)


@pytest.mark.parametrize("block", [7, 32])
def test_blocks_equal_the_volume_in_one_go(cut_fields, block, device):
    generator = FieldGenerator(cut_fields, device)
    whole = sample_labels(generator, (40, 33, 50), 4)
    parts = sample_labels(generator, (40, 33, 50), 4, block=block)
    assert (whole != parts).mean() < 1e-4
    larger = sample_labels(generator, (45, 60, 51), 4)
    assert (whole != larger[:40, :33, :50]).mean() < 1e-4
    assert (whole != sample_labels(generator, (40, 33, 50), 5)).mean() > 0.4


@pytest.mark.parametrize("periodic", [(1,), (0, 2), (0, 1, 2)])
def test_a_periodic_volume_continues_in_itself(cut_fields, periodic, device):
    """The field around the seam is that of the volume tiled."""
    size = (24, 17, 30)
    volume = FieldGenerator(cut_fields, device).volume(4, size, periodic)
    inside = volume.fields([(0, edge) for edge in size])[0].cpu().numpy()
    for axis in periodic:
        window = [(0, edge) for edge in size]
        window[axis] = (size[axis] - 3, size[axis] + 5)
        around = volume.fields(window)[0].cpu().numpy()
        expected = np.take(inside, range(size[axis] - 3, size[axis] + 5), axis=axis, mode="wrap")
        np.testing.assert_allclose(around, expected, atol=1e-5)


def test_a_period_below_the_kernel_keeps_the_variance(cut_fields, device):
    size = (40, 9, 44)
    volume = FieldGenerator(cut_fields, device).volume(4, size, (1,))
    fields = volume.fields([(0, edge) for edge in size]).cpu().numpy()
    noise = volume.noise.window([(0, 54), (0, 9), (0, 58)]).astype(np.float64)
    kernels = cut_fields.kernels().detach().numpy().astype(np.float64)
    for field, one, kernel in zip(fields, noise, kernels, strict=True):
        # All that is a period apart along axis 1 is the same place.
        wrapped = np.zeros((15, 9, 15))
        for index in range(15):
            wrapped[:, (index - 7) % 9] += kernel[:, index]
        wrapped /= np.sqrt((wrapped**2).sum())
        for i, j, k in ((0, 0, 0), (20, 5, 31)):
            rows = np.take(one[i : i + 15], (j - np.arange(9)) % 9, axis=1)[:, :, k : k + 15]
            expected = (rows * wrapped).sum()
            assert field[i, j, k] == pytest.approx(expected, abs=1e-5)


def test_periodic_blocks_smaller_than_the_kernel_equal_one_go(cut_fields, device):
    generator = FieldGenerator(cut_fields, device)
    whole = sample_labels(generator, (26, 9, 31), 4, periodic=(0, 1))
    parts = sample_labels(generator, (26, 9, 31), 4, periodic=(0, 1), block=5)
    assert (whole != parts).mean() < 1e-3


def test_the_fields_that_are_given_stay_where_they_are(cut_fields, device):
    before = cut_fields.profiles.device
    assert FieldGenerator(cut_fields, device).precision == torch.float32
    assert cut_fields.profiles.device == before
