"""Volumes with chosen fractions, with fractions that change, and through a given plane."""

import logging

import numpy as np
import pytest
import tifffile
import torch

from matvir.errors import ConfigError, InputError
from matvir.generation import diffusion
from matvir.generation.control import (
    Control,
    KnownPlane,
    Profile,
    as_ends,
    ramp,
    read_plane,
    read_profile,
    warn_of_extrapolation,
)
from matvir.generation.diffusion import DiffusionGenerator
from matvir.generation.sampling import sample_labels
from matvir.models.diffusion import Diffusion
from matvir.settings.models import DiffusionNetworkConfig
from matvir.training.seeding import seeded

CPU = torch.device("cpu")
PHASES = ("pore", "binder", "nmc")
OWN = (0.5, 0.2, 0.3)


def generator(control, lattices=1):
    network = Diffusion(DiffusionNetworkConfig(channels=(8, 8), levels=4, lattices=3), 3)
    network.initialise(seeded(0))
    network.lattices.fill_(lattices)
    network.fractions.copy_(torch.tensor(OWN))
    network.variances.fill_(0.01)
    made = DiffusionGenerator(network, CPU)
    made.control = control
    return made


def shares(labels, axis=None):
    others = tuple(other for other in range(3) if other != axis)
    return np.stack([(labels == phase).mean(axis=others) for phase in range(3)])


def test_each_volume_has_the_chosen_fractions():
    wanted = np.array([0.3, 0.5, 0.2])
    for seed in range(2):
        labels = sample_labels(generator(Control(fractions=wanted)), (24, 27, 21), seed)
        assert shares(labels).ravel() == pytest.approx(wanted, abs=0.02)


@pytest.mark.parametrize(("axis", "lattices"), [(0, 1), (2, 1), (2, 3)])
def test_a_ramp_is_kept_in_every_tenth_of_the_axis(axis, lattices):
    profile = ramp({"pore": (0.3, 0.6)}, axis, PHASES, OWN)
    size = [24, 24, 24]
    size[axis] = 80
    labels = sample_labels(generator(Control(profile=profile), lattices), size, 1)
    found = shares(labels, axis).reshape(3, 10, 8).mean(axis=2)
    wanted = profile.at(80).reshape(3, 10, 8).mean(axis=2)
    assert wanted[0, 0] == pytest.approx(0.315)
    assert wanted[1] / wanted[2] == pytest.approx(2 / 3)
    assert np.abs(found - wanted).max() <= 0.03


@pytest.mark.parametrize("lattices", [1, 3])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_known_plane_is_in_the_volume(axis, lattices):
    size = (12, 15, 18)
    shape = tuple(n for other, n in enumerate(size) if other != axis)
    known = np.random.default_rng(0).integers(3, size=shape).astype(np.uint8)
    control = Control(plane=KnownPlane(axis, 7, known))
    labels = sample_labels(generator(control, lattices), size, 1)
    np.testing.assert_array_equal(labels.take(7, axis), known)
    assert (labels.take(8, axis) != known).any()


@pytest.mark.parametrize("periodic", [(), (0, 1)])
def test_a_known_plane_is_on_every_lattice(periodic):
    size = (30, 18, 13)
    known = np.random.default_rng(0).integers(3, size=(30, 13)).astype(np.uint8)
    made = generator(Control(plane=KnownPlane(1, 7, known)), 3)
    for part in made.volume(1, size, periodic)._parts():
        plane = part.plane
        assert part.lattice.nearest(1, 18)[plane.position] == 7
        expected = known[np.ix_(part.lattice.nearest(0, 30), part.lattice.nearest(2, 13))]
        np.testing.assert_array_equal(plane.labels, expected)
        assert plane.labels.shape == (part.size[0], part.size[2])


@pytest.mark.parametrize("axis", [0, 1])
def test_planes_that_cross_a_known_one_are_shown_it_without_noise(axis):
    size = (12, 15, 18)
    shape = tuple(n for other, n in enumerate(size) if other != axis)
    known = np.random.default_rng(0).integers(3, size=shape).astype(np.uint8)
    volume = generator(Control(plane=KnownPlane(axis, 7, known))).volume(1, size)._parts()[-1]
    images = torch.randn(3, *size, generator=seeded(1))
    level = torch.tensor(0.5)
    shown = volume._shown(images, level, 2, slice(4, 9))
    assert shown.shape == (3, 12, 15, 5)
    row = shown.select(1 + axis, 7)
    np.testing.assert_array_equal(row.argmax(dim=0), known[:, 4:9])
    expected = np.sqrt(0.5) * (1 + diffusion.KNOWN)
    torch.testing.assert_close(row.abs(), torch.full_like(row, expected))
    others = [place for place in range(size[axis]) if place != 7]
    untouched = images[..., 4:9].index_select(1 + axis, torch.tensor(others))
    torch.testing.assert_close(shown.index_select(1 + axis, torch.tensor(others)), untouched)
    torch.testing.assert_close(
        volume._shown(images, level, axis, slice(0, 4)), images.narrow(1 + axis, 0, 4)
    )


