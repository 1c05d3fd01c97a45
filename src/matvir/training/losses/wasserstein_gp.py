"""Wasserstein critic with gradient penalty on slices.

Source: Algorithm 1 of SliceGAN (arXiv 2102.07708) and, for the penalty, I. Gulrajani et al.,
"Improved Training of Wasserstein GANs" (arXiv 1704.00028), eq. 3.
"""

import torch
from torch import Tensor, nn

from matvir.device import computing_in, pick_precision
from matvir.micrograph.encoding import TrainingData
from matvir.models.slicegan import (
    Critic,
    Generator,
    build_critics,
    check_sizes,
    critic_fits,
    network_of_volumes,
)
from matvir.settings.records import ModelConfig, WassersteinGPConfig
from matvir.training.density import DensityControl
from matvir.training.objective import Moment, weighted_sum
from matvir.training.process_group import ALONE, Team
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


class WassersteinGP:
    """Algorithm 1: ``critic_iterations`` updates of the critics, then one of the generator.

    There is one critic for each group of axes whose slices look alike: one for all three of an
    isotropic material, else one per plane; slices across an axis without a plane are seen by none.
    Around a rotation axis there is one more, for diagonal slices.

    Parameters
    ----------
    model : ModelConfig
        Its ``training.objective`` is a `WassersteinGPConfig`.
    generator : Generator
        The network to train.
    data : TrainingData
        One-hot sections.
    device : torch.device
        Where the networks are.
    weights : torch.Generator
        Source of the critics' first weights.
    team : Team
        Processes that share the work.
    """

    def __init__(
        self,
        model: ModelConfig,
        generator: Generator,
        data: TrainingData,
        device: torch.device,
        weights: torch.Generator,
        team: Team = ALONE,
    ) -> None:
        config = model.training.objective
        assert isinstance(config, WassersteinGPConfig)
        self.config, self.team = config, team
        for key in ("critic_volumes", "generator_volumes"):
            team.require_shares(f"training.objective.{key}", getattr(config, key))
        self.generator = generator
        self.density = DensityControl(model.training.density_control, data, device)
        self.latent_size = model.training.latent_size
        self.precision = pick_precision(model.training.precision, device)
        size = check_sizes(network_of_volumes(model), self.latent_size)
        self.groups = build_views(data, size, device, fits=critic_fits(network_of_volumes(model)))
        self.critics = build_critics(model, data.n_phases, len(self.groups), weights, scaled=False)
        # The layout that convolutions are fastest in, as that of the generator.
        self.critics.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimisers = {
            name: torch.optim.Adam(
                network.parameters(), lr=config.learning_rate, betas=config.betas
            )
            for name, network in (("critics", self.critics), ("generator", generator))
        }

    def step(self, moment: Moment) -> tuple[dict[str, Tensor], Tensor]:
        """Make one generator step.

        Parameters
        ----------
        moment : Moment
            Randomness, and how far the training is.

        Returns
        -------
        losses : dict of str to scalar Tensor
            For the history; those of the critic are of its last iteration.
        volumes : Tensor of shape (generator_volumes, n_phases, D, H, W)
            What the generator made.
        """
        for _ in range(self.config.critic_iterations):
            losses = self._critic_step(moment.random)
        volumes = self._volumes(self.config.generator_volumes, moment.random)
        found = volumes.flatten(2).mean(dim=2)
        density = self.density.terms(found)
        self.critics.requires_grad_(False)
        with computing_in(self.precision, volumes.device):
            scores = [
                critic(self._ready(self._slices(views, volumes, moment.random))).float().mean()
                for critic, views in zip(self.critics, self.groups, strict=True)
            ]
        generator_loss = -torch.stack(scores).mean()
        self.optimisers["generator"].zero_grad(set_to_none=True)
        terms = {"generator_loss": (1.0, generator_loss), **density}
        weighted_sum(terms).backward()
        self.team.average_gradients(self.optimisers["generator"])
        self.optimisers["generator"].step()
        self.critics.requires_grad_(True)
        parts = {name: value.detach() for name, (_, value) in terms.items()}
        return self.team.mean({**losses, **parts}), volumes.detach()

    def _slices(self, views: list[View], volumes: Tensor, random: torch.Generator) -> Tensor:
        """Return all slices that one critic scores."""
        return torch.cat([view.slices(volumes, None, random) for view in views])

    def _critic_step(self, random: torch.Generator) -> dict[str, Tensor]:
        with torch.no_grad():
            volumes = self._volumes(self.config.critic_volumes, random)
        parts = []
        for critic, views in zip(self.critics, self.groups, strict=True):
            assert isinstance(critic, Critic)
            slices = [view.slices(volumes, None, random) for view in views]
            fake = torch.cat(slices)
            counted = zip(views, slices, strict=True)
            real = torch.cat([view.real(len(ours), random) for view, ours in counted])
            mixing = torch.rand((len(fake), 1, 1, 1), generator=random, device=random.device)
            fake, real, mixing = map(self._ready, (fake, real, mixing))
            with computing_in(self.precision, fake.device):
                loss = critic_loss(critic, fake, real, self.config.gradient_penalty, mixing)
            parts.append(loss)
        losses = {name: torch.stack([part[name] for part in parts]).mean() for name in parts[0]}
        self.optimisers["critics"].zero_grad(set_to_none=True)
        losses["critic_loss"].backward()
        self.team.average_gradients(self.optimisers["critics"])
        self.optimisers["critics"].step()
        return {name: value.detach() for name, value in losses.items()}

    def _ready(self, slices: Tensor) -> Tensor:
        """Return this process's share in the precision and layout that critics are fastest in."""
        return self.team.share(slices).to(self.precision, memory_format=torch.channels_last)

    def _volumes(self, n: int, random: torch.Generator) -> Tensor:
        latents = self.generator.draw(n, (self.latent_size,) * 3, random)
        mine = latents.to(self.precision).map(self.team.share)
        return self.team.gather(self.generator(mine))

    def networks(self) -> dict[str, nn.Module]:
        """Return the networks besides the generator."""
        return {"critics": self.critics}
