import pytest

from matvir.config import GenerationConfig
from matvir.errors import ConfigError
from matvir.generation.size import size_in_voxels


def config(voxels=None, um=None):
    return GenerationConfig(n_volumes=1, size_voxels=voxels, size_um=um)


def test_voxels_stay_and_micrometres_are_rounded_per_axis():
    assert size_in_voxels(config(voxels=(8, 9, 10)), None) == (8, 9, 10)
    assert size_in_voxels(config(um=(10.0, 10.0, 9.9)), (2.0, 0.5, 0.5)) == (5, 20, 20)


def test_a_section_lends_its_voxel_size_to_the_third_axis():
    assert size_in_voxels(config(um=(4.0, 8.0, 16.0)), (0.4, 0.4)) == (10, 20, 40)


def test_micrometres_without_a_voxel_size_are_refused():
    with pytest.raises(
        ConfigError, match=r"size_um: \[1.0, 1.0, 1.0\] um cannot be turned into voxels"
    ):
        size_in_voxels(config(um=(1.0, 1.0, 1.0)), None)


def test_less_than_a_voxel_is_refused():
    with pytest.raises(ConfigError, match="less than one voxel"):
        size_in_voxels(config(um=(1.0, 0.1, 1.0)), (0.4, 0.4, 0.4))
