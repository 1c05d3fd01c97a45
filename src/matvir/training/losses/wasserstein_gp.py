"""Wasserstein critic with gradient penalty on slices.

Source: Algorithm 1 of SliceGAN (arXiv 2102.07708) and, for the penalty, I. Gulrajani et al.,
"Improved Training of Wasserstein GANs" (arXiv 1704.00028), eq. 3.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from matvir.config import ModelConfig, SliceganNetworkConfig, WassersteinGPConfig
from matvir.device import pick_precision
from matvir.errors import ConfigError
from matvir.micrograph.crops import samplers_per_axis
from matvir.micrograph.encoding import TrainingData
from matvir.models.slicegan import Critic, Generator, check_sizes
from matvir.training.slices import all_slices, plane_groups


def critic_loss(
    critic: Callable[[Tensor], Tensor],
    fake: Tensor,
    real: Tensor,
    penalty_weight: float,
    mixing: Tensor,
) -> dict[str, Tensor]:
    """Return the critic's loss ``D(fake) - D(real) + lambda * (||grad D(mix)|| - 1)^2``.

    Parameters
    ----------
    critic : callable
        Maps slices of shape (B, C, H, W) to scores of shape (B,).
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
    mix = (mixing * fake + (1 - mixing) * real).requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(mix).sum(), mix, create_graph=True)
    penalty = penalty_weight * ((gradient.flatten(1).norm(dim=1) - 1) ** 2).mean()
    estimate = critic(real).mean() - critic(fake).mean()
    return {
        "critic_loss": penalty - estimate,
        "wasserstein_estimate": estimate,
        "gradient_penalty": penalty,
    }


class WassersteinGP:
    """Algorithm 1: ``critic_iterations`` updates of the critics, then one of the generator.

    An isotropic material has one critic for the slices of all three axes, any other one per axis.

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
    """

    def __init__(
        self,
        model: ModelConfig,
        generator: Generator,
        data: TrainingData,
        device: torch.device,
        weights: torch.Generator,
    ) -> None:
        config = model.training.objective
        assert isinstance(config, WassersteinGPConfig)
        self.config = config
        self.generator = generator
        self.latent_size = model.training.latent_size
        self.precision = pick_precision(model.training.precision, device)
        self.groups = plane_groups(data.isotropic)
        size = check_sizes(model.network, self.latent_size)
        self.samplers = samplers_per_axis(data, size, device)
        self.critics = nn.ModuleList(
            _critic(model.network, data.n_phases, weights) for _ in self.groups
        )
        # The layout that convolutions are fastest in, as that of the generator.
        self.critics.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.critic_optimiser = self._adam(self.critics)
        self.generator_optimiser = self._adam(generator)

    def _adam(self, network: nn.Module) -> torch.optim.Adam:
        rate, betas = self.config.learning_rate, self.config.betas
        return torch.optim.Adam(network.parameters(), lr=rate, betas=betas)

    def step(self, random: torch.Generator) -> tuple[dict[str, Tensor], Tensor]:
        """Make one generator step.

        Parameters
        ----------
        random : torch.Generator
            All randomness of this step.

        Returns
        -------
        losses : dict of str to scalar Tensor
            For the history; those of the critic are of its last iteration.
        volumes : Tensor of shape (generator_volumes, n_phases, D, H, W)
            What the generator made.
        """
        for _ in range(self.config.critic_iterations):
            losses = self._critic_step(random)
        volumes = self._volumes(self.config.generator_volumes, random)
        self.critics.requires_grad_(False)
        scores = [
            critic(torch.cat([all_slices(volumes, axis) for axis in axes])).mean()
            for critic, axes in zip(self.critics, self.groups, strict=True)
        ]
        generator_loss = -torch.stack(scores).mean()
        self.generator_optimiser.zero_grad(set_to_none=True)
        generator_loss.backward()
        self.generator_optimiser.step()
        self.critics.requires_grad_(True)
        return {**losses, "generator_loss": generator_loss.detach()}, volumes.detach()

    def _critic_step(self, random: torch.Generator) -> dict[str, Tensor]:
        with torch.no_grad():
            volumes = self._volumes(self.config.critic_volumes, random)
        parts = []
        for critic, axes in zip(self.critics, self.groups, strict=True):
            slices = {axis: all_slices(volumes, axis) for axis in axes}
            fake = torch.cat(list(slices.values()))
            real = torch.cat([self.samplers[a].sample(len(s), random) for a, s in slices.items()])
            mixing = torch.rand((len(fake), 1, 1, 1), generator=random, device=random.device)
            parts.append(critic_loss(critic, fake, real, self.config.gradient_penalty, mixing))
        losses = {name: torch.stack([part[name] for part in parts]).mean() for name in parts[0]}
        self.critic_optimiser.zero_grad(set_to_none=True)
        losses["critic_loss"].backward()
        self.critic_optimiser.step()
        return {name: value.detach() for name, value in losses.items()}

    def _volumes(self, n: int, random: torch.Generator) -> Tensor:
        latents = self.generator.draw(n, (self.latent_size,) * 3, random)
        volumes: Tensor = self.generator(latents.to(self.precision))
        return volumes

    def state_dict(self) -> dict[str, object]:
        """Return critics and optimisers as plain containers of tensors."""
        return {
            "critics": self.critics.state_dict(),
            "critic_optimiser": self.critic_optimiser.state_dict(),
            "generator_optimiser": self.generator_optimiser.state_dict(),
        }

    def load_state_dict(self, state: dict[str, dict]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.critics.load_state_dict(state["critics"])
        self.critic_optimiser.load_state_dict(state["critic_optimiser"])
        self.generator_optimiser.load_state_dict(state["generator_optimiser"])


def _critic(network: SliceganNetworkConfig, n_phases: int, weights: torch.Generator) -> Critic:
    if network.critic is None:
        raise ConfigError(
            "network.critic: the objective 'wasserstein-gp' needs a critic, got null; "
            "describe one (see slicegan-paper) or use 'sliced-wasserstein'."
        )
    critic = Critic(network.critic, n_phases)
    critic.initialise(weights)
    return critic
