import numpy as np
import pytest
import tifffile

from matvir.config import GenerationConfig
from matvir.errors import ConfigError
from matvir.generation.size import require_voxel_sizes, size_in_voxels


def config(voxels=None, um=None):
    return GenerationConfig(n_volumes=1, size_voxels=voxels, size_um=um, precision="float32")


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


def settings(size_um, **material):
    material = {"image": None, "type": "grey", "voxel_size_um": None} | material
    return {
        "generation": {"size_um": size_um},
        "run": {"materials": ["mine"]},
        "materials": {"mine": material},
    }


def test_an_image_without_a_voxel_size_is_refused_before_training(tmp_path, rng):
    path = tmp_path / "a.npy"
    np.save(path, rng.random((8, 9)))
    with pytest.raises(ConfigError, match=r"size_um: .* set materials.mine.voxel_size_um"):
        require_voxel_sizes(settings([1.0, 1.0, 1.0], image=str(path)))
    stated = settings([1.0, 1.0, 1.0], image=str(path), voxel_size_um=0.1)
    assert require_voxel_sizes(stated) is None
    assert require_voxel_sizes(settings(None, image=str(path))) is None


def test_the_voxel_size_of_the_file_is_enough(tmp_path, rng):
    path = tmp_path / "a.tif"
    image = rng.integers(0, 255, (8, 9), dtype=np.uint8)
    tifffile.imwrite(path, image, imagej=True, resolution=(2.0, 2.0), metadata={"unit": "um"})
    assert require_voxel_sizes(settings([1.0, 1.0, 1.0], image=str(path))) is None
