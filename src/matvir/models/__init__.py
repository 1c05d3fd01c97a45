"""Networks only; one architecture per module."""

from matvir.families import FAMILIES, load
from matvir.models.network import Network
from matvir.settings.models import NetworkConfig
from matvir.storage.image_types import PHASES, ImageType


def build_network(
    family: str, config: NetworkConfig, n_phases: int, kind: ImageType = PHASES
) -> Network:
    """Return the network that a configuration describes.

    Parameters
    ----------
    family : str
        Key in `matvir.families.FAMILIES`.
    config : NetworkConfig
        The record that this family describes networks by.
    n_phases : int
        Number of output channels.
    kind : ImageType
        What these channels are.
    """
    network: Network = load(FAMILIES[family].network)(config, n_phases, kind)
    network.family = family
    return network
