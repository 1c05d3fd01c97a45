"""An autoencoder whose likeness is what a discriminator's hidden layer sees.

Source: A. B. L. Larsen, S. K. Sonderby, H. Larochelle and O. Winther, "Autoencoding beyond pixels
using a learned similarity metric", arXiv 1512.09300, Algorithm 1.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from matvir.micrograph.crops import ImageSampler
from matvir.micrograph.encoding import TrainingData
from matvir.models.images import build_discriminator
from matvir.models.vae import Vae, draw_codes, kl_divergence
from matvir.settings.models import ModelConfig
from matvir.settings.objectives import VaeGanConfig
from matvir.training.losses.gan2d import discriminator_loss, entropy
from matvir.training.losses.vae import grown_share, pixel_difference
from matvir.training.objective import Moment, Objective


class VaeGan(Objective):
    """One update of the discriminator, then one of encoder and decoder.

    The squared error of pixels comes first, and gives way to what the discriminator sees
    (``crossfade``): opinions of a discriminator teach a decoder of uniform images nothing. The
    encoder learns from likeness and KL divergence, weighted as in `Autoencoding`, the decoder from
    likeness and the discriminator, the discriminator from what is real alone.

    Raises
    ------
    InputError
        If the sections have no room for the crops.
    """

    config: VaeGanConfig

    def __init__(
        self,
        model: ModelConfig,
        generator: Vae,
        data: TrainingData,
        device: torch.device,
        weights: torch.Generator,
        *_: object,
    ) -> None:
        super().__init__(model, generator)
        config, size = self.config, generator.image_size
        described = generator.config.discriminator
        assert described is not None  # as the rules of the family see to
        self.sampler = ImageSampler(data, size, config.batch, device)
        self.discriminator = build_discriminator(described, size, data.n_phases, weights, device)
        rate = config.discriminator_learning_rate
        self.optimise("discriminator", self.discriminator.parameters(), rate)
        self.optimise("generator", generator.parameters())

    def step(self, moment: Moment) -> tuple[dict[str, Tensor], Tensor]:
        """Make one update of all networks.

        Losses are ``discriminator_loss`` and ``generator_loss`` (binary cross-entropies),
        ``feature_loss`` and ``kl_loss`` (sums, mean over images), and ``reconstruction_error``
        (mean squared error of a pixel's channel).
        """
        n, random = self.config.batch, moment.random
        real = self.sampler.sample(n, random)
        mean, log_variance = self.generator.encode(real)
        made = self.generator(draw_codes(mean, log_variance, random))
        sampled = self.generator(self.generator.draw(n, random))
        fakes = [made.detach(), sampled.detach()]
        judged = discriminator_loss(self.discriminator, real, fakes, random)
        self.minimise("discriminator", judged)
        self.discriminator.requires_grad_(False)
        # Features are to be of one and the same network: no power iterations between them.
        with parametrize.cached():
            terms = {
                "kl_loss": kl_divergence(mean, log_variance).mean(),
                "image_loss": pixel_difference(real, made).mean(),
                "feature_loss": self._feature_loss(real, made),
                "generator_loss": (
                    self._passing_loss(made, random) + self._passing_loss(sampled, random)
                )
                / 2,
            }
        self._update(terms, moment.progress)
        self.discriminator.requires_grad_(True)
        terms |= {
            "discriminator_loss": judged,
            "reconstruction_error": terms.pop("image_loss") / real[0].numel(),
        }
        return {name: value.detach() for name, value in terms.items()}, made.detach()

    def _feature_loss(self, real: Tensor, made: Tensor) -> Tensor:
        """Return minus the log-likelihood of features (eq. 7), up to a constant."""
        layer = self.config.feature_layer
        with torch.no_grad():
            theirs = self.discriminator.features(real, layer)
        return pixel_difference(theirs, self.discriminator.features(made, layer)).mean() / 2

    def _passing_loss(self, images: Tensor, random: torch.Generator) -> Tensor:
        """Return the loss of images that are to pass for real."""
        keep = self.discriminator.draw_dropout(len(images), random)
        return entropy(self.discriminator(images, keep), 1.0)

    def _update(self, terms: dict[str, Tensor], progress: float) -> None:
        """Give encoder and decoder the gradients of their own terms."""
        config = self.config
        encoding = self.generator.encoding_parameters()
        decoding = self.generator.decoding_parameters()
        kl_weight = config.kl_weight * grown_share(progress, config.kl_ramp)
        share = grown_share(progress, config.crossfade)
        likeness = (1 - share) * terms["image_loss"] + share * terms["feature_loss"]
        of_encoder = kl_weight * terms["kl_loss"] + likeness
        of_decoder = config.feature_weight * likeness + share * terms["generator_loss"]
        gradients = torch.autograd.grad(of_encoder, encoding, retain_graph=True)
        gradients += torch.autograd.grad(of_decoder, decoding)
        for parameter, gradient in zip([*encoding, *decoding], gradients, strict=True):
            parameter.grad = gradient
        self.optimisers["generator"].step()

    def networks(self) -> dict[str, nn.Module]:
        """Return the networks besides the autoencoder."""
        return {"discriminator": self.discriminator}
