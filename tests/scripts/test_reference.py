import numpy as np
import pytest
import yaml

from matvir.errors import InputError
from matvir.settings.build import resolve
from matvir.storage.images import MaterialImage, read_specimen, write_image


def test_a_reference_without_a_voxel_size_takes_that_of_the_image(script):
    common = script("reference").common_voxel_size
    assert common("a.tif", None, (0.4, 0.4, 0.4)) == (0.4, 0.4, 0.4)
    assert common("a.tif", (0.4, 0.4, 0.4), (0.4, 0.4, 0.4)) == (0.4, 0.4, 0.4)
    assert common("a.tif", (0.4, 0.4, 0.4), None) is None


def test_another_voxel_size_is_refused(script):
    with pytest.raises(InputError, match=r"a.tif: expected the voxel size of the image, .* got"):
        script("reference").common_voxel_size("a.tif", (2.0, 2.0, 2.0), (0.4,) * 3)


def test_the_reference_of_a_stack_is_a_volume(script, tmp_path, root, rng):
    settings = resolve(yaml.safe_load((root / "config/default.yaml").read_text()))
    material = settings["material_defaults"] | {"stack": True}
    stack = MaterialImage(voxels=np.eye(6, dtype=np.uint8)[None], phases=("a", "b"), stack=True)
    write_image(tmp_path / "labels.h5", stack)
    np.save(tmp_path / "volume.npy", rng.integers(0, 2, (5, 6, 7), dtype=np.uint8))
    paths = tmp_path / "labels.h5", tmp_path / "reference.h5"
    script("reference").main(str(tmp_path / "volume.npy"), *paths, material)
    assert read_specimen(paths[1]).volume.voxels.shape == (5, 6, 7)


def test_a_flat_reference_is_refused(script, tmp_path, request):
    settings = yaml.safe_load((request.config.rootpath / "config/default.yaml").read_text())
    flat = np.kron(np.eye(4, dtype=np.uint8), np.ones((4, 4), np.uint8))
    write_image(tmp_path / "labels.h5", MaterialImage(voxels=flat, phases=("a", "b")))
    np.save(tmp_path / "flat.npy", flat)
    with pytest.raises(InputError, match=r"flat.npy: expected a label volume with 3 axes"):
        script("reference").main(
            str(tmp_path / "flat.npy"),
            tmp_path / "labels.h5",
            tmp_path / "reference.h5",
            resolve(settings)["material_defaults"],
        )
