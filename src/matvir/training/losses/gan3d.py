"""A discriminator of volumes beside real crops of a volume: what SliceGAN is compared with.

Source: A. Gayon-Lombardo et al., npj Computational Materials 6, 82 (2020); of the loss and of real
labels below 1: I. Goodfellow et al., arXiv 1406.2661, and T. Salimans et al., arXiv 1606.03498,
section 3.4.
"""

import torch
from torch import Tensor, nn

from matvir.device import pick_precision
from matvir.errors import ConfigError
from matvir.micrograph.encoding import TrainingData
from matvir.micrograph.volume_crops import VolumeCropSampler
from matvir.models.gan3d import Discriminator
from matvir.models.slicegan import Generator
from matvir.settings.models import ModelConfig
from matvir.settings.objectives import Gan3dConfig
from matvir.training.density import DensityControl
from matvir.training.losses.gan2d import entropy
from matvir.training.objective import Moment, Objective, Terms, values_of, weighted_sum


class Gan3d(Objective):
    """One update of the discriminator, then one of the generator.

    Raises
    ------
    ConfigError
        If there is no discriminator, or volumes are too small for it.
    """

    config: Gan3dConfig

    def __init__(
        self,
        model: ModelConfig,
        generator: Generator,
        data: TrainingData,
        device: torch.device,
        weights: torch.Generator,
        *_: object,
    ) -> None:
        super().__init__(model, generator)
        self.latent_size = model.training.latent_size
        self.precision = pick_precision(model.training.precision, device)
        self.density = DensityControl(model.training.density_control, data, device)
        size = generator.output_size(self.latent_size)
        critic = generator.config.critic
        if critic is None:
            raise ConfigError(
                "network.critic: the objective 'gan-3d' needs one, got null; base the model on "
                "gan3d."
            )
        self.discriminator = Discriminator(critic, data.n_phases)
        if self.discriminator.output_size(size) < 1:
            raise ConfigError(
                f"training.latent_size: {self.latent_size} gives volumes of {size} voxels, too "
                "small for the discriminator. Raise it."
            )
        self.discriminator.initialise(weights)
        self.discriminator.to(device).to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        self.sampler = VolumeCropSampler(data, size, device)
        self.optimise("discriminator", self.discriminator.parameters())
        self.optimise("generator", generator.parameters())

    def step(self, moment: Moment) -> tuple[dict[str, Tensor], Tensor]:
        """Make one update of the discriminator and one of the generator.

        ``discriminator_loss`` and ``generator_loss`` are binary cross-entropies.
        """
        config, random = self.config, moment.random
        latents = self.generator.draw(config.volumes, (self.latent_size,) * 3, random)
        fake = self.generator(latents.to(self.precision))
        real = self.sampler.sample(config.volumes, random)
        judged = self._entropy(real, config.real_label) + self._entropy(fake.detach(), 0.0)
        self.minimise("discriminator", judged)
        self.discriminator.requires_grad_(False)
        terms: Terms = {
            "generator_loss": (1.0, self._entropy(fake, 1.0)),
            **self.density.terms(fake.flatten(2).mean(dim=2)),
        }
        self.minimise("generator", weighted_sum(terms))
        self.discriminator.requires_grad_(True)
        return {"discriminator_loss": judged.detach(), **values_of(terms)}, fake.detach()

    def _entropy(self, volumes: Tensor, label: float) -> Tensor:
        """Return the mean cross-entropy of the discriminator's answers and a label."""
        logits = self.discriminator(volumes.contiguous(memory_format=torch.channels_last_3d))
        return entropy(logits, label)

    def networks(self) -> dict[str, nn.Module]:
        """Return the networks besides the generator."""
        return {"discriminator": self.discriminator}
