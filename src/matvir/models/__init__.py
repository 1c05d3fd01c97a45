"""Networks only; one architecture per module."""

from matvir.config import Gan2dNetworkConfig, NetworkConfig, VaeNetworkConfig
from matvir.labels import Kind
from matvir.models.gan2d import ImageGenerator
from matvir.models.images import ImageModel
from matvir.models.slicegan import Generator
from matvir.models.vae import Vae


def build_generator(
    config: NetworkConfig, n_phases: int, kind: Kind = "phases"
) -> Generator | ImageModel:
    """Return the network that a configuration describes, with ``n_phases`` channels of a kind."""
    if isinstance(config, Gan2dNetworkConfig):
        return ImageGenerator(config, n_phases, kind)
    if isinstance(config, VaeNetworkConfig):
        return Vae(config, n_phases, kind)
    return Generator(config, n_phases, kind)
