"""Variational autoencoders of images: likeness of pixels, or of two-point statistics.

Sources: D. P. Kingma and M. Welling, arXiv 1312.6114, eq. 10; of the statistics S. Hashemi,
M. Guerzhoy and N. H. Paulson, arXiv 2402.11103.
"""

from typing import Any

import torch
from torch import Tensor

from matvir.errors import ConfigError
from matvir.micrograph.crops import ImageSampler
from matvir.micrograph.encoding import TrainingData
from matvir.models.vae import Vae, draw_codes, kl_divergence
from matvir.settings.models import ModelConfig
from matvir.settings.objectives import StatisticsVaeConfig, VaeConfig
from matvir.training.objective import Moment, Objective, Terms, values_of, weighted_sum
from matvir.training.spatial_statistics import soft_correlations

# Of a phase in a pixel, for logarithms.
SMALLEST_PROBABILITY = 1e-6


def pixel_difference(real: Tensor, made: Tensor) -> Tensor:
    """Return the squared error of each image, summed over pixels and channels, shape (B,)."""
    return ((real - made) ** 2).flatten(1).sum(dim=1)


def cross_entropy(real: Tensor, made: Tensor) -> Tensor:
    """Return minus the log-likelihood of the phases of each image, (B,), given probabilities."""
    return -(real * made.clamp_min(SMALLEST_PROBABILITY).log()).flatten(1).sum(dim=1)


def statistics_difference(real: Tensor, made: Tensor, width: float) -> Tensor:
    """Return the norm of the error of two-point statistics, over lags and pairs, shape (B,).

    The gradient of a norm does not fade as images grow alike, as that of its square does.

    Parameters
    ----------
    real, made : Tensor of shape (B, n_phases, H, W)
        Probabilities of phases.
    width : float
        Of the soft indicators, see `matvir.training.spatial_statistics.soft_correlations`.
    """
    error = soft_correlations(real, width) - soft_correlations(made, width)
    norms: Tensor = torch.linalg.vector_norm(error.flatten(1), dim=1)
    return norms


def grown_share(progress: float, warm_up: tuple[float, float]) -> float:
    """Return how far a weight has grown: 0 before the warm-up, 1 after it."""
    start, end = warm_up
    return min(max((progress - start) / (end - start), 0.0), 1.0)


class Autoencoding(Objective):
    """One update of encoder and decoder: likeness of images and their reconstructions.

    The KL divergence is warmed up (``kl_ramp``): as long as a decoder makes nothing of codes, it
    would drive encoders to put nothing into them (S. R. Bowman et al., arXiv 1511.06349, section
    3.1).

    Raises
    ------
    InputError
        If the sections have no room for the crops.
    """

    config: VaeConfig | StatisticsVaeConfig

    def __init__(
        self,
        model: ModelConfig,
        generator: Vae,
        data: TrainingData,
        device: torch.device,
        *_: object,
    ) -> None:
        super().__init__(model, generator)
        self.sampler = ImageSampler(data, generator.image_size, self.config.batch, device)
        self.optimise("generator", generator.parameters())

    def step(self, moment: Moment) -> tuple[dict[str, Tensor], Tensor]:
        """Make one update; losses are ``loss``, the terms of `likeness` and ``kl_loss``."""
        real = self.sampler.sample(self.config.batch, moment.random)
        mean, log_variance = self.generator.encode(real)
        made = self.generator(draw_codes(mean, log_variance, moment.random))
        kl_weight = self.config.kl_weight * grown_share(moment.progress, self.config.kl_ramp)
        terms: Terms = {
            **self.likeness(real, made, moment.progress),
            "kl_loss": (kl_weight, kl_divergence(mean, log_variance).mean()),
        }
        loss = weighted_sum(terms)
        self.minimise("generator", loss)
        return {"loss": loss.detach(), **values_of(terms)}, made.detach()

    def likeness(self, real: Tensor, made: Tensor, progress: float) -> Terms:
        """Return the terms that compare images with their reconstructions, means over images."""
        return {"image_loss": (1.0, pixel_difference(real, made).mean())}


class StatisticsAutoencoding(Autoencoding):
    """An autoencoder whose likeness are two-point statistics.

    It begins with the cross-entropy of pixels. Statistics alone do not find out of an image that
    lacks a phase, where the soft indicators are flat, and end with all lines in one corner; a
    sudden change to them loses a rare phase again.

    Raises
    ------
    ConfigError
        If the material has no phases.
    """

    config: StatisticsVaeConfig

    def __init__(self, model: ModelConfig, generator: Vae, data: TrainingData, *more: Any) -> None:
        if not data.kind.labelled:
            raise ConfigError(
                "training.objective.kind: 'statistics-vae' compares statistics of phases, got a "
                f"material that keeps its {data.kind} values. Use 'vae'."
            )
        super().__init__(model, generator, data, *more)

    def likeness(self, real: Tensor, made: Tensor, progress: float) -> Terms:
        """Return ``cross_entropy`` and ``statistics_loss``, one of which takes over."""
        config = self.config
        share = grown_share(progress, config.crossfade)
        statistics = statistics_difference(real, made, config.indicator_width)
        return {
            "cross_entropy": (1 - share, cross_entropy(real, made).mean()),
            "statistics_loss": (share * config.statistics_weight, statistics.mean()),
        }
