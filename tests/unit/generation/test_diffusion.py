"""Volumes from what planes tell of their voxels."""

import numpy as np
import pytest
import torch
from torch import nn

from matvir.generation import diffusion, resume
from matvir.generation.control import Control
from matvir.generation.diffusion import DiffusionGenerator, continued, fraction_bias, views_of
from matvir.generation.sampling import prepared, sample_labels
from matvir.models.denoiser import signal_and_noise
from matvir.models.diffusion import Diffusion, Step, less_noisy, steps_of_volume
from matvir.progress import Progress
from matvir.settings.models import DiffusionNetworkConfig
from matvir.storage.image_types import COLOUR, GREY, PHASES
from matvir.storage.images import in_plane_axes
from matvir.training.seeding import seeded

SIZE = (10, 17, 12)


def network(kind=PHASES, n_channels=3, levels=4, lattices=1):
    config = DiffusionNetworkConfig(channels=(8, 8), levels=levels, lattices=3)
    made = Diffusion(config, n_channels, kind)
    made.initialise(seeded(0))
    made.lattices.fill_(lattices)
    made.fractions.copy_(torch.tensor([0.5, 0.2, 0.3])[:n_channels])
    return made.eval()


class Told(nn.Module):
    """What a pixel's own value tells, or all values of its row or column, if they are one phase.

    Parameters
    ----------
    fractions : Tensor of shape (n_phases,)
        Of the phases.
    summed : dict of int to int
        For each kind, the dimension along which all pixels are of one phase; of others the pixels
        know nothing of each other.
    """

    multiple = 1

    def __init__(self, fractions, summed):
        super().__init__()
        self.fractions, self.summed = fractions, summed

    def forward(self, images, level, kind):
        signal, spread = signal_and_noise(level[0])
        # Density of a value given each phase: one-hot images are 1 there and -1 elsewhere.
        means = 2 * torch.eye(len(self.fractions)) - 1
        squares = (images[:, None] - signal * means[None, :, :, None, None]) ** 2
        told = -squares.sum(dim=2) / (2 * spread**2)
        along = self.summed.get(int(kind[0]))
        if along is not None:
            told = told.sum(dim=along, keepdim=True).expand_as(told)
        return self.fractions.log()[:, None, None] + told


def on_lattice(made, size, periodic=()):
    """A volume on the lattice of all voxels."""
    volume = DiffusionGenerator(made, torch.device("cpu")).volume(1, size, periodic)
    return volume._parts()[-1]


def told_of_a_volume(made, images, step):
    """What planes and lines tell together, as log-probabilities."""
    told = torch.zeros(3, *SIZE)
    on_lattice(made, SIZE)._tell_all(told, images, step, Progress("test", 1, "voxels"))
    return told.log_softmax(dim=0)


