from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from matvir.models.vae import draw_codes, kl_divergence
from matvir.training.loop import Trainer
from matvir.training.losses.vae import grown_share
from matvir.training.objective import Moment
from matvir.training.seeding import seeded

CPU = torch.device("cpu")
# Half the ramp of the divergence, three quarters of the way from pixels to statistics.
PROGRESS, WEIGHT = 0.55, 0.5


def squares(real, made):
    """Return the squared error of the pixels, and its share of the loss."""
    return {"image_loss": (1, ((real - made) ** 2).sum())}


def statistics(real, made):
    """Return cross-entropy and distance of the statistics, and their shares in mid-training."""
    distance = (correlations(real[None]) - correlations(made[None])).square().sum().sqrt()
    labels = real.argmax(dim=0)
    return {
        "cross_entropy": (0.25, -made.gather(0, labels[None]).log().sum()),
        "statistics_loss": (0.75 * 1000, distance),
    }


def correlations(images):
    """Correlate the bells around 1 of every two channels, written out with shifts."""
    bells = torch.exp(-8 * (images - 1) ** 2)
    found = []
    for first in range(3):
        for second in range(first, 3):
            for row in range(16):
                for column in range(16):
                    there = torch.roll(bells[:, second], (-row, -column), dims=(1, 2))
                    found.append((bells[:, first] * there).mean(dim=(1, 2)))
    return torch.stack(found, dim=1)


@pytest.mark.parametrize(
    ("image_model", "likeness"),
    [("vae-64", squares), ("statistics-vae-64", statistics)],
    indirect=["image_model"],
)
def test_one_step_equals_the_bound_written_out(image_model, likeness, data):
    objective = replace(image_model.training.objective, kl_ramp=(0.3, 0.8))
    model = replace(image_model, training=replace(image_model.training, objective=objective))
    run = Trainer(model, data, seed=1, device=CPU)
    twin, random = deepcopy(run.generator), seeded(7)
    adam = torch.optim.Adam(twin.parameters(), lr=1e-3, betas=(0.9, 0.999))
    real = run.objective.sampler.sample(5, random)
    mean, log_variance = twin.encode(real)
    made = twin(draw_codes(mean, log_variance, random))
    pairs = [likeness(*pair) for pair in zip(real, made, strict=True)]
    spread = kl_divergence(mean, log_variance).mean()
    total = (
        WEIGHT * spread + sum(weight * one for pair in pairs for weight, one in pair.values()) / 5
    )
    total.backward()
    adam.step()
    losses, images = run.objective.step(Moment(seeded(7), 0, PROGRESS))
    for name in pairs[0]:
        mean_likeness = sum(pair[name][1].item() for pair in pairs) / 5
        assert losses[name].item() == pytest.approx(mean_likeness, rel=1e-4)
    assert losses["kl_loss"].item() == pytest.approx(spread.item(), rel=1e-5)
    assert losses["loss"].item() == pytest.approx(total.item(), rel=1e-4)
    torch.testing.assert_close(images, made.detach())
    for ours, theirs in zip(run.generator.parameters(), twin.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("image_model", ["vae-64"], indirect=True)
def test_the_first_image_has_the_fractions_of_the_material(image_model, data):
    vae = Trainer(image_model, data, seed=1, device=CPU).generator
    first = vae(torch.zeros(1, vae.latent_length))
    fractions = torch.from_numpy(np.mean([s.mean((0, 2, 3)) for s in data.sections.values()], 0))
    expected = fractions.float()[:, None, None].expand_as(first)
    torch.testing.assert_close(first, expected, atol=1e-3, rtol=0)


def test_a_weight_grows_bit_by_bit():
    shares = [grown_share(progress, (0.4, 0.6)) for progress in (0, 0.4, 0.45, 0.6, 1)]
    assert shares == pytest.approx([0, 0, 0.25, 1, 1])


@pytest.mark.parametrize("image_model", ["vae-64"], indirect=True)
def test_a_short_training_learns_to_reconstruct(image_model, data, tmp_path):
    network = replace(image_model.network, channels=(16, 16))
    objective = replace(image_model.training.objective, kl_weight=0.1, batch=16)
    training = replace(image_model.training, objective=objective, steps=300, log_every=100)
    model = replace(image_model, network=network, training=training)
    run = Trainer(model, data, seed=1, device=CPU)
    run.run(tmp_path / "state.pt", lambda _: None)
    real = run.objective.sampler.sample(64, seeded(5))
    with torch.no_grad():
        made = run.finish()(run.finish().encode(real)[0])
    error = ((made - real) ** 2).sum(dim=1).mean().item()
    # What guessing each pixel's mean over all images would miss.
    assert error < 0.7 * ((real - real.mean(dim=0)) ** 2).sum(dim=1).mean().item()
