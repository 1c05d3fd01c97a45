from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from matvir.errors import ConfigError
from matvir.training.loop import Trainer
from matvir.training.losses.fluctuations import (
    LEAST_VARIANCE,
    fluctuation_loss,
    variances_in_cubes,
)
from matvir.training.objective import Moment
from matvir.training.seeding import seeded

CPU = torch.device("cpu")


def one_hot(labels, n_phases):
    """Return sections (n, n_phases, H, W) of labels (n, H, W)."""
    return torch.from_numpy(np.stack([labels == p for p in range(n_phases)], axis=1).astype("u1"))


def test_voxels_of_their_own_give_the_binomial_variance():
    labels = (np.random.default_rng(0).random((1, 400, 300)) < 0.3).astype(int)
    variances = variances_in_cubes(one_hot(labels, 2), 6)
    # Covariance at other lags than zero is chance, of about 1 / 350 of that at lag zero.
    assert variances.tolist() == pytest.approx([0.3 * 0.7 / 6**3] * 2, rel=0.25)


def test_sections_tell_how_much_cubes_of_the_volume_vary():
    rng = np.random.default_rng(1)
    volume = ndimage.gaussian_filter(rng.standard_normal((120, 144, 96)), 2, mode="wrap")
    labels = np.digitize(volume / volume.std(), [-0.3, 0.9])
    edge = 12
    cubes = np.moveaxis(labels.reshape(10, edge, 12, edge, 8, edge), (0, 2, 4), (0, 1, 2))
    expected = [(cubes == phase).mean(axis=(3, 4, 5)).var() for phase in range(3)]
    variances = variances_in_cubes(one_hot(labels[::8], 3), edge)
    np.testing.assert_allclose(variances, expected, rtol=0.15)


def test_what_is_outside_the_material_does_not_count():
    rng = np.random.default_rng(2)
    field = ndimage.gaussian_filter(rng.standard_normal((1, 300, 260)), (0, 2, 2))
    sections = one_hot((field > 0).astype(int), 2)
    masked = sections.clone()
    masked[..., :60] = 0
    whole = variances_in_cubes(sections[..., 60:], 10)
    torch.testing.assert_close(variances_in_cubes(masked, 10), whole, rtol=1e-3, atol=0)


def test_a_phase_that_does_not_vary_keeps_a_floor():
    sections = torch.zeros((1, 2, 20, 30), dtype=torch.uint8)
    sections[:, 0] = 1
    assert variances_in_cubes(sections, 8).tolist() == pytest.approx([LEAST_VARIANCE] * 2)


@pytest.mark.parametrize("n_volumes", [2, 3])
def test_the_mean_loss_of_small_batches_is_least_at_the_right_variance(n_volumes):
    variance = torch.tensor([4e-4])
    noise = torch.randn((4000, n_volumes, 1), generator=seeded(3))
    noise = noise - noise.mean(dim=1, keepdim=True)  # as normalised together
    fraction = torch.tensor([0.4])
    means = []
    for factor in (0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0):
        batches = 0.4 + factor * variance.sqrt() * noise
        means.append(np.mean([fluctuation_loss(one, fraction, variance).item() for one in batches]))
    # The softening moves the least value a little below.
    assert np.argmin(means) in (2, 3)
    assert means[0] > min(means) + 0.05
    assert means[-1] > min(means) + 0.5


def test_a_wrong_mean_counts_as_variance():
    found = torch.tensor([[0.30, 0.70], [0.34, 0.66]])
    fractions, variances = torch.tensor([0.35, 0.65]), torch.tensor([0.001, 0.002])
    ratios = np.array([(0.0008 + 0.03**2) / 0.001, (0.0008 + 0.03**2) / 0.002])
    expected = np.mean(ratios - np.log(ratios + 0.1))
    loss = fluctuation_loss(found, fractions, variances)
    assert loss.item() == pytest.approx(expected, rel=1e-4)


def test_volumes_with_targets_of_their_own_vary_around_these():
    targets = torch.tensor([[0.2, 0.8], [0.4, 0.6], [0.3, 0.7]])
    noise = torch.tensor([[0.02, -0.02], [-0.01, 0.01], [0.03, -0.03]])
    variances = torch.tensor([0.001, 0.002])
    around = fluctuation_loss(targets + noise, targets, variances)
    expected = fluctuation_loss(0.5 + noise, torch.tensor([0.5]), variances)
    torch.testing.assert_close(around, expected)


def fluctuating(model, **changes):
    objective = replace(model.training.objective, **changes)
    return replace(model, training=replace(model.training, objective=objective))


def test_fluctuations_count_more_and_more_from_their_start_on(relativistic_model, data):
    config = replace(relativistic_model.training.objective.fluctuations, weight=3.0, start=0.5)
    gradients = []
    for weight, progress in ((0.0, 0.75), (3.0, 0.4), (3.0, 0.75), (3.0, 1.0)):
        model = fluctuating(
            relativistic_model, volumes=2, fluctuations=replace(config, weight=weight)
        )
        run = Trainer(model, data, seed=1, device=CPU)
        losses, _ = run.objective.step(Moment(seeded(7), 1, progress))
        assert ("fluctuation_loss" in losses) == (weight > 0 and progress >= 0.5)
        gradients.append(run.generator.convolutions[-1].weight.grad.clone())
    without, before, half, full = gradients
    torch.testing.assert_close(before, without)  # later than the warm-up both times
    added = full - without
    scale = added.abs().max().item()
    assert scale > 0
    torch.testing.assert_close(added, 2 * (half - without), rtol=1e-3, atol=1e-4 * scale)


def test_one_volume_shows_no_fluctuations(relativistic_model, data):
    config = replace(relativistic_model.training.objective.fluctuations, weight=1.0)
    model = fluctuating(relativistic_model, volumes=1, fluctuations=config)
    with pytest.raises(ConfigError, match=r"volumes: fluctuations show .* at least 2 .* got 1"):
        Trainer(model, data, seed=1, device=CPU)
