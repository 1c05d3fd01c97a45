"""Relativistic critic of slices, with the fluctuations of volume fractions beside it.

Source of the critic's game and its penalties: A. Jolicoeur-Martineau, "The relativistic
discriminator", arXiv 1807.00734, and N. Huang et al., "The GAN is dead; long live the GAN! A modern
GAN baseline", arXiv 2501.05441, eq. 2 and 5. Source of the penalty every few steps: T. Karras et
al., arXiv 1912.04958, appendix B. Slices of volumes in place of images: SliceGAN, arXiv 2102.07708.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from matvir.device import computing_in, pick_precision
from matvir.errors import ConfigError
from matvir.micrograph.encoding import TrainingData
from matvir.models.conditioning import with_conditions
from matvir.models.critic import build_critics, check_sizes, critic_fits
from matvir.models.slicegan import Generator
from matvir.settings.models import ModelConfig
from matvir.settings.objectives import RelativisticConfig
from matvir.training.density import DensityControl, crops_with_fractions
from matvir.training.losses.fluctuations import fluctuation_loss, variances_in_cubes
from matvir.training.losses.sliced_wasserstein import (
    levels_fit,
    patch_distances,
    require_levels,
)
from matvir.training.objective import Moment, Objective, Terms, values_of, weighted_sum
from matvir.training.process_group import SINGLE, ProcessGroup
from matvir.training.views import View, build_views

# Volume fractions are counted at every third voxel along each axis.
SPACING = 3
# Slope of labels in logits, near the largest that a softmax has (1/4).
SLOPE = 0.2

# Slices of volumes, as many real crops, and the fractions that the volumes of the slices are to
# have if the generator is conditional.
Pair = tuple[Tensor, Tensor, Tensor | None]


def straight_through_labels(logits: Tensor) -> Tensor:
    """Return one-hot labels of the most probable phases, by a straight-through estimator.

    Real slices are labels. A critic that saw probabilities would know generated ones by their
    blurred interfaces and teach the generator little else. The gradient passes as if the labels
    were the logits, less their mean and scaled: that of the softmax would vanish where a phase is
    certain, and certain phases could no longer change. Source of the estimator: Y. Bengio et al.,
    "Estimating or propagating gradients through stochastic neurons", arXiv 1308.3432.

    Parameters
    ----------
    logits : Tensor of shape (B, n_phases, ...)
        Of slices or volumes.
    """
    known = logits.detach()
    largest = known[:, :1]
    for phase in range(1, known.shape[1]):  # several times faster than amax over channels
        largest = torch.maximum(largest, known[:, phase : phase + 1])
    passing = SLOPE * (logits - logits.mean(dim=1, keepdim=True))
    return (known == largest).to(known.dtype) + passing - passing.detach()


def relativistic_loss(winner: Tensor, loser: Tensor) -> Tensor:
    """Return the mean of ``softplus(loser - winner)`` over pairs, scores of shape (B,)."""
    return functional.softplus(loser - winner).mean()


def gradient_penalty(scores: Sequence[Tensor], slices: Sequence[Tensor]) -> Tensor:
    """Return the mean squared gradient of the scores of both sides in their slices (R1 + R2)."""
    total = torch.cat(list(scores)).sum()
    gradients = torch.autograd.grad(total, list(slices), create_graph=True)
    return torch.stack([(one**2).sum(dim=(1, 2, 3)).mean() for one in gradients]).sum()


class Relativistic(Objective):
    """One update of the critics, then one of the generator.

    There is one critic for each group of axes whose slices look alike: one for all three of an
    isotropic material, else one per plane; slices perpendicular to an axis without a plane are seen
    by none. Around a rotation axis there is one more, for diagonal slices. Patches of slices are
    matched as well while the critics know little (``warm_up``). How fractions vary between volumes
    is matched for isotropic materials alone, whose sections tell it.
    """

    config: RelativisticConfig

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
        config, network = self.config, generator.config
        self.latent_size = model.training.latent_size
        self.precision = pick_precision(model.training.precision, device)
        size = check_sizes(network, self.latent_size)
        # Of images that keep their values, critics see these.
        self.labelled = data.kind.labelled
        told = data.isotropic and self.labelled
        self.fluctuations_weight = config.fluctuations.weight if told else 0.0
        if self.fluctuations_weight > 0 and config.volumes < 2:
            raise ConfigError(
                "training.objective.volumes: fluctuations show between at least 2 volumes, got "
                f"{config.volumes}. Take more, or set fluctuations.weight to 0."
            )
        require_levels(config.warm_up.patches, "slices of the training volume", size)
        scored = critic_fits(network)
        patches = config.warm_up.patches

        def fits(edge: int) -> bool:
            return scored(edge) and levels_fit(patches, edge)

        groups = build_views(data, size, device, fits=fits)
        self.views = [view for group in groups for view in group]
        # Which of the views each critic scores.
        bounds = accumulate(map(len, groups), initial=0)
        self.groups = [range(*pair) for pair in pairwise(bounds)]
        if self.labelled:
            sections = data.sections_for_axis(data.axes[0])
            self.variances = variances_in_cubes(torch.from_numpy(sections).to(device), size)
        self.density = DensityControl(model.training.density_control, data, device)
        self.critics = build_critics(
            network,
            data.n_phases,
            len(self.groups),
            weights,
            device,
            objective=config.kind,
            scaled=True,
        )
        rate, betas = config.critic_learning_rate, config.critic_betas
        self.optimise("critics", self.critics.parameters(), rate, betas)
        self.optimise("generator", generator.parameters())

    def step(self, moment: Moment) -> tuple[dict[str, Tensor], Tensor]:
        """Make one update of the critics and one of the generator.

        Parameters
        ----------
        moment : Moment
            Randomness, and how far the training is.

        Returns
        -------
        losses : dict of str to scalar Tensor
            ``critic_loss`` and ``generator_loss`` (both log 2 where the critics cannot tell
            slices from crops), ``confidence_penalty`` and, while they count,
            ``fluctuation_loss``, a ``density_difference`` per phase and ``patch_loss``.
        volumes : Tensor of shape (volumes, n_phases, D, H, W)
            Logits of what the generator made, or values in 0 .. 1.
        """
        config, random, progress = self.config, moment.random, moment.progress
        targets = self.density.draw(config.volumes, random)
        latents = self.generator.draw(config.volumes, (self.latent_size,) * 3, random, targets)
        mine = latents.to(self.precision).map(self.group.shard)
        volumes = self.group.gather(self.generator.logits(mine))
        logits = [view.slices(volumes, config.slices_per_axis, random) for view in self.views]
        soft = [self.generator.decode(slices) for slices in logits]
        fake = [straight_through_labels(slices) for slices in logits] if self.labelled else soft
        # The targets of the volume that each slice is of.
        of_slices = [
            None if targets is None else targets.repeat_interleave(len(ours) // len(targets), dim=0)
            for ours in fake
        ]
        counted = zip(self.views, fake, of_slices, strict=True)
        real = [self._real(view, len(ours), known, random) for view, ours, known in counted]
        pairs = list(zip(fake, real, of_slices, strict=True))
        penalised = moment.step % config.penalty_every == 0
        critic_loss = self._update_critics(pairs, penalised)
        terms = {
            "generator_loss": (1.0, self._generator_loss(pairs)),
            **self._confidence_term(soft, fake, progress),
            **self._fraction_terms(volumes, targets, progress),
            **self._patch_term(soft, real, moment),
        }
        self.minimise("generator", weighted_sum(terms))
        made = volumes.detach() if self.labelled else self.generator.decode(volumes.detach())
        return self.group.mean({"critic_loss": critic_loss, **values_of(terms)}), made

    def _confidence_term(self, soft: list[Tensor], fake: list[Tensor], progress: float) -> Terms:
        if not self.labelled:
            return {}
        until = self.config.warm_up.until
        # While patches are matched it grows: at once it would drive out rare phases, which are
        # nowhere the most probable ones at first.
        share = 1.0 if progress >= until else progress / until
        weight = share * self.config.commitment_weight
        return {"confidence_penalty": (weight, confidence_penalty(soft, fake))}

    def _real(self, view: View, n: int, targets: Tensor | None, random: torch.Generator) -> Tensor:
        """Return ``n`` real crops, those that fit the targets of a conditional generator."""
        if targets is None:
            return view.real(n, random)
        return crops_with_fractions(
            lambda n_crops: view.real(n_crops, random), targets, self.variances, random
        )

    def _fraction_terms(self, volumes: Tensor, targets: Tensor | None, progress: float) -> Terms:
        weight, start = self.fluctuations_weight, self.config.fluctuations.start
        fluctuates = weight > 0 and progress >= start
        if not fluctuates and self.density.config is None:
            return {}
        sparse = volumes[:, :, ::SPACING, ::SPACING, ::SPACING]
        found = straight_through_labels(sparse).flatten(2).mean(dim=2)
        terms = self.density.terms(found, targets)
        if fluctuates:
            share = (progress - start) / (1 - start)
            aims = self.density.fractions if targets is None else targets
            loss = fluctuation_loss(found, aims, self.variances)
            terms["fluctuation_loss"] = (weight * share, loss)
        return terms

    def _patch_term(self, soft: list[Tensor], real: list[Tensor], moment: Moment) -> Terms:
        config = self.config.warm_up
        if moment.progress >= config.until:
            return {}
        distance = _mean(
            patch_distances(ours, theirs, config.patches, moment.random).sum()
            for ours, theirs in zip(soft, real, strict=True)
        )
        share = 1 - moment.progress / config.until
        return {"patch_loss": (config.weight * share, distance)}

    def _update_critics(self, pairs: list[Pair], penalised: bool) -> Tensor:
        config = self.config
        parts = []
        for critic, group in zip(self.critics, self.groups, strict=True):
            fake, real, targets = self._shard(pairs, group)
            ours = fake.detach().requires_grad_(penalised)
            theirs = real.requires_grad_(penalised)
            # One pass over both: larger batches are faster.
            both = None if targets is None else torch.cat([targets, targets])
            scores = self._scores(critic, torch.cat([ours, theirs]), both).chunk(2)
            parts.append(relativistic_loss(scores[1], scores[0]))
            if penalised:
                weight = config.penalty_every * config.gradient_penalty / 2
                parts[-1] = parts[-1] + weight * gradient_penalty(scores, (ours, theirs))
        loss = torch.stack(parts).mean()
        self.minimise("critics", loss)
        return loss.detach()

    def _generator_loss(self, pairs: list[Pair]) -> Tensor:
        self.critics.requires_grad_(False)
        parts = []
        for critic, group in zip(self.critics, self.groups, strict=True):
            fake, real, targets = self._shard(pairs, group)
            ours = self._scores(critic, fake, targets)
            with torch.no_grad():
                theirs = self._scores(critic, real, targets)
            parts.append(relativistic_loss(ours, theirs))
        self.critics.requires_grad_(True)
        return torch.stack(parts).mean()

    def _shard(self, pairs: list[Pair], group: Iterable[int]) -> Pair:
        """Return this process's share of the slices, crops and targets of one critic."""
        fake, real, targets = zip(*(pairs[view] for view in group), strict=True)
        known = [one for one in targets if one is not None]
        shared = [self.group.shard(torch.cat(one)) for one in (fake, real)]
        return shared[0], shared[1], self.group.shard(torch.cat(known)) if known else None

    def _scores(self, critic: nn.Module, slices: Tensor, targets: Tensor | None) -> Tensor:
        if targets is not None:
            slices = with_conditions(slices, self.generator.conditions(targets))
        slices = slices.contiguous(memory_format=torch.channels_last)
        with computing_in(self.precision, slices.device):
            scores: Tensor = critic(slices)
        return scores.float()

    def networks(self) -> dict[str, nn.Module]:
        """Return the networks besides the generator."""
        return {"critics": self.critics}


def confidence_penalty(soft: list[Tensor], fake: list[Tensor]) -> Tensor:
    """Return the mean probability that a pixel is not of its most probable phase."""
    return _mean(
        1 - (ours * labels.detach()).sum(dim=1).mean()
        for ours, labels in zip(soft, fake, strict=True)
    )


def _mean(parts: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(parts)).mean()
