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
from matvir.models.images import ImageDiscriminator
from matvir.settings.records import Gan2dConfig, Gan2dNetworkConfig, ModelConfig
from matvir.training.objective import Moment


class Gan2d:
    """One update of the discriminator, then one of the generator.

    Parameters
    ----------
    model : ModelConfig
        Of the kind ``gan2d``.
    generator : ImageGenerator
        The network to train.
    data : TrainingData
        Encoded sections.
    device : torch.device
        Where the networks are.
    weights : torch.Generator
        Source of the discriminator's first weights.

    Raises
    ------
    InputError
        If the sections have no room for the crops.
    """

    def __init__(
        self,
        model: ModelConfig,
        generator: ImageGenerator,
        data: TrainingData,
        device: torch.device,
        weights: torch.Generator,
    ) -> None:
        config, network = model.training.objective, model.network
        assert isinstance(config, Gan2dConfig)
        assert isinstance(network, Gan2dNetworkConfig)
        self.config, self.generator = config, generator
        self.sampler = ImageSampler(data, network.image_size, config.batch, device)
        self.discriminator = ImageDiscriminator(
            network.discriminator, network.image_size, data.n_phases
        )
        self.discriminator.initialise(weights)
        self.discriminator.to(device)
        self.optimisers = {
            name: torch.optim.Adam(one.parameters(), lr=config.learning_rate, betas=config.betas)
            for name, one in (("discriminator", self.discriminator), ("generator", generator))
        }

    def step(self, moment: Moment) -> tuple[dict[str, Tensor], Tensor]:
        """Make one update of the discriminator and one of the generator.

        Parameters
        ----------
        moment : Moment
            Randomness.

        Returns
        -------
        losses : dict of str to scalar Tensor
            ``discriminator_loss`` and ``generator_loss`` (both binary cross-entropies).
        images : Tensor of shape (batch, n_phases, H, W)
            What the generator made.
        """
        n, random = self.config.batch, moment.random
        fake = self.generator(self.generator.draw(n, random))
        real = self.sampler.sample(n, random)
        discriminator_loss = update_discriminator(
            self.discriminator, self.optimisers["discriminator"], real, [fake.detach()], random
        )
        self.discriminator.requires_grad_(False)
        keep = self.discriminator.draw_dropout(n, random)
        generator_loss = entropy(self.discriminator(fake, keep), 1.0)
        optimiser = self.optimisers["generator"]
        optimiser.zero_grad(set_to_none=True)
        generator_loss.backward()
        optimiser.step()
        self.discriminator.requires_grad_(True)
        losses = {"discriminator_loss": discriminator_loss, "generator_loss": generator_loss}
        return {name: loss.detach() for name, loss in losses.items()}, fake.detach()

    def networks(self) -> dict[str, nn.Module]:
        """Return the networks besides the generator."""
        return {"discriminator": self.discriminator}


def update_discriminator(
    discriminator: ImageDiscriminator,
    optimiser: torch.optim.Optimizer,
    real: Tensor,
    fakes: list[Tensor],
    random: torch.Generator,
) -> Tensor:
    """Teach a discriminator to tell real images from others.

    Parameters
    ----------
    discriminator : ImageDiscriminator
        Changed in place.
    optimiser : Optimizer
        Its own.
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
    total = loss(real, 1.0) + of_fakes
    optimiser.zero_grad(set_to_none=True)
    total.backward()
    optimiser.step()
    return total.detach()


def entropy(logits: Tensor, label: float) -> Tensor:
    """Return the mean binary cross-entropy of logits and one label for all of them."""
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))
