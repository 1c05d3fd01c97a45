"""What is behind the noise of slices: the loss of diffusion models.

The denoiser's output are logits of phases, so the loss is the cross-entropy and the softmax is the
expected image, with nothing outside 0 .. 1; of grey values and colours it is the squared error.
Source: J. Ho et al., arXiv 2006.11239, section 3.2, with the image in place of the noise as what is
predicted (T. Salimans and J. Ho, arXiv 2202.00512, section 4).
"""

import logging
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from matvir.errors import ConfigError, InputError
from matvir.micrograph.crops import CropSampler, ImageSampler, samplers_per_axis
from matvir.micrograph.encoding import TrainingData
from matvir.models.denoiser import N_AXES, signal_and_noise
from matvir.models.diffusion import (
    EDGE,
    Diffusion,
    ImageDiffusion,
    first_level,
    kinds_before,
    kinds_of_lines,
)
from matvir.settings.models import ModelConfig
from matvir.settings.objectives import DenoisingConfig, ImageDenoisingConfig
from matvir.storage.images import in_plane_axes
from matvir.training.losses.fluctuations import variances_in_cubes
from matvir.training.objective import Moment, Objective

logger = logging.getLogger(__name__)

FEWEST_AXES = 2
# Smallest section of a lattice, in its pixels, that is worth learning from.
SMALLEST = 32
# A lattice is shown half as often as the next finer one.
RARER = 2
# By how much the levels that a lattice is shown exceed the one that volumes begin with on it.
MARGIN = 0.1
# One in so many lines of crops is shown to the network of lines: neighbours are alike.
LINE_SPACING = 4


@dataclass(frozen=True)
class Shown:
    """What is shown of one lattice.

    Attributes
    ----------
    samplers : list of (sampler, int)
        Of crops, and of which kind of slices they are.
    n_crops : int
        How many in a batch, of each kind.
    lattice : int
        0 for all pixels of a section, 1 for every second one, 2 for every fourth one, and so on.
    highest : float
        Level of noise.
    """

    samplers: list[tuple[ImageSampler | CropSampler, int]]
    n_crops: int
    lattice: int = 0
    highest: float = 1.0