@pytest.mark.parametrize("settled", [False, True])
@pytest.mark.parametrize("kinds", [(0, 0, 0), (0, -1, 1)])
def test_planes_that_know_nothing_but_the_voxel_add_nothing(monkeypatch, kinds, settled):
    monkeypatch.setattr(diffusion, "LEAST_LOG", -50.0)
    made = network()
    made.kinds.copy_(torch.tensor(kinds))
    made.denoiser = made.lines = Told(made.fractions, {})
    step = Step(0.8, 0.7, settled)
    images = torch.randn(3, *SIZE, generator=seeded(5))
    own = made.denoiser(images.movedim(1, 0), torch.tensor([0.8]), torch.tensor([0]))
    expected = own.movedim(0, 1).log_softmax(dim=0)
    told = told_of_a_volume(made, images, step)
    torch.testing.assert_close(told, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_line_that_two_planes_tell_of_counts_once(monkeypatch, axis):
    """Of a material whose lines along an axis are of one phase, each by itself, all is exact."""
    monkeypatch.setattr(diffusion, "LEAST_LOG", -200.0)
    made = network()
    made.kinds.copy_(torch.arange(3))
    # Rows are the first of the axes that a plane has, and dimension 2 of the images.
    planes = {other: 2 + in_plane_axes(other).index(axis) for other in range(3) if other != axis}
    made.denoiser = Told(made.fractions, planes)
    made.lines = Told(made.fractions, {axis: 3})
    images = torch.randn(3, *SIZE, generator=seeded(5))
    lines = images.movedim(1 + axis, 3).movedim(1, 0)
    expected = made.lines(lines, torch.tensor([0.8]), torch.tensor([axis]))
    expected = expected.movedim(0, 1).movedim(3, 1 + axis).log_softmax(dim=0)
    told = told_of_a_volume(made, images, Step(0.8, 0.7, settled=False))
    torch.testing.assert_close(told, expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("lattices", [1, 3])
def test_the_same_seed_gives_the_same_volume_whatever_is_in_memory(device, monkeypatch, lattices):
    generator = prepared(network(lattices=lattices), device)
    first = sample_labels(generator, SIZE, 3)
    assert first.shape == SIZE
    np.testing.assert_array_equal(sample_labels(generator, SIZE, 3, block=7), first)
    assert (sample_labels(generator, SIZE, 4) != first).mean() > 0.2
    monkeypatch.setattr(diffusion, "MOST_BYTES", 0)
    np.testing.assert_array_equal(sample_labels(generator, SIZE, 3), first)


@pytest.mark.parametrize("most_bytes", [0, 2**30])
def test_a_killed_generation_goes_on_to_the_same_bits(device, monkeypatch, tmp_path, most_bytes):
    monkeypatch.setattr(resume, "SAVE_EVERY", 0.0)
    monkeypatch.setattr(diffusion, "MOST_BYTES", most_bytes)
    made = network(levels=6)
    expected = [sample_labels(prepared(made, device), SIZE, seed) for seed in (3, 4)]
    n_asked = []
    made.denoiser.register_forward_hook(lambda _, given, __: n_asked.append(len(given[0])))
    generator = prepared(made, device)
    generator.unfinished = tmp_path / "unfinished"
    np.testing.assert_array_equal(sample_labels(generator, SIZE, 3), expected[0])
    of_one, n_asked[:] = sum(n_asked), []

    def killed(*args, **_):
        if args[2] == pytest.approx(steps_of_volume(6)[3].level):
            raise KeyboardInterrupt
        return less_noisy(*args)

    with monkeypatch.context() as patch:
        patch.setattr(diffusion, "less_noisy", killed)
        with pytest.raises(KeyboardInterrupt):
            sample_labels(generator, SIZE, 4)
    n_asked[:] = []
    # A file of it that was not finished is no state; the finished volume is not made again.
    (generator.unfinished / ".abandoned-step-5.part.npy").write_bytes(b"")
    np.testing.assert_array_equal(sample_labels(generator, SIZE, 3), expected[0])
    assert not n_asked
    np.testing.assert_array_equal(sample_labels(generator, SIZE, 4), expected[1])
    # The killed level is the fourth of six.
    assert sum(n_asked) == of_one * 3 // 6


def test_a_volume_that_was_killed_on_a_lattice_goes_on_there(device, monkeypatch, tmp_path):
    monkeypatch.setattr(resume, "SAVE_EVERY", 0.0)
    made = network(levels=8, lattices=3)
    expected = sample_labels(prepared(made, device), SIZE, 3)
    generator = prepared(made, device)
    generator.unfinished = tmp_path
    parts = generator.volume(3, SIZE)._parts()
    n_steps = [len(part.steps) for part in parts]
    assert [part.index for part in parts] == [0, n_steps[0], sum(n_steps[:2])]
    asked = []

    def killed_after(n):
        def less(*args):
            asked.append(args[0].shape[-1])
            if len(asked) == n:
                raise KeyboardInterrupt
            return less_noisy(*args)

        return less

    # Both slabs of each step count, and the last step of a lattice adds no noise.
    monkeypatch.setattr(diffusion, "SLAB", 1000)
    for n, edge in ((n_steps[0] + 1, 6), (n_steps[1], 12)):
        asked.clear()
        with monkeypatch.context() as patch:
            patch.setattr(diffusion, "less_noisy", killed_after(n))
            with pytest.raises(KeyboardInterrupt):
                sample_labels(generator, SIZE, 3)
        assert asked[-1] == edge
    np.testing.assert_array_equal(sample_labels(generator, SIZE, 3), expected)


def test_a_finer_lattice_begins_with_what_was_made_on_the_coarser_one():
    made = network(lattices=2)
    coarse, fine = DiffusionGenerator(made, torch.device("cpu")).volume(1, (16, 18, 20))._parts()
    layout = torch.rand(3, *coarse.size, generator=seeded(3))
    images = torch.zeros(3, *fine.size)
    fine._start(images, (coarse, layout))
    signal, spread = signal_and_noise(torch.tensor(fine.steps[0].level))
    clean = nn.functional.one_hot(layout.argmax(dim=0), 3).movedim(-1, 0)
    noise = images[:, ::2, ::2, ::2] - signal * (2 * clean - 1)
    assert noise.std().item() == pytest.approx(spread.item(), rel=0.03)
    assert noise.mean().item() == pytest.approx(0, abs=0.03)


def test_what_is_done_of_another_volume_is_not_taken(device, monkeypatch, tmp_path):
    """Other weights, sizes or wishes are other volumes, though the seed is the same."""
    monkeypatch.setattr(resume, "SAVE_EVERY", 0.0)
    made = network()
    generator = prepared(made, device)
    generator.unfinished = tmp_path
    first = sample_labels(generator, SIZE, 3)
    assert sample_labels(generator, SIZE[::-1], 3).shape == SIZE[::-1]
    assert (sample_labels(generator, SIZE, 3, periodic=(0,)) != first).any()
    generator.control = Control(fractions=np.array([0.2, 0.2, 0.6]))
    assert np.mean(sample_labels(generator, SIZE, 3) == 2) > np.mean(first == 2) + 0.1
    generator.control = Control()
    with torch.no_grad():
        made.denoiser.begin.weight[:] = -made.denoiser.begin.weight
    assert (sample_labels(generator, SIZE, 3) != first).any()


def test_volumes_have_their_fractions(device):
    made = sample_labels(prepared(network(), device), (20, 24, 28), 0)
    shares = np.bincount(made.ravel(), minlength=3) / made.size
    np.testing.assert_allclose(shares, (0.5, 0.2, 0.3), atol=0.03)


def test_an_axis_without_sections_is_not_asked(device):
    made = network()
    asked = []
    made.denoiser.register_forward_hook(lambda _, given, __: asked.append(given[2].unique().item()))
    made.kinds.copy_(torch.tensor([1, -1, 0]))
    sample_labels(prepared(made, device), SIZE, 3)
    assert set(asked) == {0, 1}


@pytest.mark.parametrize("lattices", [1, 2])
@pytest.mark.parametrize(("kind", "n_channels"), [(GREY, 1), (COLOUR, 3)])
def test_grey_values_and_colours(device, kind, n_channels, lattices):
    made = sample_labels(prepared(network(kind, n_channels, lattices=lattices), device), SIZE, 3)
    assert made.shape == (*SIZE, *kind.colour_shape)
    assert made.std() > 0


def test_periodic_planes_are_continued_and_others_filled_up():
    planes = torch.arange(2 * 5 * 6.0).reshape(2, 1, 5, 6)
    padded, inner = continued(planes, (True, False), 4)
    assert padded.shape[2] % 4 == padded.shape[3] % 4 == 0
    torch.testing.assert_close(padded[inner], planes)
    start = inner[2].start
    assert start >= 16
    torch.testing.assert_close(padded[:, :, start - 1, inner[3]], planes[:, :, -1])
    torch.testing.assert_close(padded[:, :, start + 5, inner[3]], planes[:, :, 0])
    torch.testing.assert_close(padded[:, :, inner[2], -1], planes[:, :, :, -1])


def test_a_periodic_volume_is_as_rough_at_its_seam_as_elsewhere(device):
    """Rolled by half, the planes of a periodic volume are given the denoiser in the same way."""
    made = network()
    # It would see the continued rows, which are not the same ones.
    for block in (*made.denoiser.down, *made.denoiser.up, made.denoiser.middle):
        block.normalisations = nn.ModuleList([nn.Identity(), nn.Identity()])
    volume = on_lattice(made, (16, 16, 16), (1,))
    images = torch.randn(3, 16, 16, 16, generator=seeded(5))
    level, view = torch.tensor(0.5), views_of(made)[True][0]
    rolled = volume._tell(images.roll(8, dims=2), level, view).roll(-8, dims=2)
    # What is further off than the continued rows has a little say yet.
    torch.testing.assert_close(rolled, volume._tell(images, level, view), atol=0.05, rtol=0)
    plain = on_lattice(made, (16, 16, 16))
    apart = plain._tell(images.roll(8, dims=2), level, view).roll(-8, dims=2) - rolled
    assert apart.abs().max() > 0.5


def test_fractions_are_matched_by_probabilities_and_by_labels():
    logits = torch.randn(3, 20_000, generator=seeded(0)) * 2
    wanted = torch.tensor([0.6, 0.1, 0.3])
    soft = (logits + fraction_bias(logits, wanted, of_labels=False)[:, None]).softmax(dim=0)
    torch.testing.assert_close(soft.mean(dim=1), wanted, atol=0.01, rtol=0)
    hard = (logits + fraction_bias(logits, wanted, of_labels=True)[:, None]).argmax(dim=0)
    shares = torch.bincount(hard) / hard.numel()
    torch.testing.assert_close(shares, wanted, atol=0.01, rtol=0)
