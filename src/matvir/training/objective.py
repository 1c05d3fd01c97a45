"""What the training loop and the objectives know of each other."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

# Parts of a loss by their names: weight and value. One that does not count at a time is not there.
Terms = dict[str, tuple[float, Tensor]]


def weighted_sum(terms: Terms) -> Tensor:
    """Return the loss that terms are the parts of."""
    return torch.stack([weight * value for weight, value in terms.values()]).sum()


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


class Objective(Protocol):
    """What a training minimises."""

    @property
    def optimisers(self) -> Mapping[str, torch.optim.Optimizer]:
        """Optimisers of all networks; the loop saves them and sets their learning rates."""

    def networks(self) -> dict[str, nn.Module]:
        """Return the networks besides the generator, such as critics."""

    def step(self, moment: Moment) -> tuple[dict[str, Tensor], Tensor]:
        """Make one generator step.

        Returns
        -------
        losses : dict of str to scalar Tensor
            For the history.
        volumes : Tensor of shape (B, n_phases, D, H, W)
            What the generator made, as probabilities or logits.
        """
