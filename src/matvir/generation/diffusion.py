"""Volumes from a denoiser of slices, plane by plane, of any size in bounded memory.

A denoiser of slices sees a voxel in three planes, one perpendicular to each axis. Each plane tells
by itself what is probable at the voxel, given all that is noisy in the plane. What they tell cannot
just be multiplied: two planes share the line in which they meet, three of them the voxel. So what a
line tells by itself is taken away where two planes told it, and what the voxel's own noisy value
tells is put back (R. Kikuchi, Phys. Rev. 81, 1951; J. Yedidia et al., IEEE Trans. Inf. Theory 51,
2005, on regions and how often to count them):

    log p(phase) = sum over planes of log p(phase | plane)
                   - sum over lines of log p(phase | line) + log p(phase | own value)

Counted twice, lines make shapes that are cut along the axes. Once the layout is settled, lines tell
nearly as much as planes, so little would be left of both; there a share of what each plane adds to
the voxel's own value is enough:

    log p(phase) = log p(phase | own value) + SHARE * sum over planes of
                   [log p(phase | plane) - log p(phase | own value)]

Of grey values and colours the planes' means are taken.
"""

import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from matvir.files import require_space
from matvir.generation.blocks import BLOCK
from matvir.generation.control import Control, KnownPlane
from matvir.generation.lattices import Lattice, interpolated, lattices_of
from matvir.generation.noise import NormalField
from matvir.generation.resume import VolumeState
from matvir.models.calibration import offsets_for_fractions
from matvir.models.denoiser import N_AXES, Denoiser, signal_and_noise
from matvir.models.diffusion import (
    Diffusion,
    Step,
    drawn_phases,
    first_level,
    fractions_of_volume,
    kinds_before,
    kinds_of_lines,
    less_noisy,
    steps_of_volume,
)
from matvir.progress import Progress
from matvir.settings import revisions
from matvir.storage.images import in_plane_axes
from matvir.storage.windows import Window, slices_of
from matvir.training.seeding import seeded

# What one voxel or one plane can say at most: below, the network's logits are not to be trusted.
LEAST_LOG = -6.0
# What each plane adds to a voxel's own value once the layout is settled: with more, volumes are
# smoothed along the axes, with less they keep noise.
SHARE = 0.5
# Planes that meet in a line.
PLANES_OF_A_LINE = 2
# Voxels of planes that are denoised at a time.
PLANE_VOXELS = 2**18
# Planes of a volume that are updated at a time where no plane is denoised.
SLAB = 8
# Arrays above this size are kept in a file.
MOST_BYTES = 2**30
# Coarsest pixels that periodic planes are continued by at both ends: what is further off has little
# say.
CONTINUED = 4
# Fractions are matched by this many corrections of at most a factor e.
CORRECTIONS = 6
# Fractions below this one count as if they were as large.
LEAST_FRACTION = 1e-6
# By how much of the noise the signal of a known plane is raised for the planes that cross it. In
# three volumes of nmc-synthetic its neighbours then differ from it in 10.3 % of the voxels, those
# of the truth in 10.6 %; at 0.42 they do in 9.2 %, at 0.3 in 9.7 %, at 0.12 in 10.6 %.
KNOWN = 0.2
# Planes whose fractions are matched together where fractions change along an axis, at least, and
# the most groups of them.
BIN, MOST_BINS = 4, 20
# Fractions are counted on about this many voxels: neighbours are alike.
COUNTED = 2**17


