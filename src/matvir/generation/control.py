"""What a volume is to have: fractions as wished, also along an axis, and a plane that is given."""

import csv
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matvir.errors import ConfigError, InputError
from matvir.metrics.checks import same_edges
from matvir.micrograph.reading import read_micrograph
from matvir.storage.images import in_plane_axes
from matvir.training.density import complete_fractions

Floats = NDArray[np.float64]

logger = logging.getLogger(__name__)

# Fractions that differ by more than this share of what is there, or is left, are far.
FAR = 0.5


@dataclass(frozen=True, eq=False)
class Profile:
    """Fractions along an axis.

    Attributes
    ----------
    axis : int
        The axis.
    fractions : ndarray of shape (n, n_phases)
        At n places from the first plane to the last one, evenly spread; linear between them.
    """

    axis: int
    fractions: Floats

    def at(self, n_planes: int) -> Floats:
        """Return the fractions of each plane, (n_phases, n_planes)."""
        places = np.linspace(0, 1, len(self.fractions))
        planes = (np.arange(n_planes) + 0.5) / n_planes
        return np.stack([np.interp(planes, places, one) for one in self.fractions.T])


@dataclass(frozen=True, eq=False)
class KnownPlane:
    """A plane of labels that a volume contains.

    Attributes
    ----------
    axis, position : int
        The axis that it is perpendicular to, and its place along it in voxels.
    labels : ndarray of shape (rows, columns), uint8
        Phases.
    """

    axis: int
    position: int
    labels: NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, eq=False)
class Control:
    """What volumes are to have; what is None is left to the model.

    Attributes
    ----------
    fractions : ndarray of shape (n_phases,), optional
        Of each volume as a whole.
    profile : Profile, optional
        Fractions along an axis, in place of ``fractions``.
    plane : KnownPlane, optional
        A plane of each volume.
    """

    fractions: Floats | None = None
    profile: Profile | None = None
    plane: KnownPlane | None = None


def ramp(
    wanted: Mapping[str, tuple[float, float]],
    axis: int,
    phases: Sequence[str],
    own: Sequence[float],
) -> Profile:
    """Return fractions that change linearly from the first plane to the last.

    Parameters
    ----------
    wanted : mapping of str to (float, float)
        First and last fraction by phase; phases that are not named share the rest as in ``own``.
    axis : int
        The axis.
    phases : sequence of str
        Names of all phases.
    own : sequence of float
        Fractions of the material.

    Raises
    ------
    ConfigError
        If a phase does not exist, or fractions are not possible.
    """
    ends = [
        complete_fractions({phase: pair[end] for phase, pair in wanted.items()}, phases, own)
        for end in (0, 1)
    ]
    return Profile(axis, np.array(ends))


def as_ends(pairs: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Return what ``PHASE=FIRST:LAST`` says.

    Raises
    ------
    ConfigError
        If a part is not of this form, or a phase is named twice.
    """
    wanted: dict[str, tuple[float, float]] = {}
    for pair in pairs:
        phase, _, numbers = pair.partition("=")
        first, _, last = numbers.partition(":")
        try:
            ends = float(first), float(last)
        except ValueError:
            raise ConfigError(
                f"profile: expected PHASE=FIRST:LAST such as pore=0.30:0.55, or the name of a CSV "
                f"table, got {pair!r}."
            ) from None
        if phase in wanted:
            raise ConfigError(f"profile: {phase!r} is given twice.")
        wanted[phase] = ends
    return wanted


def read_profile(path: Path, axis: int, phases: Sequence[str], own: Sequence[float]) -> Profile:
    """Read fractions along an axis from a CSV table: a column per phase, a row per place.

    Raises
    ------
    InputError
        If the file is no such table.
    ConfigError
        If a phase does not exist, or fractions are not possible.
    """
    expected = "a CSV table with the names of phases in its first row and at least two more rows"
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = [
                {name: float(text) for name, text in row.items()} for row in csv.DictReader(file)
            ]
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: expected {expected} of numbers, got {error}.") from error
    if len(rows) < 2:
        raise InputError(f"{path}: expected {expected}, got {len(rows)} of them.")
    return Profile(axis, np.array([complete_fractions(row, phases, own) for row in rows]))


def read_plane(
    path: str,
    axis: int,
    position: int,
    *,
    n_phases: int,
    size: Sequence[int],
    voxel_size_um: Sequence[float] | None,
) -> KnownPlane:
    """Read a plane of labels that volumes are to contain.

    Parameters
    ----------
    path : str
        An image of labels 0 .. n_phases - 1, as MatVir writes them; of HDF5 ``file.h5:/labels``.
    axis, position : int
        The axis that it is perpendicular to, and its place along it in voxels.
    n_phases : int
        Number of phases.
    size : sequence of three int
        Edges of the volumes in voxels.
    voxel_size_um : sequence of float or None
        Of the volumes.

    Raises
    ------
    ConfigError
        If the volume has no such place.
    InputError
        If the image has another size, another pixel size or other phases than the volumes.
    """
    if not 0 <= position < size[axis]:
        raise ConfigError(
            f"--position: expected 0 .. {size[axis] - 1}, the planes of the volume along axis "
            f"{axis}, got {position}."
        )
    read = read_micrograph(path, type="labels", voxel_size_um=None)
    in_plane = in_plane_axes(axis)
    expected = tuple(size[other] for other in in_plane)
    if read.image.shape != expected:
        raise InputError(
            f"{path}: expected {expected[0]} x {expected[1]} pixels, those of a plane of the "
            f"volume perpendicular to axis {axis}, got {' x '.join(map(str, read.image.shape))}. "
            "Crop the image, or choose a --size that it fits."
        )
    found = np.unique(read.image)
    if found.min() < 0 or found.max() >= n_phases:
        raise InputError(
            f"{path}: expected labels 0 .. {n_phases - 1}, one per phase of the generator, got "
            f"{found[:8].tolist()}. Number the phases in the generator's order."
        )
    if read.voxel_size_um is not None and voxel_size_um is not None:
        ours = [voxel_size_um[min(other, len(voxel_size_um) - 1)] for other in in_plane]
        theirs = list(read.voxel_size_um[-2:])
        if not same_edges(ours, theirs):
            raise InputError(
                f"{path}: expected pixels of {ours} um, the voxels of the generator, got {theirs}. "
                "Resample the image, or correct the size in the file."
            )
    return KnownPlane(axis, position, read.image.astype(np.uint8))


def warn_of_extrapolation(control: Control, phases: Sequence[str], own: Sequence[float]) -> None:
    """Say in the log which fractions are far from what the sections showed.

    Parameters
    ----------
    control : Control
        What volumes are to have.
    phases : sequence of str
        Names of all phases.
    own : sequence of float
        Fractions of the material.
    """
    wanted = [] if control.fractions is None else [control.fractions]
    wanted += [] if control.profile is None else list(control.profile.fractions)
    for phase, fraction, *others in zip(phases, own, *wanted, strict=True):
        furthest = max(others, key=lambda one: abs(one - fraction), default=fraction)
        if abs(furthest - fraction) > FAR * min(fraction, 1 - fraction):
            logger.warning(
                "%s=%.3g is far from the %.3g of the material: shapes at such fractions were not "
                "learned but follow from what is near",
                phase,
                furthest,
                fraction,
            )
