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
from matvir.micrograph.crops import CropSampler, ImageSampler, samplers_per_axis
from matvir.micrograph.encoding import TrainingData
from matvir.models.denoiser import N_AXES, signal_and_noise
from matvir.models.diffusion import EDGE, Diffusion, ImageDiffusion, kinds_of_lines
from matvir.settings.models import ModelConfig
from matvir.settings.objectives import DenoisingConfig, ImageDenoisingConfig
from matvir.storage.images import in_plane_axes
from matvir.training.losses.fluctuations import variances_in_cubes
from matvir.training.objective import Moment, Objective

FEWEST_AXES = 2
# One in so many lines of crops is shown to the network of lines: neighbours are alike.
LINE_SPACING = 4


class Denoising(Objective):
    """One update of a denoiser on crops of the sections, each with noise of a random level.

    Raises
    ------
    ConfigError
        If the sections are smaller than the denoiser's coarsest pixels, or tell no volume.
    InputError
        If the sections have no room for images.
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
        self.samplers: list[tuple[ImageSampler | CropSampler, int]]
        if isinstance(generator, ImageDiffusion):
            sampler = ImageSampler(data, generator.image_size, self.config.batch, device)
            self.samplers = [(sampler, 0)]
        else:
            self.samplers = self._prepared(generator, data, device)
        self.optimise("denoiser", generator.parameters())

    def _prepared(
        self, generator: Diffusion, data: TrainingData, device: torch.device
    ) -> list[tuple[ImageSampler | CropSampler, int]]:
        """Tell a generator of volumes what sections show, and return what draws their crops.

        Axes whose slices look alike share a kind, and may share a sampler.
        """
        assert isinstance(self.config, DenoisingConfig)
        kinds = kinds_of_slices(data)
        generator.kinds.copy_(torch.tensor([kinds.get(axis, -1) for axis in range(N_AXES)]))
        # A thin stack is seen from its broad side alone.
        seen = [0] if data.isotropic else list(kinds)
        smallest = min(min(data.sections_for_axis(axis).shape[-2:]) for axis in seen)
        size = crop_size(self.config.crop, generator.denoiser.multiple, smallest)
        if data.isotropic and data.kind.labelled:
            sections = torch.from_numpy(data.sections_for_axis(0)).to(device)
            generator.variances.copy_(variances_in_cubes(sections, EDGE))
        samplers = samplers_per_axis(data, size, device)
        return list({id(samplers[axis]): (samplers[axis], kinds[axis]) for axis in kinds}.values())

    def step(self, moment: Moment) -> tuple[dict[str, Tensor], Tensor]:
        """Make one update; ``loss`` is the cross-entropy, or the squared error.

        ``line_loss`` is the cross-entropy of lines, of models that have a network for them.
        """
        random, generator = moment.random, self.generator
        crops, kind = self._draw(random)
        level = torch.rand(len(crops), generator=random, device=random.device)
        signal, spread = (one[:, None, None, None] for one in signal_and_noise(level))
        noise = torch.randn(crops.shape, generator=random, device=random.device)
        noisy = signal * (2 * crops - 1) + spread * noise
        logits = generator.denoiser(noisy, level, kind)
        if generator.kind.labelled:
            loss = functional.cross_entropy(logits, crops.argmax(dim=1))
        else:
            loss = functional.mse_loss(generator.decode(logits), crops)
        losses = {"loss": loss}
        if isinstance(generator, Diffusion) and generator.lines is not None:
            losses["line_loss"] = line_loss(generator, crops, noisy, level, kind, random)
        self.minimise("denoiser", torch.stack(list(losses.values())).sum())
        found = {name: value.detach() for name, value in losses.items()}
        return found, generator.decode(logits.detach())

    def _draw(self, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return crops of all kinds of slices, equally many of each, and their kinds."""
        n = -(-self.config.batch // len(self.samplers))
        crops = [sampler.sample(n, random) for sampler, _ in self.samplers]
        kinds = [torch.full((n,), kind, device=random.device) for _, kind in self.samplers]
        return torch.cat(crops), torch.cat(kinds)


def line_loss(
    generator: Diffusion,
    crops: Tensor,
    noisy: Tensor,
    level: Tensor,
    kind: Tensor,
    random: torch.Generator,
) -> Tensor:
    """Return the cross-entropy of what is behind the noise of some rows, or columns, of crops.

    Parameters
    ----------
    generator : Diffusion
        Its `lines` is asked.
    crops, noisy : Tensor of shape (B, n_phases, H, W)
        Without and with noise.
    level, kind : Tensor of shape (B,)
        Of the noise; of which kind of slices each crop is.
    random : torch.Generator
        Decides which rows or columns.
    """
    assert generator.lines is not None
    drawn = int(torch.randint(2 * LINE_SPACING, (1,), generator=random, device=random.device))
    position, first = divmod(drawn, LINE_SPACING)
    kinds = generator.kinds.tolist()
    of_lines = kinds_of_lines(kinds)
    # Columns (position 0) are turned into rows.
    along = [of_lines[in_plane_axes(kinds.index(one))[position]] for one in range(max(kinds) + 1)]
    crops, noisy = (
        (one if position == 1 else one.mT)[:, :, first::LINE_SPACING] for one in (crops, noisy)
    )
    logits = generator.lines(noisy, level, torch.tensor(along, device=kind.device)[kind])
    return functional.cross_entropy(logits, crops.argmax(dim=1))


def kinds_of_slices(data: TrainingData) -> dict[int, int]:
    """Return of which kind the slices perpendicular to each axis with sections are.

    Raises
    ------
    ConfigError
        If there are sections perpendicular to one axis alone, which tell no volume.
    """
    if len(data.axes) < FEWEST_AXES:
        raise ConfigError(
            "kind: a diffusion model learns volumes from sections perpendicular to at least two "
            f"axes, or from an isotropic material; got those perpendicular to axis {data.axes[0]}. "
            "Give more 'planes', or take a slicegan."
        )
    return {axis: kind for kind, axes in enumerate(data.axis_groups) for axis in axes}


def crop_size(wanted: int, multiple: int, smallest: int) -> int:
    """Return the edge of crops: what is configured, or less if sections are smaller.

    Parameters
    ----------
    wanted, multiple, smallest : int
        What is configured; what it has to be a multiple of; the smallest edge of a section.

    Raises
    ------
    ConfigError
        If sections are smaller than the denoiser's coarsest pixels.
    """
    size = min(wanted, smallest) // multiple * multiple
    if size < multiple:
        raise ConfigError(
            f"training.objective.crop: expected crops and sections of at least {multiple} pixels, "
            f"which the denoiser takes as one at its coarsest resolution, got crops of {wanted} "
            f"and sections of {smallest}. Give a larger image, or fewer 'network.channels'."
        )
    return size
