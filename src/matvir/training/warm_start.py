"""Trainings that begin with the weights of another generator, as of another material.

Transfer learning for SliceGAN: what a network knows about shapes in one material saves steps in
another one.
"""

import torch

from matvir.config import SliceganNetworkConfig, to_dict
from matvir.errors import ConfigError
from matvir.models.slicegan import Generator
from matvir.training.checkpoint import TrainedGenerator


@torch.no_grad()
def start_from(
    network: Generator, config: SliceganNetworkConfig, trained: TrainedGenerator, source: str
) -> None:
    """Give a generator the weights of a trained one.

    Parameters
    ----------
    network : Generator
        Changed in place. If it has another number of phases its last layer is left as it is.
    config : SliceganNetworkConfig
        What it was built from.
    trained : TrainedGenerator
        Where the weights come from.
    source : str
        Its file, for messages.

    Raises
    ------
    ConfigError
        If the two generators do not have the same layers.
    """
    ours, theirs = _layers(config), _layers(trained.config)
    different = [key for key in ours if ours[key] != theirs[key]]
    if different:
        raise ConfigError(
            f"training.warm_start: {source} has another network: "
            + "; ".join(f"{key} {theirs[key]}, expected {ours[key]}" for key in different)
            + ". Start from a generator of the same model, or set it to null."
        )
    state = trained.network.state_dict()
    last = f"convolutions.{len(network.convolutions) - 1}."
    same_phases = trained.network.convolutions[-1].bias.shape == network.convolutions[-1].bias.shape
    kept = {k: v for k, v in network.state_dict().items() if not same_phases and k.startswith(last)}
    network.load_state_dict(state | kept)


def _layers(config: SliceganNetworkConfig) -> dict[str, object]:
    """Return what two generators must have in common."""
    return {key: value for key, value in to_dict(config).items() if key != "critic"}
