import math
from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from matvir.errors import ConfigError
from matvir.training.loop import Trainer
from matvir.training.losses.relativistic import (
    gradient_penalty,
    relativistic_loss,
    straight_through_labels,
)
from matvir.training.objective import Moment
from matvir.training.seeding import seeded

CPU = torch.device("cpu")


def build(model, data):
    return Trainer(model, data, seed=1, device=CPU)


def test_labels_are_those_of_argmax_and_the_gradient_does_not_vanish():
    logits = torch.randn((3, 4, 5, 6), generator=seeded(0))
    logits[0] *= 100  # certain
    logits.requires_grad_()
    labels = straight_through_labels(logits)
    expected = functional.one_hot(logits.argmax(1), 4).permute(0, 3, 1, 2).float()
    torch.testing.assert_close(labels, expected)
    factor = torch.rand(labels.shape, generator=seeded(1))
    (gradient,) = torch.autograd.grad((labels * factor).sum(), logits)
    torch.testing.assert_close(gradient, 0.2 * (factor - factor.mean(dim=1, keepdim=True)))


def test_loss_compares_pairs_and_is_log_2_for_equals():
    scores = torch.tensor([0.3, -2.0])
    assert relativistic_loss(scores, scores).item() == pytest.approx(math.log(2))
    expected = (math.log(1 + math.exp(1 - 3)) + math.log(1 + math.exp(4 - 2))) / 2
    loss = relativistic_loss(torch.tensor([3.0, 2.0]), torch.tensor([1.0, 4.0]))
    assert loss.item() == pytest.approx(expected)


def test_penalty_is_the_mean_squared_gradient_of_both_sides():
    """For D(x) = |x|^2 / 2 the gradient at x is x itself."""
    sides = [torch.rand((n, 2, 3, 4), generator=seeded(n), requires_grad=True) for n in (2, 5)]
    scores = [(side**2).flatten(1).sum(dim=1) / 2 for side in sides]
    expected = sum((side**2).flatten(1).sum(dim=1).mean() for side in sides)
    torch.testing.assert_close(gradient_penalty(scores, sides), expected)


@pytest.mark.parametrize("step", [4, 5])
def test_one_step_equals_the_game_written_out(relativistic_model, data, step):
    """Term by term, with the same random numbers, gives the same gradients; step 4 is penalised."""
    config = relativistic_model.training.objective
    run = build(relativistic_model, data)
    generator, critic = deepcopy(run.generator), deepcopy(run.objective.critics[0])
    g_adam = torch.optim.Adam(generator.parameters(), lr=config.learning_rate, betas=config.betas)
    d_adam = torch.optim.Adam(
        critic.parameters(), lr=config.critic_learning_rate, betas=config.critic_betas
    )
    random = seeded(7)
    volume = generator.logits(generator.draw(1, (7, 7, 7), random))
    fake, real = [], []
    for axis in range(3):
        places = torch.randperm(volume.shape[2 + axis], generator=random)[:3]
        fake += [volume.select(2 + axis, place)[0] for place in places.tolist()]
    for view in run.objective.views:
        real += list(view.real(3, random))
    fake, real = torch.stack(fake), torch.stack(real)
    hard = functional.one_hot(fake.argmax(1), 3).permute(0, 3, 1, 2).float()

    ours, theirs = hard.clone().requires_grad_(), real.clone().requires_grad_()
    difference = critic(theirs) - critic(ours)
    loss = torch.log1p(torch.exp(-difference)).mean()
    if step % 2 == 0:
        for side in (ours, theirs):
            gradient = torch.autograd.grad(critic(side).sum(), side, create_graph=True)[0]
            norms = gradient.pow(2).sum(dim=(1, 2, 3))
            loss = loss + 2 * config.gradient_penalty / 2 * norms.mean()
    d_adam.zero_grad()
    loss.backward()
    d_adam.step()
    critic.requires_grad_(False)  # the generator's loss is to leave no gradient there

    slope = 0.2 * (fake - fake.mean(dim=1, keepdim=True))
    through = hard + slope - slope.detach()
    game = torch.log1p(torch.exp(critic(real) - critic(through))).mean()
    g_adam.zero_grad()
    doubt = 1 - fake.softmax(dim=1).max(dim=1).values.mean()
    (game + config.commitment_weight * doubt).backward()
    g_adam.step()

    losses, _ = run.objective.step(Moment(seeded(7), step, progress=0.9))
    assert losses["generator_loss"].item() == pytest.approx(game.item(), rel=1e-4)
    assert losses["confidence_penalty"].item() == pytest.approx(doubt.item(), rel=1e-4)
    # Gradients: Adam would make whole steps of the rounding of those that vanish.
    for network, reference in [(run.generator, generator), (run.objective.critics[0], critic)]:
        scale = max(parameter.grad.abs().max().item() for parameter in reference.parameters())
        for value, other in zip(network.parameters(), reference.parameters(), strict=True):
            torch.testing.assert_close(value.grad, other.grad, rtol=1e-3, atol=1e-5 * scale)
    # Of the critic the generator saw the updated weights.
    first, other = run.objective.critics[0].convolutions[0].weight, critic.convolutions[0].weight
    torch.testing.assert_close(first, other, rtol=1e-4, atol=1e-5)


