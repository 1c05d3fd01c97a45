"""Networks only; one architecture per module."""

from matvir.models.gan2d import ImageGenerator
from matvir.models.gaussian_field import GaussianField
from matvir.models.images import ImageModel
from matvir.models.slicegan import Generator
from matvir.models.vae import Vae
from matvir.settings.records import (
    Gan2dNetworkConfig,
    GaussianFieldNetworkConfig,
    NetworkConfig,
    VaeNetworkConfig,
)
from matvir.storage.images import Kind

# Whatever makes volumes or images, once it is trained.
Network = Generator | ImageModel | GaussianField


def build_generator(config: NetworkConfig, n_phases: int, kind: Kind = "phases") -> Network:
    """Return the network that a configuration describes, with ``n_phases`` channels of a kind."""
    if isinstance(config, Gan2dNetworkConfig):
        return ImageGenerator(config, n_phases, kind)
    if isinstance(config, VaeNetworkConfig):
        return Vae(config, n_phases, kind)
    if isinstance(config, GaussianFieldNetworkConfig):
        return GaussianField(config, n_phases, kind)
    return Generator(config, n_phases, kind)
