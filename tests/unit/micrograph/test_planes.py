from dataclasses import replace

import imageio.v3 as iio
import numpy as np
import pytest
import yaml

from matvir.errors import ConfigError, InputError
from matvir.micrograph.planes import join_planes, read_plane
from matvir.micrograph.segmentation import segment_planes
from matvir.settings.records import MaterialConfig, PlaneConfig, from_dict
from matvir.storage.images import MaterialImage


@pytest.fixture
def material(root):
    config = yaml.safe_load((root / "config" / "default.yaml").read_text())
    return from_dict(MaterialConfig, config["material_defaults"] | {"type": "labels"})


def write(path, labels):
    iio.imwrite(path, labels)
    return str(path)


def plane(fraction, **more):
    labels = np.zeros((10, 20), np.uint8)
    labels.ravel()[: round(fraction * 200)] = 1
    source = {"source": {"path": f"{fraction}.png"}}
    return MaterialImage(voxels=labels, phases=("pore", "solid"), provenance=source, **more)


def test_quarter_turns_are_counterclockwise_and_turn_the_pixels_too(tmp_path, rng, material):
    labels = rng.integers(0, 2, (8, 11), dtype=np.uint8)
    path = write(tmp_path / "a.png", labels)
    stated = replace(material, voxel_size_um=(1.0, 2.0, 3.0))
    found = read_plane(PlaneConfig(image=path, quarter_turns=1), 2, stated)
    # What was the last column is the first row.
    np.testing.assert_array_equal(found.image[0], labels[:, -1])
    assert found.voxel_size_um == (1.0, 2.0)
    assert read_plane(PlaneConfig(image=path, quarter_turns=0), 1, stated).voxel_size_um == (1, 3)


def test_the_edge_of_each_axis_must_be_known(tmp_path, rng, material):
    path = write(tmp_path / "a.png", rng.integers(0, 2, (8, 11), dtype=np.uint8))
    stated = replace(material, voxel_size_um=(1.0, 2.0))
    with pytest.raises(ConfigError, match=r"one per axis, which are three, .* got \[1.0, 2.0\]"):
        read_plane(PlaneConfig(image=path, quarter_turns=0), 0, stated)


def test_a_volume_is_no_plane(tmp_path, rng, material):
    path = tmp_path / "a.npy"
    np.save(path, rng.integers(0, 2, (5, 6, 7), dtype=np.uint8))
    with pytest.raises(InputError, match=r"a 2D image across axis 1, got shape \(5, 6, 7\)"):
        read_plane(PlaneConfig(image=str(path), quarter_turns=0), 1, material)


def test_one_image_of_two_axes_is_segmented_once(tmp_path, rng, material):
    paths = [
        write(tmp_path / f"{name}.png", rng.integers(0, 2, (8, 11), dtype=np.uint8))
        for name in "ab"
    ]
    across, along = (PlaneConfig(image=path, quarter_turns=0) for path in paths)
    found = segment_planes((across, along, along), material)
    assert found[1] is found[2] is not found[0]
    # With other pixels along axis 1 than along axis 2 they are not the same picture.
    stated = replace(material, voxel_size_um=(1.0, 2.0, 3.0))
    assert len({id(one) for one in segment_planes((None, along, along), stated).values()}) == 2
    assert list(segment_planes((across, None, along), material)) == [0, 2]


def test_planes_of_one_material_are_joined():
    planes = {0: plane(0.40), 1: plane(0.44), 2: plane(0.42)}
    assert join_planes(planes, 0.05).planes == planes


def test_planes_that_disagree_are_named_with_their_numbers():
    expected = (
        r"across axis 0 \(0.4.png\) and axis 2 \(0.5.png\) show 0.600 and 0.500 of 'pore', "
        r"expected a difference of at most 0.05.* or raise 'fraction_tolerance'"
    )
    with pytest.raises(InputError, match=expected):
        join_planes({0: plane(0.4), 2: plane(0.5)}, 0.05)
    assert join_planes({0: plane(0.4), 2: plane(0.5)}, 0.11)


def test_planes_with_other_phases_are_refused():
    other = replace(plane(0.4), phases=("pore", "binder"))
    with pytest.raises(InputError, match=r"phases \('pore', 'solid'\) and \('pore', 'binder'\)"):
        join_planes({0: plane(0.4), 1: other}, 0.05)


@pytest.mark.parametrize("size", [(1.5, 3.0), None])
def test_planes_share_the_edge_along_their_common_axis(size):
    """The columns of the planes across axes 0 and 1 both run along axis 2."""
    first = plane(0.4, voxel_size_um=(2.0, 3.0))
    assert join_planes({0: first, 1: plane(0.4, voxel_size_um=(1.5, 3.0))}, 0.05)
    other = plane(0.4, voxel_size_um=None if size is None else (1.5, 2.5))
    with pytest.raises(InputError, match=r"voxels of 3.0 um and (2.5|nan) um along axis 2"):
        join_planes({0: first, 1: other}, 0.05)
