from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from matvir.errors import ConfigError
from matvir.settings.models import DensityControlConfig
from matvir.training.density import (
    DensityControl,
    complete_fractions,
    crops_with_fractions,
    density_differences,
    draw_fractions,
)
from matvir.training.loop import Trainer
from matvir.training.objective import Moment
from matvir.training.seeding import seeded

CPU = torch.device("cpu")
PHASES = ("pore", "binder", "nmc")
OWN = (0.3, 0.1, 0.6)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"pore": 0.4}, [0.4, 0.6 / 7, 3.6 / 7]),
        ({"pore": 0.2, "nmc": 0.5}, [0.2, 0.3, 0.5]),
        ({"pore": 0.5, "binder": 0.0, "nmc": 0.5}, [0.5, 0.0, 0.5]),
        ({"binder": 1.0}, [0.0, 1.0, 0.0]),
        ({}, list(OWN)),
    ],
)
def test_phases_that_are_not_named_share_the_rest(wanted, expected):
    assert complete_fractions(wanted, PHASES, OWN) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"poer": 0.3}, r"there is no phase 'poer'; the phases are pore, .* mean 'pore'\?"),
        ({"pore": 1.2}, r"expected numbers within 0 .. 1, got pore=1.2"),
        ({"pore": -0.1}, r"within 0 .. 1, got pore=-0.1"),
        ({"pore": 0.7, "nmc": 0.5}, r"expected a sum of at most 1, got 0.7 \+ 0.5 = 1.2"),
        ({"pore": 0.3, "binder": 0.1, "nmc": 0.5}, r"expected a sum of 1, got .* = 0.9"),
    ],
)
def test_impossible_fractions_are_refused(wanted, message):
    with pytest.raises(ConfigError, match=message):
        complete_fractions(wanted, PHASES, OWN)


def test_what_is_left_for_phases_that_the_material_lacks_is_refused():
    with pytest.raises(ConfigError, match=r"0.5 is left for nmc, of which the material has none"):
        complete_fractions({"pore": 0.3, "binder": 0.2}, PHASES, (0.6, 0.4, 0.0))
    assert complete_fractions({"pore": 0.3, "binder": 0.7}, PHASES, (0.6, 0.4, 0.0))[2] == 0


def test_drawn_fractions_lie_in_pairs_around_the_material_and_in_the_range():
    own = torch.tensor(OWN)
    drawn = draw_fractions(own, 0.2, 2001, seeded(0))
    torch.testing.assert_close(drawn.sum(dim=1), torch.ones(2001))
    torch.testing.assert_close(drawn[:1000] + drawn[1000:2000], (2 * own).expand(1000, -1))
    torch.testing.assert_close(drawn[-1], own)
    steps = (drawn - own).abs().amax(dim=0)
    assert steps.max() <= 0.2
    assert steps[0] > 0.19
    assert drawn.min() >= 0.25 * 0.1 - 1e-6  # the binder never vanishes
    assert steps[1] > 0.07


def test_differences_are_of_the_mean_or_of_each_volume():
    found = torch.tensor([[0.2, 0.8], [0.6, 0.4]])
    same = density_differences(found, torch.tensor([0.3, 0.7]))
    torch.testing.assert_close(same, torch.tensor([0.1, 0.1]))
    each = density_differences(found, torch.tensor([[0.3, 0.7], [0.3, 0.7]]))
    torch.testing.assert_close(each, torch.tensor([0.2, 0.2]))


def test_crops_have_the_mean_and_the_variance_of_slices_of_such_volumes():
    """Fractions of crops are uniform, so those of the chosen ones can be told beforehand."""
    random = seeded(1)
    places = torch.linspace(0, 1, 1000)[None, :]

    def draw(n):
        shares = 0.1 + 0.8 * torch.rand((n, 1), generator=random)
        first = (places < shares).float().reshape(n, 1, 20, 50)
        return torch.cat([first, 1 - first], dim=1)

    variance = 0.8**2 / 12
    wanted = torch.tensor([[0.4, 0.6]]).expand(4000, -1)
    for of_volumes, expected in ((variance, 0.0), (0.75 * variance, 0.25 * variance)):
        crops = crops_with_fractions(draw, wanted, torch.tensor([of_volumes] * 2), random)
        found = crops.mean(dim=(2, 3))[:, 0]
        assert found.mean().item() == pytest.approx(0.4, abs=0.01)
        assert found.var().item() == pytest.approx(expected, rel=0.1, abs=2e-4)


