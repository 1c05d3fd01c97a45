"""Trainings that begin with the weights of another generator, as of another material.

Transfer learning for SliceGAN: what a network knows about shapes in one material saves steps in
another one.
"""

import torch

from matvir.errors import ConfigError
from matvir.models.slicegan import Generator
from matvir.settings.records import NetworkConfig, SliceganNetworkConfig, to_dict
from matvir.training.checkpoint import TrainedGenerator


@torch.no_grad()
def start_from(
    network: Generator, config: SliceganNetworkConfig, trained: TrainedGenerator, source: str
) -> None:
    """Give a generator the weights of a trained one.

    Parameters
    ----------
    network : Generator
        Changed in place. If the other has another number of phases, what depends on it is left as
        it is: the last layer, and the first one of a conditional generator. The last layer is left
        too if the other makes values where this one makes phases.
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
    different = [key for key in ours if ours[key] != theirs.get(key)]
    if different:
        raise ConfigError(
            f"training.warm_start: {source} has another network: "
            + "; ".join(f"{key} {theirs.get(key)}, expected {ours[key]}" for key in different)
            + ". Start from a generator of the same model, or set it to null."
        )
    own, state = network.state_dict(), trained.network.state_dict()
    last = f"convolutions.{len(network.convolutions) - 1}."
    labelled = network.kind == "phases"
    same_output = labelled == (trained.network.kind == "phases")
    taken = {
        name: value
        for name, value in state.items()
        if value.shape == own[name].shape and (same_output or not name.startswith(last))
    }
    network.load_state_dict(own | taken)


def _layers(config: NetworkConfig) -> dict[str, object]:
    """Return what two generators must have in common."""
    return {key: value for key, value in to_dict(config).items() if key != "critic"}
