"""What a training minimises, and what the training loop and the objectives know of each other."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from matvir.errors import ConfigError
from matvir.families import OBJECTIVES, load
from matvir.micrograph.encoding import TrainingData
from matvir.models.network import Network
from matvir.settings.models import ModelConfig
from matvir.training.process_group import SINGLE, ProcessGroup

# Parts of a loss by their names: weight and value. One that does not count at a time is not there.
Terms = dict[str, tuple[float, Tensor]]


def weighted_sum(terms: Terms) -> Tensor:
    """Return the loss that terms are the parts of."""
    return torch.stack([weight * value for weight, value in terms.values()]).sum()


def values_of(terms: Terms) -> dict[str, Tensor]:
    """Return the values of terms without their weights and gradients, for the history."""
    return {name: value.detach() for name, (_, value) in terms.items()}


@dataclass(frozen=True)
class Moment:
    """All that a step may depend on besides the networks, so that a stopped training can go on.

    Attributes
    ----------
    random : torch.Generator
        All randomness of the step.
    step : int
        Number of steps done so far.
    progress : float
        Share of the training that is done, in 0 .. 1.
    """

    random: torch.Generator
    step: int
    progress: float


class Objective(ABC):
    """What a training minimises; a step is one update of the generator.

    Subclasses take what `build_objective` gives them.

    Parameters
    ----------
    model : ModelConfig
        Its ``training.objective`` is the record that `matvir.families` names beside the class.
    generator : Network
        The network to train, on its device and in its layout.
    group : ProcessGroup
        Processes that share the work.

    Attributes
    ----------
    optimisers : dict of str to Optimizer
        Of all networks; the loop saves them and sets their learning rates.
    """

    config: Any

    def __init__(
        self, model: ModelConfig, generator: Network, group: ProcessGroup = SINGLE
    ) -> None:
        self.config = model.training.objective
        self.generator: Any = generator
        self.group = group
        self.optimisers: dict[str, torch.optim.Optimizer] = {}

    @abstractmethod
    def step(self, moment: Moment) -> tuple[dict[str, Tensor], Tensor]:
        """Make one generator step.

        Parameters
        ----------
        moment : Moment
            Randomness, and how far the training is.

        Returns
        -------
        losses : dict of str to scalar Tensor
            For the history, without gradients.
        made : Tensor of shape (B, n_phases, D, H, W), or (B, n_phases, H, W) of images
            What the generator made: probabilities or logits of phases, or values in 0 .. 1.
        """

    def networks(self) -> dict[str, nn.Module]:
        """Return the networks besides the generator, such as critics."""
        return {}

    def optimise(
        self,
        name: str,
        parameters: Iterable[nn.Parameter],
        rate: float | None = None,
        betas: tuple[float, float] | None = None,
    ) -> None:
        """Let Adam optimise parameters, by default with the configured rate and averages."""
        self.optimisers[name] = torch.optim.Adam(
            parameters,
            lr=self.config.learning_rate if rate is None else rate,
            betas=betas or self.config.betas,
        )

    def minimise(self, name: str, loss: Tensor) -> None:
        """Make one update of the parameters of an optimiser."""
        optimiser = self.optimisers[name]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.group.average_gradients(optimiser)
        optimiser.step()


def build_objective(
    model: ModelConfig,
    generator: Network,
    data: TrainingData,
    device: torch.device,
    weights: torch.Generator,
    group: ProcessGroup = SINGLE,
) -> Objective:
    """Return the objective that the model's configuration names.

    Parameters
    ----------
    model : ModelConfig
        Network and training.
    generator : Network
        The network to train.
    data : TrainingData
        What it learns from.
    device : torch.device
        Where the networks are.
    weights : torch.Generator
        Source of the first weights of critics.
    group : ProcessGroup
        Processes that share the work.

    Raises
    ------
    ConfigError
        If the objective cannot be shared among processes, or not among so many.
    """
    kind = OBJECTIVES[model.training.objective.kind]
    if group.size > 1 and not kind.shared:
        shared = [repr(one.name) for one in OBJECTIVES.values() if one.shared]
        raise ConfigError(
            f"train.processes: the objective {kind.name!r} trains in one process, got "
            f"{group.size}. Those of {' and '.join(shared)} can be shared."
        )
    for key in kind.shared:
        n = getattr(model.training.objective, key)
        group.require_multiple(f"training.objective.{key}", n)
    objective: Objective = load(kind.trains)(model, generator, data, device, weights, group)
    return objective
