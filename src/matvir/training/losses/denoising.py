"""What is behind the noise of slices: the loss of diffusion models.

The denoiser's output are logits of phases, so the loss is the cross-entropy and the softmax is the
expected image, with nothing outside 0 .. 1; of grey values and colours it is the squared error.
Source: J. Ho et al., arXiv 2006.11239, section 3.2, with the image in place of the noise as what is
predicted (T. Salimans and J. Ho, arXiv 2202.00512, section 4).
"""

import torch
from torch import Tensor
from torch.nn import functional

from matvir.errors import ConfigError
from matvir.micrograph.crops import samplers_per_axis
from matvir.micrograph.encoding import TrainingData
from matvir.models.denoiser import N_AXES, signal_and_noise
from matvir.models.diffusion import EDGE, Diffusion, ImageDiffusion
from matvir.settings.models import ModelConfig
from matvir.settings.objectives import DenoisingConfig, ImageDenoisingConfig
from matvir.training.losses.fluctuations import variances_in_cubes
from matvir.training.objective import Moment, Objective

FEWEST_AXES = 2


class Denoising(Objective):
    """One update of a denoiser on crops of the sections, each with noise of a random level.

    Raises
    ------
    ConfigError
        If the sections are smaller than the denoiser's coarsest pixels, or tell no volume.
    """

    config: DenoisingConfig | ImageDenoisingConfig

    def __init__(
        self,
        model: ModelConfig,
        generator: Diffusion | ImageDiffusion,
        data: TrainingData,
        device: torch.device,
        *_: object,
    ) -> None:
        super().__init__(model, generator)
        kinds = kinds_of_slices(data, generator)
        sources = {axis: data.sections_for_axis(axis) for axis in kinds}
        if data.isotropic:  # a thin stack is seen from its broad side alone
            sources = {0: data.sections_for_axis(0)}
        size = crop_size(self.config, generator, min(min(s.shape[-2:]) for s in sources.values()))
        samplers = samplers_per_axis(data, size, device)
        if data.isotropic and isinstance(generator, Diffusion) and data.kind.labelled:
            sections = torch.from_numpy(data.sections_for_axis(0)).to(device)
            generator.variances.copy_(variances_in_cubes(sections, EDGE))
        # Axes may share one.
        self.samplers = list({id(samplers[a]): (samplers[a], kinds[a]) for a in kinds}.values())
        self.optimise("denoiser", generator.parameters())

    def step(self, moment: Moment) -> tuple[dict[str, Tensor], Tensor]:
        """Make one update; ``loss`` is the cross-entropy, or the squared error."""
        random, generator = moment.random, self.generator
        crops, kind = self._draw(random)
        level = torch.rand(len(crops), generator=random, device=random.device)
        signal, spread = (one[:, None, None, None] for one in signal_and_noise(level))
        noise = torch.randn(crops.shape, generator=random, device=random.device)
        logits = generator.denoiser(signal * (2 * crops - 1) + spread * noise, level, kind)
        if generator.kind.labelled:
            loss = functional.cross_entropy(logits, crops.argmax(dim=1))
        else:
            loss = functional.mse_loss(generator.decode(logits), crops)
        self.minimise("denoiser", loss)
        return {"loss": loss.detach()}, generator.decode(logits.detach())

    def _draw(self, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return crops of all kinds of slices, equally many of each, and their kinds."""
        n = -(-self.config.batch // len(self.samplers))
        crops = [sampler.sample(n, random) for sampler, _ in self.samplers]
        kinds = [torch.full((n,), kind, device=random.device) for _, kind in self.samplers]
        return torch.cat(crops), torch.cat(kinds)


def kinds_of_slices(data: TrainingData, generator: Diffusion | ImageDiffusion) -> dict[int, int]:
    """Tell a generator of which kind slices are, and return that by axis.

    Raises
    ------
    ConfigError
        If volumes are to be learned from sections perpendicular to one axis alone.
    """
    if isinstance(generator, ImageDiffusion):
        return dict.fromkeys(data.axes if data.image_axis is None else [data.image_axis], 0)
    known = [axis for axes in data.axis_groups for axis in axes]
    if len(known) < FEWEST_AXES:
        raise ConfigError(
            "kind: a diffusion model learns volumes from sections perpendicular to at least two "
            f"axes, or from an isotropic material; got those perpendicular to axis {known[0]}. "
            "Give more 'planes', or take a slicegan."
        )
    kinds = torch.full((N_AXES,), -1)
    for kind, axes in enumerate(data.axis_groups):
        kinds[list(axes)] = kind
    generator.kinds.copy_(kinds)
    return {axis: kind for kind, axes in enumerate(data.axis_groups) for axis in axes}


def crop_size(
    config: DenoisingConfig | ImageDenoisingConfig,
    generator: Diffusion | ImageDiffusion,
    smallest: int,
) -> int:
    """Return the edge of crops: that of images, or what is configured, less if sections are small.

    Raises
    ------
    ConfigError
        If sections are smaller than images, or than the denoiser's coarsest pixels.
    """
    multiple = generator.denoiser.multiple
    if isinstance(generator, ImageDiffusion):
        return generator.image_size
    assert isinstance(config, DenoisingConfig)
    size = min(config.crop, smallest) // multiple * multiple
    if size < multiple:
        raise ConfigError(
            f"training.objective.crop: expected crops and sections of at least {multiple} pixels, "
            f"which the denoiser takes as one at its coarsest resolution, got crops of "
            f"{config.crop} and sections of {smallest}. Give a larger image, or fewer "
            "'network.channels'."
        )
    return size
