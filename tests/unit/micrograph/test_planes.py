from dataclasses import replace

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
import yaml

from matvir.errors import ConfigError, InputError
from matvir.micrograph.planes import join_planes, read_plane, voxel_size_of
from matvir.micrograph.segmentation import segment_planes
from matvir.settings.build import from_dict
from matvir.settings.records import MaterialConfig, PlaneConfig
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
    with pytest.raises(
        InputError, match=r"a 2D image perpendicular to axis 1, got shape \(5, 6, 7\)"
    ):
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
        r"perpendicular to axis 0 \(0.4.png\) and axis 2 \(0.5.png\) show 0.600 and 0.500 "
        r"of 'pore', "
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


def write_with_edges(path, rng, height, width):
    image = rng.integers(0, 255, (8, 9), dtype=np.uint8)
    edges = (1 / width, 1 / height)
    tifffile.imwrite(path, image, imagej=True, resolution=edges, metadata={"unit": "um"})
    return str(path)


def test_the_voxel_size_of_a_material_is_the_stated_one_or_that_of_its_file(
    tmp_path, rng, material
):
    grey = replace(material, type="grey")
    np.save(tmp_path / "a.npy", rng.random((8, 9)))
    silent = replace(grey, image=str(tmp_path / "a.npy"))
    assert voxel_size_of(silent) is None
    assert voxel_size_of(replace(silent, voxel_size_um=0.1)) == (0.1, 0.1)
    assert voxel_size_of(replace(silent, voxel_size_um=(0.1, 0.2))) == (0.1, 0.2)
    path = write_with_edges(tmp_path / "a.tif", rng, 0.5, 0.5)
    assert voxel_size_of(replace(grey, image=path)) == pytest.approx((0.5, 0.5))
    assert voxel_size_of(grey) is None


def test_the_voxel_size_of_planes_is_that_of_their_files(tmp_path, rng, material):
    top = write_with_edges(tmp_path / "top.tif", rng, 0.25, 0.25)
    side = write_with_edges(tmp_path / "side.tif", rng, 0.5, 0.25)
    planes = [PlaneConfig(image=path, quarter_turns=0) for path in (top, side)]
    film = replace(material, type="grey", planes=(*planes, None))
    assert voxel_size_of(film) == pytest.approx((0.5, 0.25, 0.25))