class DiffusionGenerator:
    """A trained denoiser prepared for making volumes.

    Parameters
    ----------
    network : Diffusion
        In evaluation mode.
    device : torch.device
        Where to compute.
    dtype : torch.dtype
        Not used: the denoiser computes in float32.

    Attributes
    ----------
    control : Control
        What volumes are to have.
    unfinished : Path or None
        Folder that keeps what is done of volumes, so that a killed generation goes on.
    """

    def __init__(
        self, network: Diffusion, device: torch.device, dtype: torch.dtype = torch.float32
    ) -> None:
        self.network, self.device = network.to(device).eval(), device
        self.control = Control()
        self.unfinished: Path | None = None
        self.kind, self.precision = network.kind, torch.float32

    def workers(self, threads: int, size: Sequence[int], n_volumes: int) -> int:
        """Return one thread for each volume, if there are as many and they are small.

        Convolutions of so few channels gain little by several threads. The parts of a large volume
        wait for each other: it is made as a whole, with all threads.
        """
        return min(threads, n_volumes) if max(size) <= BLOCK else 1

    def bytes_unfinished(self, size: Sequence[int], n_volumes: int, n_workers: int) -> int:
        """Return how much room on the disk what is done of volumes takes at most.

        Each worker has a volume in the making, whose old state is there until the new one is.
        """
        of_finished = math.prod(self.kind.colour_shape) * n_volumes
        of_states = 2 * 4 * self.network.n_channels * n_workers
        return (of_finished + of_states) * math.prod(size)

    def volume(
        self, seed: int, size: Sequence[int], periodic: Sequence[int] = ()
    ) -> "DiffusionVolume":
        """Return the volume of ``seed``, none of it computed yet; see `DiffusionVolume`."""
        return DiffusionVolume(self, seed, size, periodic)


class DiffusionVolume:
    """The volume that a denoiser makes of a seed; all of it is computed when a part is asked for.

    Parameters
    ----------
    generator : DiffusionGenerator
        Makes it.
    seed : int
        Determines it, with the size.
    size : sequence of three int
        Edges (D, H, W) in voxels.
    periodic : sequence of int
        Axes along which its last plane is followed by its first.
    """

    def __init__(
        self,
        generator: DiffusionGenerator,
        seed: int,
        size: Sequence[int],
        periodic: Sequence[int] = (),
    ) -> None:
        self.generator, self.size, self.periodic = generator, tuple(size), tuple(periodic)
        self.control, self.seed = generator.control, seed
        self.axis, self.fractions = self._wanted()
        self._lock = Lock()
        self._made: NDArray[np.uint8] | None = None

    def _wanted(self) -> tuple[int, Tensor]:
        """Return an axis, and the fractions of each plane along it, (n_channels, n or 1)."""
        network, control = self.generator.network, self.control
        if control.profile is not None:
            axis = control.profile.axis
            return axis, torch.from_numpy(control.profile.at(self.size[axis])).float()
        if control.fractions is not None:
            return 0, torch.from_numpy(control.fractions).float()[:, None]
        fractions = network.fractions.cpu()
        if self.generator.kind.labelled:
            variances, random = network.variances.cpu(), seeded(self.seed)
            fractions = fractions_of_volume(fractions, variances, math.prod(self.size), random)
        return 0, fractions[:, None]

    def voxels(self, window: Window) -> NDArray[np.uint8]:
        """Return the voxels of a window, (d, h, w), with a last axis of three if they are colours.

        The most probable phases, or values in 0 .. 255.
        """
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return np.ascontiguousarray(self._made[slices_of(window)])

    def _make(self) -> NDArray[np.uint8]:
        """Return all voxels of the volume."""
        state = self._state()
        done = None if state is None else state.finished()
        if done is not None:
            return done
        with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
            clean = self._clean(Path(folder), state)
            kind = self.generator.kind
            made = [kind.voxels(clean[None, :, part])[0] for part in _slabs(self.size[0])]
            voxels = np.concatenate(made)
        if state is not None:
            state.finish(voxels)
        return voxels

    def _state(self) -> VolumeState | None:
        """Return the files that keep what is done, under a name that all that decides it gives."""
        if self.generator.unfinished is None:
            return None
        network, plane = self.generator.network, self.control.plane
        parts = [value.cpu().numpy().tobytes() for value in network.state_dict().values()]
        of_plane = None if plane is None else (plane.axis, plane.position, plane.labels.tobytes())
        # Another version of the code, or another kind of device, would go on to other bits.
        code, device = revisions.GENERATE, self.generator.device.type
        about = (self.size, self.periodic, self.seed, self.axis, network.levels, code, device)
        parts += [repr(about).encode(), self.fractions.numpy().tobytes(), repr(of_plane).encode()]
        return VolumeState(self.generator.unfinished, parts)

    def _clean(self, folder: Path, state: VolumeState | None) -> Tensor:
        """Make the volume on all lattices; return probabilities, or values in 0 .. 1."""
        parts = self._parts()
        saved = None if state is None else state.last_step()
        n_done = 0 if saved is None else saved[0]
        total = sum(part.n_seen(part.steps) for part in parts)
        before = sum(part.n_seen(part.steps[: max(0, n_done - part.index)]) for part in parts)
        made = None
        with Progress("taking noise away", total, "voxels", done=before) as progress:
            for part in parts:
                if n_done >= part.index + len(part.steps):
                    continue
                begun = saved if saved is not None and n_done >= part.index else None
                arrays = folder / str(part.lattice.index)
                arrays.mkdir()
                made = part, part.make(arrays, made, begun, state, progress)
        assert made is not None
        return made[1]

    def _parts(self) -> list["VolumeOnLattice"]:
        """Return what is made one after the other: the volume on each lattice."""
        network, plane = self.generator.network, self.control.plane
        n_lattices = int(network.lattices)
        known = None if plane is None else (plane.axis, plane.position)
        found: list[VolumeOnLattice] = []
        for lattice in lattices_of(self.size, self.periodic, n_lattices, known):
            index = found[-1].index + len(found[-1].steps) if found else 0
            found.append(VolumeOnLattice(self, lattice, index, n_lattices))
        return found


