"""Variational autoencoders of images: likeness of pixels, or of two-point statistics.

Sources: D. P. Kingma and M. Welling, arXiv 1312.6114, eq. 10; of the statistics S. Hashemi,
M. Guerzhoy and N. H. Paulson, arXiv 2402.11103.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from matvir.config import ModelConfig, StatisticsVaeConfig, VaeConfig, VaeNetworkConfig
from matvir.errors import ConfigError
from matvir.micrograph.crops import ImageSampler
from matvir.micrograph.encoding import TrainingData
from matvir.models.vae import Vae, divergence, draw_codes
from matvir.training.objective import Moment, Terms, weighted_sum
from matvir.training.spatial_statistics import soft_correlations

# Maps real images and their reconstructions to what of each pair differs, shape (B,).
Difference = Callable[[Tensor, Tensor], Tensor]


def pixel_difference(real: Tensor, made: Tensor) -> Tensor:
    """Return the squared error of each image, summed over pixels and channels, shape (B,)."""
    return ((real - made) ** 2).flatten(1).sum(dim=1)


def statistics_difference(width: float) -> Difference:
    """Return what computes the norm of the error of two-point statistics, over lags and pairs.

    The gradient of a norm does not fade as images grow alike, as that of its square does.

    Parameters
    ----------
    width : float
        Of the soft indicators, see `matvir.training.spatial_statistics.soft_correlations`.
    """

    def difference(real: Tensor, made: Tensor) -> Tensor:
        error = soft_correlations(real, width) - soft_correlations(made, width)
        norms: Tensor = torch.linalg.vector_norm(error.flatten(1), dim=1)
        return norms

    return difference


class Autoencoding:
    """One update of encoder and decoder: likeness of images and their reconstructions.

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
        if isinstance(config, VaeConfig):
            self.difference: Difference = pixel_difference
            self.name, self.weight = "image_loss", 1.0
        else:
            self.difference = statistics_difference(config.indicator_width)
            self.name, self.weight = "statistics_loss", config.statistics_weight
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
            Randomness.

        Returns
        -------
        losses : dict of str to scalar Tensor
            ``loss``, ``image_loss`` or ``statistics_loss``, and ``kl_loss``, mean over images.
        images : Tensor of shape (batch, n_phases, H, W)
            The reconstructions.
        """
        real = self.sampler.sample(self.config.batch, moment.random)
        mean, log_variance = self.vae.encode(real)
        made = self.vae(draw_codes(mean, log_variance, moment.random))
        terms: Terms = {
            self.name: (self.weight, self.difference(real, made).mean()),
            "kl_loss": (self.config.kl_weight, divergence(mean, log_variance).mean()),
        }
        loss = weighted_sum(terms)
        optimiser = self.optimisers["generator"]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        parts = {name: value.detach() for name, (_, value) in terms.items()}
        return {"loss": loss.detach(), **parts}, made.detach()

    def networks(self) -> dict[str, nn.Module]:
        """Return the networks besides the autoencoder: none."""
        return {}