def controlled(model, **targets):
    control = DensityControlConfig(weight=50.0, volume_fractions=targets, range=None)
    return replace(model, training=replace(model.training, density_control=control))


@pytest.mark.parametrize("name", ["patch_model", "critic_model", "relativistic_model"])
def test_a_training_moves_to_its_targets(name, data, request):
    """Of each objective: the differences fall, and the finished generator has the targets."""
    model = controlled(request.getfixturevalue(name), a=0.2, b=0.7)
    objective = replace(model.training.objective, learning_rate=5e-3)
    model = replace(model, training=replace(model.training, objective=objective))
    run = Trainer(model, data, seed=1, device=CPU)
    differences = []
    for step in range(40):
        losses, _ = run.objective.step(Moment(seeded(step), step, 0.5))
        differences.append(sum(v.item() for k, v in losses.items() if k.startswith("density_")))
    run.average.load_state_dict(run.generator.state_dict())
    assert np.mean(differences[-5:]) < 0.4 * differences[0]
    assert run.aims == pytest.approx([0.2, 0.7, 0.1])
    if model.training.match_fractions:
        network = run.finish()
        latents = network.draw(64, (model.training.latent_size,) * 3, seeded(99))
        with torch.no_grad():
            labels = network.logits(latents).argmax(dim=1)
        shares = torch.bincount(labels.flatten(), minlength=3) / labels.numel()
        assert shares.tolist() == pytest.approx([0.2, 0.7, 0.1], abs=0.05)


def test_without_control_there_is_no_term(data):
    control = DensityControl(None, data, CPU)
    assert control.terms(torch.rand((2, 3))) == {}
    assert control.draw(4, seeded(0)) is None
    assert control.fractions.tolist() == pytest.approx(data.volume_fractions())


def test_a_conditional_training_gives_each_volume_its_fractions(conditional_model, data):
    """Generator and critics see the targets: without them the critics score otherwise."""
    run = Trainer(conditional_model, data, seed=1, device=CPU)
    own = torch.tensor(data.volume_fractions())
    torch.testing.assert_close(run.generator.own_fractions, own)
    targets = draw_fractions(own, 0.1, 3, seeded(2))
    latents = run.generator.draw(3, (7, 7, 7), seeded(3), targets)
    channels = latents.field[:, 4:]
    assert channels.shape == (3, 3, 7, 7, 7)
    torch.testing.assert_close(channels.amax(dim=(2, 3, 4)), (targets - own) / 0.1)
    torch.testing.assert_close(channels.amin(dim=(2, 3, 4)), (targets - own) / 0.1)
    critic = run.objective.critics[0]
    slices = torch.rand((3, 3, 16, 16), generator=seeded(4))
    scores = [run.objective._scores(critic, slices, t) for t in (targets, targets.flip(0))]
    assert not torch.allclose(*scores)


def test_real_crops_of_a_conditional_training_follow_the_targets(conditional_model, data):
    run = Trainer(conditional_model, data, seed=1, device=CPU)
    view = run.objective.views[0]
    own = run.generator.own_fractions
    step = torch.tensor([0.1, 0.0, -0.1])
    found = [
        run.objective._real(view, 400, (own + sign * step).expand(400, -1), seeded(5)).mean(
            dim=(0, 2, 3)
        )
        for sign in (-1, 1)
    ]
    difference = found[1] - found[0]
    assert difference[0] > 0.1
    assert difference[2] < -0.1


def test_names_of_the_terms_are_those_of_the_phases(conditional_model, data):
    run = Trainer(conditional_model, data, seed=1, device=CPU)
    losses, _ = run.objective.step(Moment(seeded(0), 0, 0.5))
    names = Counter(name.removeprefix("density_difference_") for name in losses)
    assert names.keys() >= {"a", "b", "c", "fluctuation_loss"}
