"""Wasserstein critic with gradient penalty on slices.

Source: Algorithm 1 of SliceGAN (arXiv 2102.07708) and, for the penalty, I. Gulrajani et al.,
"Improved Training of Wasserstein GANs" (arXiv 1704.00028), eq. 3.
"""

from typing import cast

import torch
from torch import Tensor, nn

from matvir.device import computing_in, pick_precision
from matvir.micrograph.encoding import TrainingData
from matvir.models.critic import Critic, build_critics, check_sizes, critic_fits
from matvir.models.slicegan import Generator
from matvir.settings.models import ModelConfig
from matvir.settings.objectives import WassersteinGPConfig
from matvir.training.density import DensityControl
from matvir.training.objective import Moment, Objective, Terms, values_of, weighted_sum
from matvir.training.process_group import SINGLE, ProcessGroup
from matvir.training.views import View, build_views


def critic_loss(
    critic: Critic,
    fake: Tensor,
    real: Tensor,
    penalty_weight: float,
    mixing: Tensor,
) -> dict[str, Tensor]:
    """Return the critic's loss ``D(fake) - D(real) + lambda * (||grad D(mix)|| - 1)^2``.

    Parameters
    ----------
    critic : Critic
        Scores slices.
    fake, real : Tensor of shape (B, C, H, W)
        Generated and real slices.
    penalty_weight : float
        lambda.
    mixing : Tensor of shape (B, 1, 1, 1), in 0 .. 1
        Share of the fake slice in the interpolate ``mix``.

    Returns
    -------
    dict of str to scalar Tensor
        ``critic_loss`` (to be minimised), ``wasserstein_estimate`` = D(real) - D(fake) and
        ``gradient_penalty`` (weighted).
    """
    # Not in one pass: the last bias, of no effect, is to have a gradient of exactly zero.
    estimate = critic(real).float().mean() - critic(fake).float().mean()
    gradient = critic.gradient(mixing * fake + (1 - mixing) * real).float()
    penalty = penalty_weight * ((gradient.flatten(1).norm(dim=1) - 1) ** 2).mean()
    return {
        "critic_loss": penalty - estimate,
        "wasserstein_estimate": estimate,
        "gradient_penalty": penalty,
    }


class WassersteinGP(Objective):
    """Algorithm 1: ``critic_iterations`` updates of the critics, then one of the generator.

    There is one critic for each group of axes whose slices look alike: one for all three of an
    isotropic material, else one per plane; slices perpendicular to an axis without a plane are seen
    by none. Around a rotation axis there is one more, for diagonal slices.
    """

    config: WassersteinGPConfig

    def __init__(
        self,
        model: ModelConfig,
        generator: Generator,
        data: TrainingData,
        device: torch.device,
        weights: torch.Generator,
        group: ProcessGroup = SINGLE,
    ) -> None:
        super().__init__(model, generator, group)
        self.density = DensityControl(model.training.density_control, data, device)
        self.latent_size = model.training.latent_size
        self.precision = pick_precision(model.training.precision, device)
        network = generator.config
        size = check_sizes(network, self.latent_size)
        self.views = build_views(data, size, device, fits=critic_fits(network))
        self.critics = build_critics(
            network,
            data.n_phases,
            len(self.views),
            weights,
            device,
            objective=self.config.kind,
            scaled=False,
        )
        self.optimise("critics", self.critics.parameters())
        self.optimise("generator", generator.parameters())

    def step(self, moment: Moment) -> tuple[dict[str, Tensor], Tensor]:
        """Make one generator step; the losses of the critic are of its last iteration."""
        for _ in range(self.config.critic_iterations):
            losses = self._critic_step(moment.random)
        volumes = self._volumes(self.config.generator_volumes, moment.random)
        found = volumes.flatten(2).mean(dim=2)
        density = self.density.terms(found)
        self.critics.requires_grad_(False)
        with computing_in(self.precision, volumes.device):
            scores = [
                critic(self._ready(self._slices(views, volumes, moment.random))).float().mean()
                for critic, views in zip(self.critics, self.views, strict=True)
            ]
        terms: Terms = {
            "generator_loss": (1.0, -torch.stack(scores).mean()),
            **density,
        }
        self.minimise("generator", weighted_sum(terms))
        self.critics.requires_grad_(True)
        return self.group.mean({**losses, **values_of(terms)}), volumes.detach()

    def _slices(self, views: list[View], volumes: Tensor, random: torch.Generator) -> Tensor:
        """Return all slices that one critic scores."""
        return torch.cat([view.slices(volumes, None, random) for view in views])

    def _critic_step(self, random: torch.Generator) -> dict[str, Tensor]:
        with torch.no_grad():
            volumes = self._volumes(self.config.critic_volumes, random)
        parts = []
        for critic, views in zip(self.critics, self.views, strict=True):
            slices = [view.slices(volumes, None, random) for view in views]
            fake = torch.cat(slices)
            counted = zip(views, slices, strict=True)
            real = torch.cat([view.real(len(ours), random) for view, ours in counted])
            mixing = torch.rand((len(fake), 1, 1, 1), generator=random, device=random.device)
            fake, real, mixing = map(self._ready, (fake, real, mixing))
            with computing_in(self.precision, fake.device):
                loss = critic_loss(
                    cast(Critic, critic), fake, real, self.config.gradient_penalty, mixing
                )
            parts.append(loss)
        losses = {name: torch.stack([part[name] for part in parts]).mean() for name in parts[0]}
        self.minimise("critics", losses["critic_loss"])
        return {name: value.detach() for name, value in losses.items()}

    def _ready(self, slices: Tensor) -> Tensor:
        """Return this process's share in the precision and layout that critics are fastest in."""
        return self.group.shard(slices).to(self.precision, memory_format=torch.channels_last)

    def _volumes(self, n: int, random: torch.Generator) -> Tensor:
        latents = self.generator.draw(n, (self.latent_size,) * 3, random)
        mine = latents.to(self.precision).map(self.group.shard)
        return self.group.gather(self.generator(mine))

    def networks(self) -> dict[str, nn.Module]:
        """Return the networks besides the generator."""
        return {"critics": self.critics}
