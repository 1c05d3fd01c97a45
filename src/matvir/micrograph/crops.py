"""Random square crops of one-hot sections: what a training step sees of the real material."""

import numpy as np
import torch
from numpy.typing import NDArray

from matvir.errors import InputError
from matvir.micrograph.encoding import TrainingData
from matvir.storage.images import distinct_planes

# Symmetries of the square as (transpose, flip rows, flip columns), applied in this order.
IDENTITY = ((0, 0, 0),)
MIRRORS = ((0, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1))
QUARTER_TURNS = ((0, 0, 0), (1, 1, 0), (0, 1, 1), (1, 0, 1))
ALL_SYMMETRIES = (*MIRRORS, *((1, rows, columns) for _, rows, columns in MIRRORS))


class CropSampler:
    """Draws crops uniformly from all places of all sections, edges included.

    A crop is turned and mirrored at random as the material's symmetries allow, and lies wholly
    within the material.

    Parameters
    ----------
    data : TrainingData
        Encoded sections with their symmetries.
    size : int
        Edge of a crop in pixels.
    axis : int
        Draw from the sections that stand for slices perpendicular to this axis of a volume.
    device : str or torch.device
        Where the sections are kept (as uint8) and the crops come from.

    Raises
    ------
    InputError
        If the sections are smaller than a crop, no crop lies wholly within the material, or the
        data have no sections for ``axis``.
    """

    def __init__(
        self, data: TrainingData, size: int, axis: int, *, device: str | torch.device = "cpu"
    ) -> None:
        sections = data.sections_for_axis(axis)
        rows, columns = sections.shape[2:]
        if min(rows, columns) < size:
            raise InputError(
                f"axis {axis}: image smaller than a crop: the sections have {rows} x {columns} "
                f"pixels, a crop has {size} x {size}. Give a larger image, hold out a smaller "
                "share of it, or train on smaller crops."
            )
        self.size = size
        self._scale = data.kind.full
        # (section, row, column, phase, size, size): every crop as a view, nothing is copied.
        self._windows = (
            torch.from_numpy(np.ascontiguousarray(sections))
            .to(device)
            .unfold(2, size, 1)
            .unfold(3, size, 1)
            .permute(0, 2, 3, 1, 4, 5)
        )
        self._places = _places(sections, size) if data.kind.labelled else None
        self._symmetries = torch.tensor(_symmetries(data.mirror, data.quarter_turns)).bool()

    @property
    def n_places(self) -> int:
        """Number of different windows before mirroring and turning."""
        if self._places is None:
            return int(np.prod(self._windows.shape[:3]))
        return len(self._places)

    def sample(self, n: int, generator: torch.Generator) -> torch.Tensor:
        """Draw crops with replacement.

        Parameters
        ----------
        n : int
            Number of crops.
        generator : torch.Generator
            Source of randomness, on any device; the same state gives the same crops.

        Returns
        -------
        Tensor of shape (n, n_phases, size, size), float32
            One-hot crops on the sampler's device, or values in 0 .. 1.
        """
        place = self._draw(self.n_places, n, generator)
        if self._places is not None:
            place = self._places[place]
        _, n_rows, n_columns = self._windows.shape[:3]
        section = place // (n_rows * n_columns)
        row, column = place // n_columns % n_rows, place % n_columns
        device = self._windows.device
        crops = self._windows[section.to(device), row.to(device), column.to(device)]
        element = self._draw(len(self._symmetries), n, generator)
        transformed = _transform(crops, self._symmetries[element].to(device)).float()
        return transformed if self._scale == 1 else transformed / self._scale

    @staticmethod
    def _draw(stop: int, n: int, generator: torch.Generator) -> torch.Tensor:
        """Draw n integers in 0 .. stop - 1, returned on the CPU."""
        return torch.randint(stop, (n,), generator=generator, device=generator.device).cpu()


def source_axes(data: TrainingData, size: int) -> dict[int, int]:
    """Return whose sections stand for the slices perpendicular to each axis of ``data.axes``.

    The sections of an isotropic material are alike whatever their axis, so where those of an axis
    are smaller than ``size`` pixels (a thin stack), those of axis 0 stand for them.
    """

    def source(axis: int) -> int:
        small = min(data.sections_for_axis(axis).shape[-2:]) < size
        return 0 if data.isotropic and small else axis

    return {axis: source(axis) for axis in data.axes}


