import typing

import numpy as np
import pytest

from matvir.errors import ConfigError
from matvir.settings.records import SyntheticConfig
from matvir.storage.images import MaterialImage
from matvir.synthetic.growth import KINDS, TOLERANCE, representative_plane, synthesise
from matvir.synthetic.lines import draw_lines

SHAPE = (32, 40, 36)
STACKS = [kind for kind, about in KINDS.items() if about.stack]


def config(kind="ceramic", shape=None, seed=0):
    square = (32, 36, 36) if kind in STACKS else SHAPE
    return SyntheticConfig(kind=kind, shape=shape or square, seed=seed)


def grown(kind, **more):
    return synthesise(config(kind, **more), phases=KINDS[kind].phases, voxel_size_um=None)


def test_every_kind_of_the_configuration_can_be_grown():
    assert set(typing.get_args(typing.get_type_hints(SyntheticConfig)["kind"])) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_bits_whatever_the_global_state(kind):
    np.random.seed(1)  # noqa: NPY002
    first = grown(kind, seed=5)
    np.random.seed(2)  # noqa: NPY002
    second, other = grown(kind, seed=5), grown(kind, seed=6)
    np.testing.assert_array_equal(first.truth.voxels, second.truth.voxels)
    assert (first.truth.voxels != other.truth.voxels).mean() > 0.05
    if KINDS[kind].shows.labelled:
        assert set(np.unique(first.truth.voxels)) == set(range(len(KINDS[kind].phases)))
    for one, two in zip(first.micrographs, second.micrographs, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in STACKS])
def test_micrographs_show_the_planes_that_are_named(kind):
    material = grown(kind)
    for axis, micrograph in enumerate(material.micrographs):
        planes = np.moveaxis(material.truth.voxels, axis, 0)
        fits = [np.corrcoef(plane.ravel(), micrograph.ravel())[0, 1] for plane in planes]
        best = np.nanargmax(fits)
        assert (planes[best] == planes[material.planes[axis]]).mean() > 0.97


@pytest.mark.parametrize(("kind", "n_directions"), [("lines", 2), ("oblique-lines", 4)])
def test_a_stack_is_its_own_micrograph(kind, n_directions):
    material = grown(kind, shape=(40, 36, 36))
    assert material.truth.stack
    np.testing.assert_array_equal(material.micrographs[0], material.truth.voxels)
    drawn = draw_lines(40, 36, np.random.default_rng(0), n_directions=n_directions)
    np.testing.assert_array_equal(material.truth.voxels, drawn.images)


def test_a_stack_of_images_that_are_not_square_is_refused():
    with pytest.raises(ConfigError, match=r"square images, got 40 x 36 pixels"):
        grown("lines", shape=SHAPE)


def test_phases_and_voxels_are_named():
    material = synthesise(config(), phases=("a", "b"), voxel_size_um=(0.5,) * 3)
    assert material.truth.phases == ("a", "b")
    assert material.truth.voxel_size_um == (0.5, 0.5, 0.5)
    assert material.truth.provenance["synthetic"] == {
        "kind": "ceramic",
        "shape": list(SHAPE),
        "seed": 0,
    }


def test_other_phases_are_refused():
    with pytest.raises(ConfigError, match=r"'nmc' has 3 phases .* got 2 names \('pore', 'nmc'\)"):
        synthesise(config("nmc"), phases=("pore", "nmc"), voxel_size_um=None)


def test_voxels_that_are_no_cubes_are_refused():
    with pytest.raises(ConfigError, match=r"cubic voxels, got \(0.4, 0.4, 0.8\)"):
        synthesise(config(), phases=("pore", "solid"), voxel_size_um=(0.4, 0.4, 0.8))


def volume_of(labels):
    return MaterialImage(voxels=np.array(labels, np.uint8), phases=("a", "b"))


def test_the_plane_nearest_to_the_middle_that_shows_the_fractions_is_imaged():
    labels = np.zeros((9, 10, 10), np.uint8)
    labels[:, :3] = 1
    labels[2:5] = 0  # the middle plane shows none of the phase, the next one is as the others
    labels[5, 0] = 0
    shares = labels.mean(axis=(1, 2))
    expected = labels.mean()
    assert abs(shares[4] - expected) > TOLERANCE
    assert representative_plane(volume_of(labels), 0) == np.abs(shares - expected).argmin()
    labels[:] = 0
    labels[:, :3] = 1
    assert representative_plane(volume_of(labels), 0) == 4
    labels[4] = 0
    labels[0, :6] = 1
    assert representative_plane(volume_of(labels), 0) in (3, 5)