class Denoising(Objective):
    """One update of a denoiser on crops of the sections, each with noise of a random level.

    A generator learns its lattices in turn, at random.

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
        self.shown: list[Shown]
        if isinstance(generator, ImageDiffusion):
            found = self._images(generator, data, device)
        else:
            found = self._slices(generator, data, device)
        generator.lattices.fill_(len(found))
        first = [first_level(one.lattice, len(found)) for one in found]
        highest = [min(1.0, level + MARGIN) for level in first]
        self.shown = [replace(one, highest=top) for one, top in zip(found, highest, strict=True)]
        shares = torch.tensor([1 / RARER**one.lattice for one in self.shown])
        self.until = (shares / shares.sum()).cumsum(0)[:-1]
        self.optimise("denoiser", generator.parameters())

    def _images(
        self, generator: ImageDiffusion, data: TrainingData, device: torch.device
    ) -> list[Shown]:
        """Return what draws images on each lattice."""
        batch = self.config.batch
        sampler = ImageSampler(data, generator.image_size, batch, device)
        lattices = range(generator.config.lattices)
        return [Shown([(sampler, 0)], batch * 4**lattice, lattice) for lattice in lattices]

    def _slices(
        self, generator: Diffusion, data: TrainingData, device: torch.device
    ) -> list[Shown]:
        """Tell a generator of volumes what sections show, and return what draws their crops.

        Axes whose slices look alike share a kind, and may share a sampler.
        """
        assert isinstance(self.config, DenoisingConfig)
        kinds = kinds_of_slices(data)
        generator.kinds.copy_(torch.tensor([kinds.get(axis, -1) for axis in range(N_AXES)]))
        # A thin stack is seen from its broad side alone.
        seen = [0] if data.isotropic else list(kinds)
        smallest = min(min(data.sections_for_axis(axis).shape[-2:]) for axis in seen)
        multiple = generator.denoiser.multiple
        size = crop_size(self.config.crop, multiple, smallest)
        if data.isotropic and data.kind.labelled:
            sections = torch.from_numpy(data.sections_for_axis(0)).to(device)
            generator.variances.copy_(variances_in_cubes(sections, EDGE))
        n_lattices = how_many_lattices(generator.config.lattices, smallest, multiple)
        found = []
        for lattice in range(n_lattices):
            # Coarse lattices show as much of the material in fewer pixels; volumes have few there.
            edge = size if lattice == 0 else min(size, coarse_crop(multiple))
            try:
                samplers = samplers_per_axis(data, (edge - 1) * 2**lattice + 1, device)
            except InputError:  # the material within a section may have less room than its edges
                if lattice == 0:
                    raise
                break
            by_kind = {id(samplers[axis]): (samplers[axis], kinds[axis]) for axis in kinds}
            n_crops = self.config.batch * round((size / edge) ** 2)
            found.append(Shown(list(by_kind.values()), -(-n_crops // len(by_kind)), lattice))
        if len(found) < generator.config.lattices:
            logger.info(
                "%d of %d lattices are learned: on coarser ones sections of %d pixels have no room "
                "for a crop of %d",
                len(found),
                generator.config.lattices,
                smallest,
                coarse_crop(multiple),
            )
        return found

    def step(self, moment: Moment) -> tuple[dict[str, Tensor], Tensor]:
        """Make one update; ``loss`` is the cross-entropy, or the squared error.

        ``line_loss`` is the cross-entropy of lines, of models that have a network for them.
        """
        random, generator = moment.random, self.generator
        shown = self._choose(random)
        crops, kind = self._draw(shown, random)
        level = torch.rand(len(crops), generator=random, device=random.device) * shown.highest
        signal, spread = (one[:, None, None, None] for one in signal_and_noise(level))
        noise = torch.randn(crops.shape, generator=random, device=random.device)
        noisy = signal * (2 * crops - 1) + spread * noise
        logits = generator.denoiser(noisy, level, kinds_before(shown.lattice) + kind)
        if generator.kind.labelled:
            loss = functional.cross_entropy(logits, crops.argmax(dim=1))
        else:
            loss = functional.mse_loss(generator.decode(logits), crops)
        losses = {"loss": loss}
        if isinstance(generator, Diffusion) and generator.lines is not None:
            losses["line_loss"] = line_loss(
                generator, crops, noisy, level, kind, shown.lattice, random
            )
        self.minimise("denoiser", torch.stack(list(losses.values())).sum())
        found = {name: value.detach() for name, value in losses.items()}
        return found, generator.decode(logits.detach())

    def _choose(self, random: torch.Generator) -> Shown:
        """Return the lattice that is shown."""
        if len(self.shown) == 1:
            return self.shown[0]
        drawn = torch.rand((), generator=random, device=random.device).cpu()
        return self.shown[int((drawn >= self.until).sum())]

    def _draw(self, shown: Shown, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return crops of all kinds of slices on a lattice, equally many of each, and their kinds.

        They lie wherever a section has room, so all of its pixels are on a lattice at some time.
        """
        n, spacing = shown.n_crops, 2**shown.lattice
        crops = [
            sampler.sample(n, random)[..., ::spacing, ::spacing] for sampler, _ in shown.samplers
        ]
        kinds = [torch.full((n,), kind, device=random.device) for _, kind in shown.samplers]
        return torch.cat(crops), torch.cat(kinds)


def line_loss(
    generator: Diffusion,
    crops: Tensor,
    noisy: Tensor,
    level: Tensor,
    kind: Tensor,
    lattice: int,
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
    lattice : int
        Of the crops.
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
    kind_of_lines = torch.tensor(along, device=kind.device)[kind]
    logits = generator.lines(noisy, level, kinds_before(lattice) + kind_of_lines)
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


def how_many_lattices(wanted: int, smallest: int, multiple: int) -> int:
    """Return how many lattices have enough pixels in the smallest section, at least one.

    Parameters
    ----------
    wanted, smallest, multiple : int
        What is configured; the smallest edge of a section; what edges of crops are multiples of.
    """
    enough = coarse_crop(multiple)
    return sum((smallest - 1) // 2**lattice + 1 >= enough for lattice in range(1, wanted)) + 1


def coarse_crop(multiple: int) -> int:
    """Return the edge of crops of coarse lattices: `SMALLEST`, or the multiple if that is more."""
    return max(SMALLEST // multiple, 1) * multiple


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
