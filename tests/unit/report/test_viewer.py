"""What the interactive view is given."""

import base64
import gzip
import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from matvir.report import viewer
from matvir.report.results import MOST_VOXELS, N_VOLUMES, read_material
from matvir.report.viewer import (
    connected_through,
    interactive_view,
    pack_volume,
    thinning_step,
    volumes_of_each,
)
from matvir.report.volumes import TIMES
from matvir.storage.image_types import COLOUR, GREY, PHASES
from matvir.storage.images import MaterialImage, Specimen


def unpack(text):
    return np.frombuffer(gzip.decompress(base64.b64decode(text)), dtype=np.uint8)


@pytest.fixture(scope="module")
def material(results):
    runs, files = results
    return read_material(files[0], [run for run in runs if run.material == files[0].name])


def with_values(material, kind, rng):
    """Return a material whose images keep their values, with voxels that are no cubes."""
    shape = (5, 6, 7, *kind.colour_shape)
    volume = MaterialImage(
        voxels=rng.integers(256, size=shape).astype(np.uint8),
        phases=kind.channels,
        voxel_size_um=(0.5, 0.25, 0.2),
        kind=kind,
    )
    made = rng.integers(256, size=(2, *shape)).astype(np.uint8)
    return replace(
        material,
        specimen=Specimen.of(volume),
        reference=volume,
        runs=[replace(material.runs[0], volumes=made)],
    )


def test_labels_and_what_is_connected_survive_packing(material, rng):
    labels = rng.integers(3, size=(4, 6, 7)).astype(np.uint8)
    packed = pack_volume("a", labels, 1, material)
    voxels, through = unpack(packed.data).reshape(2, *labels.shape)
    np.testing.assert_array_equal(voxels, labels)
    np.testing.assert_array_equal(through, connected_through(labels, 3))


@pytest.mark.parametrize("kind", [GREY, COLOUR])
def test_values_survive_packing(material, kind, rng):
    values = rng.integers(256, size=(4, 6, 7, *kind.colour_shape)).astype(np.uint8)
    packed = pack_volume("a", values, 1, with_values(material, kind, rng))
    np.testing.assert_array_equal(unpack(packed.data).reshape(values.shape), values)
    assert packed.fractions == packed.percolating == []


def test_shares_are_of_the_volume_and_of_each_phase(material):
    labels = np.zeros((2, 3, 4), dtype=np.uint8)
    labels[:, 0, 0] = 1  # crosses along axis 0
    labels[0, 2, 3] = 1
    packed = pack_volume("a", labels, 2, material)
    assert packed.fractions == [21 / 24, 3 / 24, 0]
    assert packed.percolating == [[1, 2 / 3, None], [1, 0, None], [1, 0, None]]


def test_connected_parts_reach_both_faces(rng):
    labels = (rng.random((6, 8, 10)) < 0.4).astype(np.uint8)
    for phase in range(2):
        parts, _ = ndimage.label(labels == phase)
        for axis in range(3):
            ends = (set(np.take(parts, end, axis=axis).ravel()) for end in (0, -1))
            reaching = set.intersection(*ends) - {0}
            found = (connected_through(labels, 2) & (1 << axis) > 0) & (labels == phase)
            np.testing.assert_array_equal(found, np.isin(parts, list(reaching)))


def test_what_is_connected_is_found_before_thinning(material):
    labels = np.zeros((5, 5, 5), dtype=np.uint8)
    labels[:, 1, 1] = 1  # a rod that every second voxel does not show
    labels[2, 1:3, 1:3] = 1
    packed = pack_volume("a", labels, 2, material)
    voxels, through = unpack(packed.data).reshape(2, 3, 3, 3)
    np.testing.assert_array_equal(voxels, labels[::2, ::2, ::2])
    assert through[voxels == 1].tolist() == [0b001]


def test_equal_volumes_give_equal_text(material, rng):
    labels = rng.integers(3, size=(4, 6, 7)).astype(np.uint8)
    packed = pack_volume("a", labels, 1, material)
    assert packed == pack_volume("a", labels.copy(), 1, material)
    assert base64.b64decode(packed.data)[4:8] == bytes(4)  # no time in the head of gzip


def test_the_view_has_the_real_volume_and_several_of_each_run(material):
    view = interactive_view(material)
    assert view.has_real
    assert view.step == 1
    assert [volume.name for volume in view.volumes[:2]] == ["truth", "swd, seed 0, volume-000"]
    assert len(view.volumes) == 1 + 2 * N_VOLUMES
    assert view.longest == (10, 12, 14)
    second = unpack(view.volumes[2].data)[: 10 * 12 * 14].reshape(10, 12, 14)
    np.testing.assert_array_equal(second, material.runs[0].volumes[1])
    assert json.loads(json.dumps(view.content))["phases"][0] == ["pore", "#27476e"]


def test_lengths_are_in_voxels_where_the_size_is_not_known(results):
    runs, files = results
    view = interactive_view(read_material(files[1], runs[-1:]))
    assert not view.has_real
    assert view.unit == "voxels"
    assert view.volumes[0].edges == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("kind", [GREY, COLOUR])
def test_values_have_channels_and_edges(material, kind, rng):
    view = interactive_view(with_values(material, kind, rng))
    assert view.kind == kind.text
    assert tuple(name for name, _ in view.phases) == kind.channels
    assert view.volumes[0].edges == (0.5, 0.25, 0.2)
    assert (
        view.volumes[0].size
        == f"{TIMES.join('567')} voxels, {TIMES.join(['2.5', '1.5', '1.4'])} µm"
    )


def test_large_volumes_are_thinned_and_say_so(material, monkeypatch):
    monkeypatch.setattr(viewer, "MOST_BYTES", 400)
    view = interactive_view(material)
    assert view.step == 2
    assert len(view.volumes) == 3
    assert view.volumes[0].name == "truth"
    assert view.volumes[1].name == "swd, seed 0"
    assert view.volumes[1].shape == (5, 6, 7)
    assert view.volumes[1].edges == tuple(2 * edge for edge in (0.5, 0.5, 0.5))
    assert f"10{TIMES}12{TIMES}14 voxels" in view.volumes[1].size


@pytest.mark.parametrize(
    ("edges", "kind", "step"),
    [
        ((64, 64, 64), PHASES, 1),
        ((160, 160, 160), GREY, 2),
        ((256, 256, 256), PHASES, 1),
        ((300, 8, 8), PHASES, 2),  # longer than a texture may be
        ((512, 512, 512), PHASES, 2),
    ],
)
def test_volumes_are_thinned_as_little_as_fits(edges, kind, step):
    assert thinning_step([edges], kind) == step
    size = kind.bytes_per_voxel * np.prod([-(-edge // step) for edge in edges])
    assert size <= viewer.MOST_BYTES


def test_the_default_run_shows_four_volumes_of_each_of_several_models():
    assert volumes_of_each([(64, 64, 64)] * 3, N_VOLUMES, PHASES) == N_VOLUMES
    assert volumes_of_each([(200, 200, 200)], N_VOLUMES, PHASES) == 1
    assert N_VOLUMES * 64**3 <= MOST_VOXELS


def test_models_of_images_have_no_view(material):
    flat = replace(material.runs[0], volumes=None, images=material.runs[0].volumes[0])
    assert interactive_view(replace(material, runs=[flat])) is None
