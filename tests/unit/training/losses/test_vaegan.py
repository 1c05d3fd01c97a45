from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from matvir.models.vae import draw_codes, kl_divergence
from matvir.training.loop import Trainer
from matvir.training.objective import Moment
from matvir.training.seeding import seeded

CPU = torch.device("cpu")
pytestmark = pytest.mark.parametrize("image_model", ["vae-gan-64"], indirect=True)


def gradients(parameters):
    return [one.grad.clone() for one in parameters]


def test_gradients_of_encoder_and_decoder_are_of_their_own_terms(image_model, data):
    """Halfway up the ramp of the divergence, and a quarter on the way from pixels to features."""
    objective = replace(
        image_model.training.objective, kl_ramp=(0.3, 0.7), crossfade=(0.4, 0.8), kl_weight=0.7
    )
    training = replace(image_model.training, objective=objective)
    image_model = replace(image_model, training=training)
    run = Trainer(image_model, data, seed=1, device=CPU)
    vae, random = deepcopy(run.generator), seeded(7)
    real = run.objective.sampler.sample(5, random)
    mean, log_variance = vae.encode(real)
    made = vae(draw_codes(mean, log_variance, random))
    sampled = vae(vae.draw(5, random))
    losses, images = run.objective.step(Moment(seeded(7), 0, 0.5))
    torch.testing.assert_close(images, made.detach())
    critic = run.objective.discriminator  # as it judged: learned already
    features = [critic.features(one, 2) for one in (real, made)]
    alike = ((features[0] - features[1]) ** 2).sum() / (2 * 5)
    likeness = 0.75 * ((real - made) ** 2).sum() / 5 + 0.25 * alike
    doubts = [-functional.logsigmoid(critic(one)).mean() for one in (made, sampled)]
    config = image_model.training.objective
    spread = kl_divergence(mean, log_variance).mean()
    terms = {
        "encoding_parameters": 0.5 * 0.7 * spread + likeness,
        "decoding_parameters": config.feature_weight * likeness + 0.25 * sum(doubts) / 2,
    }
    for name, loss in terms.items():
        expected = torch.autograd.grad(loss, getattr(vae, name)(), retain_graph=True)
        for ours, theirs in zip(gradients(getattr(run.generator, name)()), expected, strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-3)
    assert losses["feature_loss"].item() == pytest.approx(alike.item(), rel=1e-4)
    assert losses["generator_loss"].item() == pytest.approx((sum(doubts) / 2).item(), rel=1e-4)


def test_the_discriminator_learns_from_its_own_loss_alone(image_model, data):
    run = Trainer(image_model, data, seed=1, device=CPU)
    critic, vae, random = deepcopy(run.objective.discriminator), deepcopy(run.generator), seeded(7)
    real = run.objective.sampler.sample(5, random)
    made = vae(draw_codes(*vae.encode(real), random))
    sampled = vae(vae.draw(5, random))
    log = functional.logsigmoid
    fakes = [-log(-critic(one)).mean() for one in (made, sampled)]
    loss = sum(fakes) / 2 - log(critic(real)).mean()
    expected = torch.autograd.grad(loss, list(critic.parameters()))
    run.objective.step(Moment(seeded(7), 0, 0.5))
    for ours, theirs in zip(run.objective.discriminator.parameters(), expected, strict=True):
        torch.testing.assert_close(ours.grad, theirs, atol=1e-6, rtol=1e-4)
        assert ours.requires_grad


def test_the_discriminators_loss_is_of_real_made_and_sampled_images(image_model, data):
    run = Trainer(image_model, data, seed=1, device=CPU)
    critic, vae, random = deepcopy(run.objective.discriminator), run.generator, seeded(7)
    real = run.objective.sampler.sample(5, random)
    with torch.no_grad():
        made = vae(draw_codes(*vae.encode(real), random))
        sampled = vae(vae.draw(5, random))
        log = functional.logsigmoid
        fakes = [-log(-critic(one)).mean() for one in (made, sampled)]
        expected = sum(fakes) / 2 - log(critic(real)).mean()
    losses, _ = run.objective.step(Moment(seeded(7), 0, 0.5))
    assert losses["discriminator_loss"].item() == pytest.approx(expected.item(), rel=1e-5)
    error = ((real - made) ** 2).mean().item()
    assert losses["reconstruction_error"].item() == pytest.approx(error, rel=1e-5)


def test_equal_images_have_equal_features_also_with_spectral_normalisation(image_model, data):
    network = image_model.network
    normalised = replace(network.discriminator, spectral_norm=True)
    model = replace(image_model, network=replace(network, discriminator=normalised))
    run = Trainer(model, data, seed=1, device=CPU)
    seen = []
    features = run.objective.discriminator.features

    def remember(images, layer, keep=None):
        found = features(images, layer, keep)
        seen.append(run.objective.discriminator.convolutions[0].weight.detach().clone())
        return found

    run.objective.discriminator.features = remember
    run.objective.step(Moment(seeded(7), 0, 0.5))
    # Real, made and sampled images that it learns from, then the two of the likeness and two more.
    assert len(seen) == 7
    assert not torch.equal(seen[0], seen[2])
    assert all(torch.equal(one, seen[3]) for one in seen[4:])
