"""Fixtures that tests of several packages share."""

import pytest
import torch

from matvir.models.gaussian_field import GaussianField
from matvir.settings.models import GaussianFieldNetworkConfig
from matvir.training.seeding import seeded


@pytest.fixture
def cut_fields():
    """Return fields of two widths, the second one stretched, that are cut into three phases.

    Of the phases 0, 1 and 2 there are 0.2, 0.5 and 0.3; phase 2 is cut first, then phase 0.
    """
    network = GaussianField(GaussianFieldNetworkConfig(radius=7), 3)
    network.initialise(seeded(0))
    with torch.no_grad():
        distances = torch.arange(7.0)
        network.profiles[0] = torch.exp(-(distances**2) / 8)
        network.profiles[1] = torch.exp(-(distances**2) / 3)
        network.log_stretches[1] = torch.tensor([0.2, 0.0, -0.3])
    network.cut_at((0.2, 0.5, 0.3), (2, 0, 1))
    return network.eval()
