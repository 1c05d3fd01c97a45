"""Variational autoencoders of images: likeness of pixels, or of two-point statistics.

Sources: D. P. Kingma and M. Welling, arXiv 1312.6114, eq. 10; of the statistics S. Hashemi,
M. Guerzhoy and N. H. Paulson, arXiv 2402.11103.
"""

import torch
from torch import Tensor, nn

from matvir.errors import ConfigError
from matvir.micrograph.crops import ImageSampler
from matvir.micrograph.encoding import TrainingData
from matvir.models.vae import Vae, divergence, draw_codes
from matvir.settings.records import ModelConfig, StatisticsVaeConfig, VaeConfig, VaeNetworkConfig
from matvir.training.objective import Moment, Terms, weighted_sum
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


def grown_share(progress: float, ramp: tuple[float, float]) -> float:
    """Return how far a weight has grown: 0 before the ramp, 1 after it."""
    start, end = ramp
    return min(max((progress - start) / (end - start), 0.0), 1.0)


class Autoencoding:
    """One update of encoder and decoder: likeness of images and their reconstructions.

    The divergence counts from ``kl_ramp`` on: as long as a decoder makes nothing of codes, it would
    drive encoders to say nothing by them (S. R. Bowman et al., arXiv 1511.06349, section 3.1).

    A `StatisticsVaeConfig` begins with the cross-entropy of pixels. Statistics alone do not find
    out of an image that lacks a phase, where the bells are flat, and end with all lines in one
    corner; a sudden change to them loses a rare phase again.

    Parameters
    ----------
    model : ModelConfig
        Of the kind ``vae``; its objective is a `VaeConfig` or a `StatisticsVaeConfig`.
    generator : Vae
        The network to train.
    data : TrainingData
        Encoded sections.
    device : torch.device
        Where the network is.

    Raises
    ------
    ConfigError
        If statistics of phases are to be compared and there are none.
    InputError
        If the sections have no room for the crops.
    """

    def __init__(
        self, model: ModelConfig, generator: Vae, data: TrainingData, device: torch.device
    ) -> None:
        config = model.training.objective
        assert isinstance(config, VaeConfig | StatisticsVaeConfig)
        assert isinstance(model.network, VaeNetworkConfig)
        if isinstance(config, StatisticsVaeConfig) and data.kind != "phases":
            raise ConfigError(
                "training.objective.kind: 'statistics-vae' compares statistics of phases, got a "
                f"material that keeps its {data.kind} values. Use 'vae'."
            )
        self.config, self.vae = config, generator
        self.sampler = ImageSampler(data, model.network.image_size, config.batch, device)
        self.optimisers = {
            "generator": torch.optim.Adam(
                generator.parameters(), lr=config.learning_rate, betas=config.betas
            )
        }

    def step(self, moment: Moment) -> tuple[dict[str, Tensor], Tensor]:
        """Make one update.

        Parameters
        ----------
        moment : Moment
            Randomness, and how far the training is.

        Returns
        -------
        losses : dict of str to scalar Tensor
            ``loss``; ``image_loss``, or ``cross_entropy`` and ``statistics_loss``; and
            ``kl_loss``; means over images.
        images : Tensor of shape (batch, n_phases, H, W)
            The reconstructions.
        """
        real = self.sampler.sample(self.config.batch, moment.random)
        mean, log_variance = self.vae.encode(real)
        made = self.vae(draw_codes(mean, log_variance, moment.random))
        kl_weight = self.config.kl_weight * grown_share(moment.progress, self.config.kl_ramp)
        terms: Terms = {
            **self._likeness(real, made, moment.progress),
            "kl_loss": (kl_weight, divergence(mean, log_variance).mean()),
        }
        loss = weighted_sum(terms)
        optimiser = self.optimisers["generator"]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        parts = {name: value.detach() for name, (_, value) in terms.items()}
        return {"loss": loss.detach(), **parts}, made.detach()

    def _likeness(self, real: Tensor, made: Tensor, progress: float) -> Terms:
        """Return the terms that compare images with their reconstructions."""
        config = self.config
        if isinstance(config, VaeConfig):
            return {"image_loss": (1.0, pixel_difference(real, made).mean())}
        share = grown_share(progress, config.crossfade)
        statistics = statistics_difference(real, made, config.indicator_width)
        return {
            "cross_entropy": (1 - share, cross_entropy(real, made).mean()),
            "statistics_loss": (share * config.statistics_weight, statistics.mean()),
        }

    def networks(self) -> dict[str, nn.Module]:
        """Return the networks besides the autoencoder: none."""
        return {}
