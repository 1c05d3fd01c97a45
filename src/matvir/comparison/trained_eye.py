"""The network that learns to tell slices of two sides apart, see `matvir.comparison.classifier`."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from matvir.comparison.slices import Labels, Look, Slices, draw_crops

CHANNELS = (16, 32, 48, 64)
SLOPE = 0.2
STEPS, BATCH, LEARNING_RATE, BETAS = 100, 24, 3e-3, (0.9, 0.99)
# Share of the learning rate that is left at the last step.
LAST_RATE = 0.02


class Classifier(nn.Module):
    """Strided convolutions and the mean of what they find; its output is a logit per image."""

    def __init__(self, n_channels: int, weights: torch.Generator) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise((n_channels, *CHANNELS)):
            layers += [nn.Conv2d(n_in, n_out, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE)]
        self.layers = nn.Sequential(*layers)
        self.last = nn.Linear(CHANNELS[-1], 1)
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.kaiming_normal_(parameter, SLOPE, generator=weights)
            else:
                nn.init.zeros_(parameter)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (B,) of images, (B, n_channels, size, size)."""
        found = self.layers(images.contiguous(memory_format=torch.channels_last))
        logits: Tensor = self.last(found.mean(dim=(2, 3)))
        return logits.squeeze(1)


def trained_eye(
    real: Sequence[Slices],
    other: Sequence[Slices],
    look: Look,
    size: int,
    rng: np.random.Generator,
) -> Classifier:
    """Return a classifier that was shown slices of two sides, with high logits for the other.

    Parameters
    ----------
    real, other : sequence of Slices
        Samples of both sides.
    look : Look
        Phases and symmetries.
    size : int
        Edge of what it is shown in pixels, at least 16.
    rng : numpy.random.Generator
        Source of weights and crops.
    """
    weights = torch.Generator().manual_seed(int(rng.integers(2**31)))
    n_channels = channels_of(draw_crops(real, 1, size, look, rng), look).shape[1]
    classifier = Classifier(n_channels, weights).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.Adam(classifier.parameters(), lr=LEARNING_RATE, betas=BETAS)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, LAST_RATE, STEPS)
    answers = torch.cat([torch.zeros(BATCH), torch.ones(BATCH)])
    for _ in range(STEPS):
        crops = [draw_crops(side, BATCH, size, look, rng) for side in (real, other)]
        logits = classifier(channels_of(np.concatenate(crops), look))
        loss = functional.binary_cross_entropy_with_logits(logits, answers)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return classifier


@torch.inference_mode()
def scores(classifier: Classifier, crops: Labels, look: Look) -> NDArray[np.float64]:
    """Return the logits (n,) of crops, high for those that seem to be of the other side."""
    return np.asarray(classifier(channels_of(crops, look)).double().numpy())


def channels_of(crops: Labels, look: Look) -> Tensor:
    """Return crops as the network sees them, (n, n_channels, size, size), float32 in 0 .. 1."""
    if look.n_phases is None:
        values = torch.from_numpy(crops).float() / 255
        return values[:, None] if crops.ndim == 3 else values.permute(0, 3, 1, 2)
    labels = torch.from_numpy(crops).long()
    return functional.one_hot(labels, look.n_phases).permute(0, 3, 1, 2).float()
