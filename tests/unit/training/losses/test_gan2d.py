import math
from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from matvir.errors import InputError
from matvir.training.loop import Trainer
from matvir.training.objective import Moment
from matvir.training.seeding import seeded

CPU = torch.device("cpu")
gan = pytest.mark.parametrize("image_model", ["gan-64"], indirect=True)


@gan
def test_one_step_equals_the_game_written_out(image_model, data):
    network = image_model.network
    plain = replace(network, discriminator=replace(network.discriminator, dropout=0.0))
    run = Trainer(replace(image_model, network=plain), data, seed=1, device=CPU)
    generator, critic = deepcopy(run.generator), deepcopy(run.objective.discriminator)
    adams = [torch.optim.Adam(n.parameters(), lr=2e-4, betas=(0.5, 0.999)) for n in (critic,)]
    adams.append(torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999)))
    random = seeded(7)
    fake = generator(generator.draw(5, random))
    real = run.objective.sampler.sample(5, random)
    # One power iteration for each batch that is scored, the others' first.
    of_fakes = -torch.log(1 - torch.sigmoid(critic(fake.detach()))).mean()
    loss = of_fakes - torch.log(torch.sigmoid(critic(real))).mean()
    loss.backward()
    adams[0].step()
    game = -functional.logsigmoid(critic(fake)).mean()
    game.backward()
    adams[1].step()
    losses, images = run.objective.step(Moment(seeded(7), 0, 0.5))
    assert losses["discriminator_loss"].item() == pytest.approx(loss.item(), rel=1e-5)
    assert losses["generator_loss"].item() == pytest.approx(game.item(), rel=1e-4)
    assert losses["generator_loss"].item() == pytest.approx(math.log(2), abs=0.1)
    torch.testing.assert_close(images, fake.detach())
    last = f"convolutions.{len(run.generator.convolutions) - 1}."
    for (name, ours), theirs in zip(
        run.generator.named_parameters(), generator.parameters(), strict=True
    ):
        # In front of a normalisation gradients are 0 but for rounding, and steps of any sign.
        normalised = name.startswith(("convolutions", "linear")) and not name.startswith(last)
        skipped = normalised and name.endswith("bias")
        assert skipped or torch.allclose(ours, theirs, atol=2e-6), name


@gan
def test_more_images_than_places_are_refused(image_model, data):
    objective = replace(image_model.training.objective, batch=10_000)
    wrong = replace(image_model, training=replace(image_model.training, objective=objective))
    places = (80 - 16 + 1) * (96 - 16 + 1)
    with pytest.raises(InputError, match=rf"16 x 16 pixels, {places}, got 10000. Give more"):
        Trainer(wrong, data, seed=0, device=CPU)


@gan
def test_images_larger_than_the_sections_are_refused(image_model, data):
    wrong = replace(image_model, network=replace(image_model.network, image_size=96))
    with pytest.raises(InputError, match=r"have 80 x 96 pixels, a crop has 96 x 96"):
        Trainer(wrong, data, seed=0, device=CPU)
