"""Two-point correlations of cut Gaussian fields beside those of a material's sections.

The correlations of a cut field follow from its covariance, so nothing has to be generated for a
step, see `matvir.models.gaussian_field`.
"""

from collections.abc import Sequence
from itertools import permutations

import torch
from torch import Tensor, nn

from matvir.config import GaussianFieldConfig, ModelConfig
from matvir.labels import distinct_planes
from matvir.micrograph.encoding import TrainingData
from matvir.models.gaussian_field import GaussianField
from matvir.training.calibration import fractions_of
from matvir.training.correlations import symmetrised, two_point_correlations
from matvir.training.objective import Moment
from matvir.unused_settings import require_unused


class GaussianFieldFit:
    """One update of the kernels.

    Parameters
    ----------
    model : ModelConfig
        Its ``training.objective`` is a `GaussianFieldConfig`.
    generator : GaussianField
        The fields to fit, cut at their thresholds.
    data : TrainingData
        One-hot sections.
    device : torch.device
        Where the fields are.
    """

    def __init__(
        self, model: ModelConfig, generator: GaussianField, data: TrainingData, device: torch.device
    ) -> None:
        config = model.training.objective
        assert isinstance(config, GaussianFieldConfig)
        require_unused(model)
        self.generator = generator
        # By the axis whose planes of the fields they are compared with.
        self.targets = targets(data, 2 * generator.radius, device)
        generator.cut_at(fractions_of(data), best_order(list(self.targets.values())))
        # What an isotropic material looks like along each axis is known.
        generator.log_units.requires_grad_(not data.isotropic)
        parameters = [one for one in generator.parameters() if one.requires_grad]
        self.optimisers = {
            "generator": torch.optim.Adam(parameters, lr=config.learning_rate, betas=config.betas)
        }

    def step(self, moment: Moment) -> tuple[dict[str, Tensor], Tensor]:
        """Make one update of the kernels.

        Parameters
        ----------
        moment : Moment
            Randomness of the volume that is shown.

        Returns
        -------
        losses : dict of str to scalar Tensor
            ``loss``, mean of `correlation_loss` over axes.
        volumes : Tensor of shape (1, n_phases, D, H, W)
            One-hot labels of a volume.
        """
        optimiser = self.optimisers["generator"]
        optimiser.zero_grad(set_to_none=True)
        losses = [
            correlation_loss(self.generator.correlations(axis, target.shape[-1] // 2), target)
            for axis, target in self.targets.items()
        ]
        loss = torch.stack(losses).mean()
        loss.backward()
        optimiser.step()
        labels = self.generator.sample(moment.random)
        phases = torch.arange(len(self.generator.order), device=labels.device)
        return {"loss": loss.detach()}, (labels == phases[:, None, None, None]).float()[None]

    def networks(self) -> dict[str, nn.Module]:
        """Return the networks besides the generator, of which there is none."""
        return {}


def targets(data: TrainingData, reach: int, device: torch.device) -> dict[int, Tensor]:
    """Return the autocorrelations of all phases in the sections across each axis.

    Returns
    -------
    dict of int to Tensor of shape (n_phases, n, n)
        Lags run up to ``reach`` voxels, or half an edge of the sections if that is less. Of an
        isotropic material there is one entry, the mean over all sections.
    """
    edges = [edge for one in data.sections.values() for edge in one.shape[2:]]
    reach = min(reach, *(edge // 2 for edge in edges))
    found: dict[int, Tensor] = {}
    for axes, sections in distinct_planes(data.sections):
        images = torch.from_numpy(sections).to(device)
        pairs = two_point_correlations(images, reach, images.sum(dim=1))
        pairs = symmetrised(pairs, mirror=data.mirror, quarter_turns=data.quarter_turns)
        first, second = torch.triu_indices(data.n_phases, data.n_phases).unbind()
        found |= dict.fromkeys(axes, pairs[first == second])
    if data.isotropic:
        return {0: torch.stack(list(found.values())).mean(dim=0)}
    return found


def best_order(targets: Sequence[Tensor]) -> tuple[int, ...]:
    """Return the order of cutting that suits a material best.

    Fields can have any correlations of all phases but the last, whose own then follow: what is not
    cut at any of the fields. The phase that fits this best comes last.

    Parameters
    ----------
    targets : sequence of Tensor of shape (n_phases, n, n)
        Autocorrelations of the phases in planes, lag 0 in the middle.
    """
    middle = [len(one[0]) // 2 for one in targets]
    cuts = [one[:, m, m:] for one, m in zip(targets, middle, strict=True)]
    cuts += [one[:, m:, m] for one, m in zip(targets, middle, strict=True)]
    along = torch.cat([one[:, 1:] for one in cuts], dim=1)
    fractions = torch.stack([one[:, 0] for one in cuts]).mean(dim=0)

    def misfit(order: Sequence[int]) -> float:
        rest, uncut = torch.ones_like(along[0]), torch.ones(())
        for phase in order[:-1]:
            share = fractions[phase] / uncut
            rest = (1 - 2 * share) * rest + along[phase]
            uncut = uncut - fractions[phase]
        return float((rest - along[order[-1]]).abs().mean() / (uncut * (1 - uncut)))

    return min(permutations(range(len(fractions))), key=misfit)


def correlation_loss(found: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared error of autocorrelations over their range.

    Each octave of distances counts as much as any other: the nearest lags tell the surface, the
    others the size of particles.

    Parameters
    ----------
    found, target : Tensor of shape (n_phases, 2 * reach + 1, 2 * reach + 1)
        Autocorrelations of phases in a plane.
    """
    reach = target.shape[-1] // 2
    lags = torch.arange(-reach, reach + 1, device=target.device)
    squares = lags[:, None] ** 2 + lags**2
    weights = torch.where(squares <= reach**2, 1 / squares.clamp_min(1), 0)
    # At lag 0 they are fractions, which the thresholds see to.
    weights[reach, reach] = 0
    fractions = target[:, reach, reach]
    spread = (fractions * (1 - fractions)).clamp_min(1e-4)[:, None, None]
    errors = ((found - target) / spread).square()
    return (weights * errors).sum(dim=(1, 2)).mean() / weights.sum()