class VolumeOnLattice:
    """The voxels of a volume on one lattice, made of noise, or of a coarser lattice and noise.

    Parameters
    ----------
    volume : DiffusionVolume
        The volume.
    lattice : Lattice
        Which of its voxels.
    index : int
        How many steps there are on coarser lattices.
    n_lattices : int
        How many lattices there are.
    """

    def __init__(
        self, volume: DiffusionVolume, lattice: Lattice, index: int, n_lattices: int
    ) -> None:
        network = volume.generator.network
        self.generator, self.lattice, self.index = volume.generator, lattice, index
        self.seed, self.periodic, self.axis = volume.seed, volume.periodic, volume.axis
        self.size, self.n_channels = lattice.size, network.n_channels
        first = first_level(lattice.index, n_lattices)
        self.steps = steps_of_volume(network.levels, first)
        self.views = views_of(network, lattice.index)
        self.fractions = volume.fractions
        if self.fractions.shape[1] > 1:
            self.fractions = self.fractions[:, lattice.nearest(self.axis, volume.size[self.axis])]
        self.plane = self._on_lattice(volume.control.plane, volume.size)

    def _on_lattice(self, plane: KnownPlane | None, size: Sequence[int]) -> KnownPlane | None:
        """Return what the lattice has of a known plane."""
        if plane is None:
            return None
        lattice, axes = self.lattice, in_plane_axes(plane.axis)
        labels = plane.labels[np.ix_(*(lattice.nearest(axis, size[axis]) for axis in axes))]
        position = (plane.position - lattice.first[plane.axis]) / lattice.spacing[plane.axis]
        return KnownPlane(plane.axis, round(position), labels)

    def n_seen(self, steps: Sequence[Step]) -> int:
        """Return how many voxels of planes and lines are looked at in some steps."""
        return sum(math.prod(self.size) * len(self.views[step.settled]) for step in steps)

    def make(
        self,
        folder: Path,
        coarser: tuple["VolumeOnLattice", Tensor] | None,
        saved: tuple[int, NDArray[np.float32]] | None,
        state: VolumeState | None,
        progress: Progress,
    ) -> Tensor:
        """Take the noise away; return probabilities, or values in 0 .. 1.

        Parameters
        ----------
        folder : Path
            Where large arrays are kept.
        coarser : (VolumeOnLattice, Tensor), optional
            A coarser lattice, and what was made on it.
        saved : (int, ndarray), optional
            A step on this lattice, counted with those on coarser ones, and what it begins with.
        state : VolumeState, optional
            Keeps what is done.
        progress : Progress
            Counts the voxels of planes and lines that were looked at.

        Returns
        -------
        Tensor of shape (n_channels, *size)
        """
        images, told = (self._array(folder / name) for name in ("images", "told"))
        first = 0 if saved is None else saved[0] - self.index
        if saved is None:
            self._start(images, coarser)
        else:
            for part in _slabs(self.size[0]):
                images[:, part] = torch.from_numpy(np.array(saved[1][:, part]))
        for index, step in enumerate(self.steps[first:], start=self.index + first):
            self._tell_all(told, images, step, progress)
            self._decide(told, last=step.following == 0)
            if step.following > 0:
                self._go_on(images, told, step, index + 1)
                if state is not None:
                    state.save_step(index + 1, images.numpy())
        return told

    def _start(self, images: Tensor, coarser: tuple["VolumeOnLattice", Tensor] | None) -> None:
        """Fill ``images`` with noise, and with what was made on a coarser lattice."""
        if coarser is None:
            noise = NormalField(self.seed, self.index, self.n_channels)
            for part in _slabs(self.size[0]):
                images[:, part] = self._numbers(noise, part)
            return
        lattice, made = coarser[0].lattice, coarser[1]
        labelled = self.generator.kind.labelled
        if labelled:
            phases = made.argmax(dim=0)
            made = torch.stack([(phases == phase).float() for phase in range(self.n_channels)])
        noise = NormalField(self.seed, self.index, self.n_channels + 1)
        signal, spread = signal_and_noise(torch.tensor(self.steps[0].level))
        for part in _slabs(self.size[0]):
            numbers = self._numbers(noise, part)
            clean = interpolated(made, lattice, self.lattice, self.periodic, part)
            if labelled:  # means of phases would be smoother than any material
                clean = drawn_phases(clean, torch.special.ndtr(numbers[-1]))
            images[:, part] = signal * (2 * clean - 1) + spread * numbers[:-1]

    def _tell_all(self, told: Tensor, images: Tensor, step: Step, progress: Progress) -> None:
        """Fill ``told`` with what all planes and lines tell together, up to what phases share."""
        level, views = torch.tensor(step.level), self.views[step.settled]
        self._begin(told, images, level, 1 - sum(view.weight for view in views))
        for view in views:
            for planes in self._planes(view.axis):
                shown = self._shown(images, level, view.axis, planes)
                told[_along(view.axis, planes)] += view.weight * self._tell(shown, level, view)
                progress.update(progress.done + shown[0].numel())

    def _go_on(self, images: Tensor, told: Tensor, step: Step, index: int) -> None:
        """Bring the volume to the following level, the ``index``-th."""
        # A field of each level at a time: it remembers what it drew.
        noise = NormalField(self.seed, index, self.n_channels)
        level, following = torch.tensor(step.level), torch.tensor(step.following)
        for part in _slabs(self.size[0]):
            clean, fresh = 2 * told[:, part] - 1, self._numbers(noise, part)
            images[:, part] = less_noisy(images[:, part], clean, level, following, fresh)

    def _array(self, path: Path) -> Tensor:
        """Return an array of the volume's channels, in memory or in a file."""
        shape = (self.n_channels, *self.size)
        n_bytes = 4 * math.prod(shape)
        if n_bytes <= MOST_BYTES:
            return torch.zeros(shape)
        require_space(path, n_bytes)
        return torch.from_numpy(np.memmap(path, np.float32, "w+", shape=shape))

    def _numbers(self, noise: NormalField, part: slice) -> Tensor:
        """Return the random numbers of some planes perpendicular to axis 0."""
        window = ((part.start, part.stop), *((0, edge) for edge in self.size[1:]))
        return torch.from_numpy(np.ascontiguousarray(noise.window(window)))

    def _planes(self, axis: int) -> Iterator[slice]:
        """Yield the planes perpendicular to an axis that are denoised at a time."""
        area = np.prod(self.size) // self.size[axis]
        return _slabs(self.size[axis], max(1, int(PLANE_VOXELS // area)))

    def _begin(self, told: Tensor, images: Tensor, level: Tensor, weight: float) -> None:
        """Set ``told`` to what voxels say by themselves, times a weight."""
        if not self.generator.kind.labelled:
            told.zero_()
            return
        prior = self._spread(self.fractions.clamp_min(LEAST_FRACTION).log())
        for part in _slabs(self.size[0]):
            of_part = prior[:, part] if prior.shape[1] > 1 else prior
            told[:, part] = weight * self._own(images[:, part], level, of_part)

    def _spread(self, of_planes: Tensor) -> Tensor:
        """Return numbers of each plane, (n_channels, n), for what has three axes."""
        return of_planes.reshape(len(of_planes), *(-1 if a == self.axis else 1 for a in range(3)))

    def _own(self, images: Tensor, level: Tensor, logits: Tensor) -> Tensor:
        """Return the log-probabilities of phases given noisy voxels, (n_phases, ...)."""
        signal, spread = signal_and_noise(level)
        # One-hot images are 2 at the phase and -2 elsewhere, up to what all phases share.
        return (logits + 2 * signal / spread**2 * images).log_softmax(dim=0).clamp_min(LEAST_LOG)

    def _shown(self, images: Tensor, level: Tensor, axis: int, planes: slice) -> Tensor:
        """Return planes perpendicular to an axis as the denoiser is shown them.

        A row of theirs that lies in the known plane has no noise, and its signal is raised by a
        share of it: with the noise of the others its neighbours would heed it too little.
        """
        shown, known = images[_along(axis, planes)], self.plane
        if known is None or known.axis == axis:
            return shown
        signal, spread = signal_and_noise(level)
        position = in_plane_axes(known.axis).index(axis)
        rows = 2 * self._known(known)[_along(position, planes)] - 1
        shown = shown.clone()
        shown.select(1 + known.axis, known.position).copy_((signal + KNOWN * spread) * rows)
        return shown

    def _tell(self, images: Tensor, level: Tensor, view: "View") -> Tensor:
        """Return what planes, or lines in them, say: log-probabilities, or values in 0 .. 1.

        Parameters
        ----------
        images : Tensor of shape (n_channels, d, h, w)
            Noisy planes.
        level : scalar Tensor
            Of the noise.
        view : View
            How they are looked at.
        """
        device = self.generator.device
        planes = images.movedim(1 + view.axis, 0).to(device)
        periodic = [axis in self.periodic for axis in in_plane_axes(view.axis)]
        if view.turned:
            planes, periodic = planes.mT, periodic[::-1]
        padded, inner = continued(planes, periodic, view.network.multiple)
        kind = torch.tensor(view.kind, device=device).expand(len(planes))
        logits = view.network(padded, level.to(device).expand(len(planes)), kind)[inner].cpu()
        if view.turned:
            logits = logits.mT
        if self.generator.kind.labelled:
            found = logits.log_softmax(dim=1).clamp_min(LEAST_LOG)
        else:
            found = self.generator.network.decode(logits)
        return found.movedim(0, 1 + view.axis)

    def _decide(self, told: Tensor, *, last: bool) -> None:
        """Turn log-probabilities into probabilities of the wanted fractions."""
        if not self.generator.kind.labelled:
            return
        bias = self._spread(self._bias(told, of_labels=last))
        for part in _slabs(self.size[0]):
            of_part = bias[:, part] if bias.shape[1] > 1 else bias
            told[:, part] = (told[:, part] + of_part).softmax(dim=0)
        plane = self.plane
        if plane is not None:
            told.select(1 + plane.axis, plane.position).copy_(self._known(plane))

    def _bias(self, told: Tensor, *, of_labels: bool) -> Tensor:
        """Return what to add to the logits of each plane along the axis, (n_channels, n or 1)."""
        n_planes = self.size[self.axis]
        if self.fractions.shape[1] == 1:
            return fraction_bias(_some(told), self.fractions[:, 0], of_labels=of_labels)[:, None]
        # Single planes vary by chance: what lies together is corrected together.
        edges = np.linspace(0, n_planes, max(2, min(n_planes // BIN, MOST_BINS) + 1)).astype(int)
        found = []
        for start, stop in pairwise(edges):
            planes = told.narrow(1 + self.axis, int(start), int(stop - start))
            wanted = self.fractions[:, start:stop].mean(dim=1)
            found.append(fraction_bias(_some(planes), wanted, of_labels=of_labels).numpy())
        middles = (edges[:-1] + edges[1:] - 1) / 2
        places = np.arange(n_planes)
        between = [np.interp(places, middles, one) for one in np.stack(found, axis=1)]
        return torch.from_numpy(np.stack(between)).float()

    def _known(self, plane: KnownPlane) -> Tensor:
        """Return a known plane as probabilities, (n_phases, rows, columns)."""
        labels = torch.from_numpy(plane.labels).long()
        return functional.one_hot(labels, self.n_channels).permute(2, 0, 1).float()


@dataclass(frozen=True)
class View:
    """Planes perpendicular to an axis, or lines in them, and how what they tell counts.

    Attributes
    ----------
    network : Denoiser
        What they are shown.
    axis : int
        Axis that the planes are perpendicular to.
    kind : int
        Of which kind of slices, or of lines, they are.
    weight : float
        Factor of what they tell.
    turned : bool
        Whether lines are columns of the planes.
    """

    network: Denoiser
    axis: int
    kind: int
    weight: float
    turned: bool = False


def views_of(network: Diffusion, lattice: int = 0) -> dict[bool, list[View]]:
    """Return all that volumes are looked at with, once the layout is settled (True), and before."""
    kinds, before = network.kinds.tolist(), kinds_before(lattice)
    axes = [axis for axis in range(N_AXES) if kinds[axis] >= 0]

    def planes(weight: float) -> list[View]:
        return [View(network.denoiser, axis, before + kinds[axis], weight) for axis in axes]

    if network.lines is None:
        return dict.fromkeys((False, True), planes(1 / len(axes)))
    of_lines, lines = kinds_of_lines(kinds), []
    for along in range(N_AXES):
        across = [axis for axis in axes if axis != along]
        if len(across) == PLANES_OF_A_LINE:
            turned = in_plane_axes(across[0])[0] == along
            kind = before + of_lines[along]
            lines.append(View(network.lines, across[0], kind, -1.0, turned=turned))
    return {False: [*planes(1.0), *lines], True: planes(SHARE)}


def _some(told: Tensor) -> Tensor:
    """Return some voxels, evenly spread, of what is told of all of them, (n_phases, n)."""
    spacing = max(1, round((told[0].numel() / COUNTED) ** (1 / 3)))
    spacing += 1 - spacing % 2  # odd: the denoiser takes two pixels as one
    return told[:, ::spacing, ::spacing, ::spacing].flatten(1)


def fraction_bias(logits: Tensor, fractions: Tensor, *, of_labels: bool) -> Tensor:
    """Return what to add to logits so that phases have their fractions.

    Parameters
    ----------
    logits : Tensor of shape (n_phases, n)
        Of voxels.
    fractions : Tensor of shape (n_phases,)
        What the mean probabilities are to be, or the shares of labels.
    of_labels : bool
        Whether the most probable phases count in place of probabilities.
    """
    if of_labels:
        return offsets_for_fractions(logits.T, fractions.tolist())
    bias = torch.zeros(len(fractions))
    for _ in range(CORRECTIONS):
        found = (logits + bias[:, None]).softmax(dim=0).mean(dim=1)
        step = (fractions.clamp_min(LEAST_FRACTION) / found.clamp_min(LEAST_FRACTION)).log()
        bias += step.clamp(-1, 1)
    return bias


def continued(
    planes: Tensor, periodic: Sequence[bool], multiple: int
) -> tuple[Tensor, tuple[slice, ...]]:
    """Return planes that a denoiser can take, and where the planes are in what it returns.

    Parameters
    ----------
    planes : Tensor of shape (B, n_channels, h, w)
        The planes.
    periodic : sequence of two bool
        Whether rows and columns are periodic: then the planes are continued at both ends. Others
        are filled up to a multiple with their last row or column.
    multiple : int
        What edges have to be multiples of.
    """
    inner = [slice(None), slice(None)]
    for axis, wraps in enumerate(periodic, start=2):
        edge = planes.shape[axis]
        before = CONTINUED * multiple if wraps else 0
        after = before + -(edge + before) % multiple
        index = torch.arange(-before, edge + after)
        index = index % edge if wraps else index.clamp(0, edge - 1)
        if len(index) > edge:
            planes = planes.index_select(axis, index.to(planes.device))
        inner.append(slice(before, before + edge))
    return planes, tuple(inner)


def _slabs(n: int, at_once: int = SLAB) -> Iterator[slice]:
    for start in range(0, n, at_once):
        yield slice(start, min(start + at_once, n))


def _along(axis: int, planes: slice) -> tuple[slice, ...]:
    return (slice(None),) * (1 + axis) + (planes,)
