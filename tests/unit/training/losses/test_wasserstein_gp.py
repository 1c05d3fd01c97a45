from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from matvir.errors import ConfigError
from matvir.training.loop import Trainer
from matvir.training.losses import wasserstein_gp
from matvir.training.losses.wasserstein_gp import critic_loss
from matvir.training.objective import Moment
from matvir.training.seeding import derived_seed, seeded

CPU = torch.device("cpu")


class Linear:
    """Scores <w, x>; the gradient is w everywhere."""

    def __init__(self, weight):
        self.weight = weight

    def __call__(self, slices):
        return (slices * self.weight).flatten(1).sum(dim=1)

    def gradient(self, slices):
        return self.weight.expand(slices.shape)


class Quadratic:
    """Scores |x|^2 / 2; the gradient at x is x itself."""

    def __call__(self, slices):
        return (slices**2).flatten(1).sum(dim=1) / 2

    def gradient(self, slices):
        return slices


def test_a_linear_critic_has_the_closed_form_loss():
    weight = torch.randn((2, 4, 5), generator=seeded(0))
    fake, real = (torch.rand((6, 2, 4, 5), generator=seeded(s)) for s in (1, 2))
    mixing = torch.rand((6, 1, 1, 1), generator=seeded(3))
    losses = critic_loss(Linear(weight), fake, real, 10.0, mixing)
    estimate = ((real - fake) * weight).flatten(1).sum(dim=1).mean()
    penalty = 10.0 * (weight.norm() - 1) ** 2
    torch.testing.assert_close(losses["wasserstein_estimate"], estimate)
    torch.testing.assert_close(losses["gradient_penalty"], penalty)
    torch.testing.assert_close(losses["critic_loss"], penalty - estimate)


def test_the_penalty_is_taken_at_the_interpolates():
    fake, real = (torch.rand((6, 1, 2, 3), generator=seeded(s)) for s in (1, 2))
    mixing = torch.rand((6, 1, 1, 1), generator=seeded(3))
    losses = critic_loss(Quadratic(), fake, real, 1.0, mixing)
    between = mixing * fake + (1 - mixing) * real
    expected = ((between.flatten(1).norm(dim=1) - 1) ** 2).mean()
    torch.testing.assert_close(losses["gradient_penalty"], expected)


def build(model, data):
    return Trainer(model, data, seed=1, device=CPU)


def test_one_step_equals_algorithm_1_written_out(critic_model, data):
    """Axis by axis and term by term, with the same random numbers, gives the same weights."""
    run = build(critic_model, data)
    generator, critic = deepcopy(run.generator), deepcopy(run.objective.critics[0])
    g_adam, d_adam = (
        torch.optim.Adam(net.parameters(), lr=1e-4, betas=(0.0, 0.9)) for net in (generator, critic)
    )
    random = seeded(derived_seed(1, "training", 0))
    planes = ("bcdhw->bdchw", "bcdhw->bhcdw", "bcdhw->bwcdh")

    def cut(volumes, axis):
        return torch.cat(list(torch.einsum(planes[axis], volumes)))

    for _ in range(2):
        fake = generator(generator.draw(1, (4, 4, 4), random)).detach()
        real = torch.cat([view.real(16, random) for view in run.objective.views[0]])
        mixing = torch.rand((48, 1, 1, 1), generator=random)
        loss = 0
        for axis in range(3):
            part = slice(16 * axis, 16 * (axis + 1))
            slices = cut(fake, axis)
            mixed = (mixing[part] * slices + (1 - mixing[part]) * real[part]).requires_grad_(True)
            gradient = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)[0]
            norms = gradient.pow(2).sum(dim=(1, 2, 3)).sqrt()
            penalty = 10 * ((norms - 1) ** 2).mean()
            loss = loss + critic(slices).mean() - critic(real[part]).mean() + penalty
        d_adam.zero_grad()
        (loss / 3).backward()
        d_adam.step()
    volumes = generator(generator.draw(2, (4, 4, 4), random))
    loss = -sum(critic(cut(volumes, axis)).mean() for axis in range(3)) / 3
    g_adam.zero_grad()
    loss.backward()
    g_adam.step()

    run.objective.step(Moment(seeded(derived_seed(1, "training", 0)), 0, 0.0))
    pairs = [(run.generator, generator), (run.objective.critics[0], critic)]
    for ours, reference in pairs:
        for (name, value), other in zip(
            ours.named_parameters(), reference.parameters(), strict=True
        ):
            # Adam turns rounding of a vanishing gradient into a step of up to the learning rate.
            torch.testing.assert_close(value, other, rtol=1e-4, atol=2e-6, msg=name)


def test_an_anisotropic_material_has_a_critic_per_axis(critic_model, data):
    sections = {axis: data.sections[0].copy() for axis in range(3)}
    run = build(critic_model, replace(data, isotropic=False, sections=sections))
    assert len(run.objective.critics) == 3
    first, second = (critic.convolutions[0].weight for critic in run.objective.critics[:2])
    assert not torch.equal(first, second)


def test_a_critic_sees_the_slices_across_its_own_axes_alone(critic_model, data, monkeypatch):
    """The sections of axes 1 and 2 are uniform, so that a crop tells where it is from."""
    along = np.zeros_like(data.sections[0])
    along[:, 0] = 1
    two = replace(data, isotropic=False, sections={0: data.sections[0], 1: along, 2: along})
    run = build(critic_model, two)
    seen = []
    original = wasserstein_gp.critic_loss

    def watched(critic, fake, real, *rest):
        seen.append((len(fake), bool((real[:, 0] == 1).all())))
        return original(critic, fake, real, *rest)

    monkeypatch.setattr(wasserstein_gp, "critic_loss", watched)
    run.objective.step(Moment(seeded(0), 0, 0.0))
    (n_across, uniform_across), (n_along, uniform_along) = seen[:2]
    assert (uniform_across, uniform_along) == (False, True)
    assert n_along == 2 * n_across


def test_a_missing_critic_is_named(critic_model, data):
    model = replace(critic_model, network=replace(critic_model.network, critic=None))
    with pytest.raises(ConfigError, match="objective 'wasserstein-gp' needs a critic, got null"):
        build(model, data)