def samplers_per_axis(
    data: TrainingData, size: int, device: str | torch.device
) -> dict[int, CropSampler]:
    """Return a sampler for the slices perpendicular to each axis of ``data.axes``.

    Parameters
    ----------
    data : TrainingData
        Encoded sections.
    size : int
        Edge of a crop in pixels.
    device : str or torch.device
        Where the sections are kept.
    """
    sources = source_axes(data, size)
    made = {axis: CropSampler(data, size, axis, device=device) for axis in set(sources.values())}
    return {axis: made[source] for axis, source in sources.items()}


class ImageSampler:
    """Draws crops for a model of 2D images: from all sections that look alike.

    Parameters
    ----------
    data : TrainingData
        Encoded sections. Of an anisotropic material those across `TrainingData.image_axis` count.
    size : int
        Edge of a crop in pixels.
    n_crops : int
        How many are to be drawn at a time.
    device : str or torch.device
        Where the sections are kept.

    Raises
    ------
    InputError
        If the sections are smaller than a crop, or have room for fewer different ones.
    """

    def __init__(
        self, data: TrainingData, size: int, n_crops: int, device: str | torch.device
    ) -> None:
        if data.image_axis is None:
            alike = (axes[0] for axes, _ in distinct_planes(data.sections))
            sources = sorted({source_axes(data, size)[axis] for axis in alike})
        else:
            sources = [data.image_axis]
        self._samplers = [CropSampler(data, size, axis, device=device) for axis in sources]
        n_places = sum(sampler.n_places for sampler in self._samplers)
        if n_places < n_crops:
            raise InputError(
                f"training.objective.batch: expected at most as many images as the sections have "
                f"places for a crop of {size} x {size} pixels, {n_places}, got {n_crops}. Give "
                "more or larger images, or a smaller batch."
            )

    def sample(self, n: int, generator: torch.Generator) -> torch.Tensor:
        """Draw crops with replacement, equally many of each axis, as `CropSampler.sample`."""
        n_sources = len(self._samplers)
        shares = [n // n_sources + (index < n % n_sources) for index in range(n_sources)]
        return torch.cat(
            [
                sampler.sample(share, generator)
                for sampler, share in zip(self._samplers, shares, strict=True)
                if share
            ]
        )


def _places(sections: NDArray[np.uint8], size: int) -> torch.Tensor | None:
    """Return the flat indices of the windows within the material, or None if all of them are.

    Raises
    ------
    InputError
        If there is no such window.
    """
    outside = sections.max(axis=1) == 0
    if not outside.any():
        return None
    # Summed-area table (F. C. Crow, SIGGRAPH 1984, doi:10.1145/800031.808600).
    table = np.pad(outside.cumsum(1, dtype=np.int64).cumsum(2), ((0, 0), (1, 0), (1, 0)))
    count = (
        table[:, size:, size:]
        - table[:, :-size, size:]
        - table[:, size:, :-size]
        + table[:, :-size, :-size]
    )
    places = np.flatnonzero(count == 0)
    if places.size == 0:
        raise InputError(
            f"expected room for a crop of {size} x {size} pixels within the material, got none: "
            "every window touches what is masked out. Choose a larger 'circle' or smaller crops."
        )
    return torch.from_numpy(places)


def _symmetries(mirror: bool, quarter_turns: bool) -> tuple[tuple[int, int, int], ...]:
    """Return the group that mirroring and quarter turns generate."""
    if mirror:
        return ALL_SYMMETRIES if quarter_turns else MIRRORS
    return QUARTER_TURNS if quarter_turns else IDENTITY


def _transform(crops: torch.Tensor, symmetry: torch.Tensor) -> torch.Tensor:
    """Apply to each crop its own (transpose, flip rows, flip columns), shape (n, 3), bool."""
    transpose, flip_rows, flip_columns = symmetry[:, :, None, None, None].unbind(1)
    crops = torch.where(transpose, crops.transpose(2, 3), crops)
    crops = torch.where(flip_rows, crops.flip(2), crops)
    return torch.where(flip_columns, crops.flip(3), crops)