def test_patches_count_less_and_less_until_the_warm_up_ends(relativistic_model, data):
    def gradient(progress):
        run = build(relativistic_model, data)
        losses, _ = run.objective.step(Moment(seeded(7), 1, progress))
        return losses, run.generator.convolutions[-1].weight.grad

    (first, full), (_, half), (last, none) = (gradient(p) for p in (0.0, 0.15, 0.3))
    assert "patch_loss" in first
    assert "patch_loss" not in last
    # The gradient is linear in the weight of the patches.
    torch.testing.assert_close(half - none, (full - none) / 2, rtol=0.05, atol=1e-4)
    assert (full - none).abs().max() > 1e-3


def test_doubt_counts_more_and_more_until_the_warm_up_ends(relativistic_model, data):
    """By the change of the generator's gradient with the weight; patches do not depend on it."""
    objective = relativistic_model.training.objective
    free = replace(objective, commitment_weight=0.0)

    def gradient(config, progress):
        training = replace(relativistic_model.training, objective=config)
        run = build(replace(relativistic_model, training=training), data)
        run.objective.step(Moment(seeded(7), 1, progress))
        return run.generator.convolutions[-1].weight.grad

    none, half, full, later = (
        gradient(objective, p) - gradient(free, p) for p in (0.0, 0.15, 0.3, 0.9)
    )
    assert none.abs().max() == 0
    assert full.abs().max() > 1e-3
    torch.testing.assert_close(half, full / 2, rtol=0.02, atol=1e-5)
    torch.testing.assert_close(later, full, rtol=0.02, atol=1e-5)


def test_an_anisotropic_material_has_a_critic_per_axis(relativistic_model, data):
    sections = {axis: data.sections[0].copy() for axis in range(3)}
    run = build(relativistic_model, replace(data, isotropic=False, sections=sections))
    assert len(run.objective.critics) == 3
    losses, _ = run.objective.step(Moment(seeded(0), 0, 0.0))
    assert all(math.isfinite(value) for value in losses.values())


def test_an_axis_without_a_plane_has_no_critic_and_shared_planes_have_one(relativistic_model, data):
    across, along = (data.sections[0].copy() for _ in range(2))
    two = replace(data, isotropic=False, sections={0: across, 2: along})
    run = build(relativistic_model, two)
    assert len(run.objective.critics) == 2
    run.objective.step(Moment(seeded(0), 0, 0.0))
    shared = replace(data, isotropic=False, sections={0: across, 1: along, 2: along})
    assert len(build(relativistic_model, shared).objective.critics) == 2


def test_fluctuations_are_those_of_isotropic_materials(relativistic_model, data):
    last = Moment(seeded(0), 9, 0.99)
    objective = relativistic_model.training.objective
    weighted = replace(
        objective, volumes=2, fluctuations=replace(objective.fluctuations, weight=0.5)
    )
    model = replace(
        relativistic_model, training=replace(relativistic_model.training, objective=weighted)
    )
    losses, _ = build(model, data).objective.step(last)
    assert "fluctuation_loss" in losses
    sections = {axis: data.sections[0].copy() for axis in range(3)}
    run = build(model, replace(data, isotropic=False, sections=sections))
    assert "fluctuation_loss" not in run.objective.step(last)[0]


def test_a_missing_critic_is_named(relativistic_model, data):
    model = replace(relativistic_model, network=replace(relativistic_model.network, critic=None))
    with pytest.raises(ConfigError, match="objective 'relativistic' needs a critic, got null"):
        build(model, data)
