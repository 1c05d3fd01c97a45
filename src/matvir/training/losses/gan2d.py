"""A discriminator of images beside real crops.

Source: I. Goodfellow et al., "Generative adversarial nets", arXiv 1406.2661: eq. 1, and of the
generator's loss the remark below it, which keeps its gradient from vanishing.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from matvir.micrograph.crops import ImageSampler
from matvir.micrograph.encoding import TrainingData
from matvir.models.gan2d import ImageGenerator
from matvir.models.images import ImageDiscriminator, build_discriminator
from matvir.settings.models import ModelConfig
from matvir.settings.objectives import Gan2dConfig
from matvir.training.objective import Moment, Objective


class Gan2d(Objective):
    """One update of the discriminator, then one of the generator.

    Raises
    ------
    InputError
        If the sections have no room for the crops.
    """

    config: Gan2dConfig

    def __init__(
        self,
        model: ModelConfig,
        generator: ImageGenerator,
        data: TrainingData,
        device: torch.device,
        weights: torch.Generator,
        *_: object,
    ) -> None:
        super().__init__(model, generator)
        size = generator.image_size
        self.sampler = ImageSampler(data, size, self.config.batch, device)
        self.discriminator = build_discriminator(
            generator.config.discriminator, size, data.n_phases, weights, device
        )
        self.optimise("discriminator", self.discriminator.parameters())
        self.optimise("generator", generator.parameters())

    def step(self, moment: Moment) -> tuple[dict[str, Tensor], Tensor]:
        """Make one update of the discriminator and one of the generator.

        ``discriminator_loss`` and ``generator_loss`` are binary cross-entropies.
        """
        n, random = self.config.batch, moment.random
        fake = self.generator(self.generator.draw(n, random))
        real = self.sampler.sample(n, random)
        judged = discriminator_loss(self.discriminator, real, [fake.detach()], random)
        self.minimise("discriminator", judged)
        self.discriminator.requires_grad_(False)
        keep = self.discriminator.draw_dropout(n, random)
        generator_loss = entropy(self.discriminator(fake, keep), 1.0)
        self.minimise("generator", generator_loss)
        self.discriminator.requires_grad_(True)
        losses = {"discriminator_loss": judged, "generator_loss": generator_loss}
        return {name: loss.detach() for name, loss in losses.items()}, fake.detach()

    def networks(self) -> dict[str, nn.Module]:
        """Return the networks besides the generator."""
        return {"discriminator": self.discriminator}


def discriminator_loss(
    discriminator: ImageDiscriminator,
    real: Tensor,
    fakes: list[Tensor],
    random: torch.Generator,
) -> Tensor:
    """Return what a discriminator is to minimise to tell real images from others.

    Parameters
    ----------
    discriminator : ImageDiscriminator
        Scores images.
    real : Tensor of shape (B, C, H, W)
        Real crops.
    fakes : list of Tensor of shape (B, C, H, W)
        Batches of other images, without gradients.
    random : torch.Generator
        Source of what is dropped.

    Returns
    -------
    scalar Tensor
        Cross-entropy of real images, and that of all batches of others, added.
    """

    def loss(images: Tensor, label: float) -> Tensor:
        keep = discriminator.draw_dropout(len(images), random)
        return entropy(discriminator(images, keep), label)

    of_fakes = torch.stack([loss(fake, 0.0) for fake in fakes]).mean()
    return loss(real, 1.0) + of_fakes


def entropy(logits: Tensor, label: float) -> Tensor:
    """Return the mean binary cross-entropy of logits and one label for all of them."""
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))
