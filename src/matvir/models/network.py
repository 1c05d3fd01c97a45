"""What the rest of the package knows of a network, whichever it is."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from matvir.errors import ConfigError
from matvir.settings.build import to_dict
from matvir.settings.models import NetworkConfig, TrainingConfig
from matvir.storage.image_types import ImageType

# Returns the random numbers of a purpose, the same at each call, see `matvir.training.seeding`.
Streams = Callable[[str], torch.Generator]


class Network(nn.Module, ABC):
    """Makes volumes or images of random numbers.

    Parameters
    ----------
    config : NetworkConfig
        What it is built from.
    kind : ImageType
        What its output channels are.

    Attributes
    ----------
    family : str
        Key in `matvir.families.FAMILIES`; `matvir.models.build_network` sets it.
    memory_format : torch.memory_format
        The layout of weights and inputs that its layers are fastest in: on a CPU 2 to 5 times
        faster than the contiguous one.
    output_layer : str
        What the names of the parameters begin with that depend on the output channels; the rest
        can be taken from a network with other outputs.
    """

    family: str
    memory_format: ClassVar[torch.memory_format] = torch.channels_last_3d
    output_layer: str = ""

    def __init__(self, config: NetworkConfig, kind: ImageType) -> None:
        super().__init__()
        self.config, self.kind = config, kind

    @classmethod
    def check_description(cls, config: NetworkConfig, n_phases: int) -> None:
        """Raise `ValueError` if a network of this description would take any amount of memory.

        Files that others wrote describe networks, and shapes of weights do not show everything.
        """

    def check_weights(self) -> None:
        """Raise `ValueError` if loaded weights are of the right shapes and yet of no use."""

    @abstractmethod
    def initialise(self, random: torch.Generator) -> None:
        """Draw the first weights of all layers."""

    def prepare(
        self, training: TrainingConfig, own: Sequence[float], aims: Sequence[float]
    ) -> None:
        """Take what is known of a material before the first step; to be called once.

        Parameters
        ----------
        training : TrainingConfig
            The training to come.
        own : sequence of float
            Volume fractions of the material, or mean values of its channels in 0 .. 1.
        aims : sequence of float
            Those that the training aims at.
        """

    @torch.no_grad()
    def start_from(self, other: "Network", source: str) -> None:
        """Take the weights of a trained network; what does not fit the output is left as it is.

        That is the output layer if the other makes values where this one makes phases, and every
        part that depends on the number of phases if they have different ones.

        Parameters
        ----------
        other : Network
            Where the weights come from.
        source : str
            Its file, for messages.

        Raises
        ------
        ConfigError
            If the two do not have the same layers.
        """
        ours, theirs = ({**to_dict(one.config), "critic": None} for one in (self, other))
        different = [key for key in ours if ours[key] != theirs.get(key)]
        if different:
            raise ConfigError(
                f"training.warm_start: {source} has another network: "
                + "; ".join(f"{key} {theirs.get(key)}, expected {ours[key]}" for key in different)
                + ". Start from a generator of the same model, or set it to null."
            )
        own, same_output = self.state_dict(), self.kind.labelled == other.kind.labelled
        taken = {
            name: value
            for name, value in other.state_dict().items()
            if value.shape == own[name].shape
            and (same_output or not name.startswith(self.output_layer))
        }
        self.load_state_dict(own | taken)

    @abstractmethod
    def output_size(self, latent_size: int) -> int:
        """Return the edge in voxels of what is made from latents of edge ``latent_size``."""

    @abstractmethod
    def sample(self, n: int, latent_size: int, random: torch.Generator) -> Tensor:
        """Return ``n`` random outputs of the size of a training, undecoded.

        Returns
        -------
        Tensor of shape (n, n_phases, D, H, W), or (n, n_phases, H, W) of images
            Logits; what `decode` turns into probabilities or values.
        """

    def decode(self, logits: Tensor) -> Tensor:
        """Return what logits, (B, n_phases, ...), stand for: probabilities, or values in 0 .. 1."""
        return self.kind.decode(logits)

    def summary(self, made: Tensor) -> dict[str, list[float]]:
        """Return what a person watches of generated volumes or images, (B, n_phases, ...).

        Parameters
        ----------
        made : Tensor
            Probabilities or logits of phases, or values in 0 .. 1.
        """
        if not self.kind.labelled:
            return {"mean_values": made.flatten(2).mean(dim=(0, 2)).tolist()}
        counts = torch.bincount(made.argmax(dim=1).flatten(), minlength=made.shape[1])
        return {"volume_fractions": (counts / counts.sum()).tolist()}

    @abstractmethod
    def finished(
        self,
        training: TrainingConfig,
        aims: Sequence[float],
        streams: Streams,
        *,
        quick: bool = False,
    ) -> Self:
        """Return a copy in evaluation mode that is ready for use: recalibrated and matched.

        Parameters
        ----------
        training : TrainingConfig
            The training it is the result of.
        aims : sequence of float
            Fractions or mean values that its volumes are to have.
        streams : callable
            Random numbers for the volumes that are looked at.
        quick : bool
            Whether few volumes will do, as for a validation during the training.
        """