def test_ends_and_tables_are_read(tmp_path):
    assert as_ends(["pore=0.3:0.55", "nmc=.2:.1"]) == {"pore": (0.3, 0.55), "nmc": (0.2, 0.1)}
    table = tmp_path / "profile.csv"
    table.write_text("pore,nmc\n0.3,0.5\n0.4,0.4\n0.6,0.3\n")
    profile = read_profile(table, 1, PHASES, OWN)
    assert profile.axis == 1
    np.testing.assert_allclose(
        profile.fractions, [[0.3, 0.2, 0.5], [0.4, 0.2, 0.4], [0.6, 0.1, 0.3]]
    )
    np.testing.assert_allclose(profile.at(4)[0], [0.325, 0.375, 0.45, 0.55])


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["pore=0.3"], r"expected PHASE=FIRST:LAST such as pore=0.30:0.55.* got 'pore=0.3'"),
        (["pore=a:b"], "expected PHASE=FIRST:LAST"),
        (["pore=0.1:0.2", "pore=0.1:0.3"], "'pore' is given twice"),
    ],
)
def test_what_is_no_profile_is_said(pairs, message):
    with pytest.raises(ConfigError, match=message):
        as_ends(pairs)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"pores": (0.3, 0.4)}, "no phase 'pores'"),
        ({"pore": (0.3, 1.4)}, "within 0 .. 1, got pore=1.4"),
        ({"pore": (0.3, 0.6), "nmc": (0.3, 0.6)}, "a sum of at most 1"),
    ],
)
def test_profiles_that_cannot_be_are_refused(wanted, message):
    with pytest.raises(ConfigError, match=message):
        ramp(wanted, 0, PHASES, OWN)


@pytest.mark.parametrize("text", ["pore\n0.3\n", "pore\n0.3\nx\n", ""])
def test_what_is_no_table_is_said(tmp_path, text):
    path = tmp_path / "profile.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=r"profile.csv: expected a CSV table"):
        read_profile(path, 0, PHASES, OWN)


@pytest.mark.parametrize(
    ("shape", "most", "pixel_um", "position", "message"),
    [
        ((12, 17), 2, None, 3, r"expected 12 x 18 pixels, .* axis 1, got 12 x 17"),
        ((12, 18), 3, None, 3, r"expected labels 0 .. 2, .* got \[0, 1, 2, 3\]"),
        ((12, 18), 2, 0.7, 3, r"expected pixels of \[0.5, 0.5\] um, .* got \[0.7, 0.7\]"),
        ((12, 18), 2, 0.5, 15, r"--position: expected 0 .. 14, .* got 15"),
    ],
)
def test_planes_that_do_not_fit_are_refused(tmp_path, shape, most, pixel_um, position, message):
    path = tmp_path / "plane.tif"
    labels = (np.arange(np.prod(shape)) % (most + 1)).reshape(shape).astype(np.uint8)
    known = {} if pixel_um is None else {"resolution": (1 / pixel_um,) * 2}
    tifffile.imwrite(path, labels, imagej=True, metadata={"unit": "um"}, **known)
    with pytest.raises((InputError, ConfigError), match=message):
        read_plane(
            str(path), 1, position, n_phases=3, size=(12, 15, 18), voxel_size_um=(0.5, 0.5, 0.5)
        )


def test_a_plane_that_fits_is_read(tmp_path):
    path = tmp_path / "plane.tif"
    labels = (np.arange(12 * 18) % 3).reshape(12, 18).astype(np.uint8)
    tifffile.imwrite(path, labels)
    plane = read_plane(str(path), 1, 3, n_phases=3, size=(12, 15, 18), voxel_size_um=None)
    np.testing.assert_array_equal(plane.labels, labels)


def test_far_fractions_are_warned_of(caplog):
    near = Control(fractions=np.array([0.4, 0.25, 0.35]))
    far = Control(profile=Profile(0, np.array([[0.5, 0.2, 0.3], [0.2, 0.2, 0.6]])))
    with caplog.at_level(logging.WARNING):
        warn_of_extrapolation(near, PHASES, OWN)
        assert not caplog.records
        warn_of_extrapolation(far, PHASES, OWN)
    assert "pore=0.2 is far from the 0.5 of the material" in caplog.text
    assert "nmc=0.6" in caplog.text
