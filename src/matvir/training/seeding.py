"""Random numbers that depend only on a seed and a place in the training, never on call order."""

import numpy as np
import torch

# Streams of random numbers that must never meet: each use has its own.
STREAMS = {
    "initialisation": 0,
    "training": 1,
    "normalisation": 2,
    "generation": 3,
    "fractions": 4,
    "selection": 5,
    "latent": 6,
}


def derived_seed(seed: int, stream: str, index: int = 0) -> int:
    """Return a 63-bit seed for place ``index`` of one of the ``STREAMS``.

    Distinct arguments give independent seeds (numpy's ``SeedSequence``), so a training seed and
    the seeds of evaluated volumes can never coincide.
    """
    words = np.random.SeedSequence([seed, STREAMS[stream], index]).generate_state(1, np.uint64)
    return int(words[0] >> np.uint64(1))


def seeded(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a ``torch.Generator`` on ``device`` that starts from ``seed``."""
    return torch.Generator(device=device).manual_seed(seed)
