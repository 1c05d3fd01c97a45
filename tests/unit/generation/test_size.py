import numpy as np
import pytest
import tifffile
import yaml

from matvir.errors import ConfigError
from matvir.generation.size import edge_of_images, require_sizes, size_in_voxels
from matvir.settings.records import GenerationConfig, from_dict


def generation(voxels=None, um=None, periodic=()):
    return {
        "n_volumes": 1,
        "size_voxels": voxels,
        "size_um": um,
        "periodic": periodic,
        "precision": "float32",
    }


def config(voxels=None, um=None):
    return from_dict(GenerationConfig, generation(voxels, um))


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


def settings(size, **material):
    defaults = {"image": None, "stack": False, "planes": None, "type": "grey"}
    material = defaults | {"voxel_size_um": None} | material
    networks = {"coarse": [2, 2, 2], "fine": [1, 2, 1, 2]}
    return {
        "generation": generation(**size),
        "run": {"materials": ["mine"], "models": list(networks)},
        "materials": {"mine": material},
        "models": {
            name: {"kind": "slicegan", "network": {"generator": {"strides": strides}}}
            for name, strides in networks.items()
        },
    }


MICROMETRE = {"um": [1.0, 1.0, 1.0]}


def test_an_image_without_a_voxel_size_is_refused_before_training(tmp_path, rng):
    path = tmp_path / "a.npy"
    np.save(path, rng.random((8, 9)))
    with pytest.raises(ConfigError, match=r"size_um: .* set materials.mine.voxel_size_um"):
        require_sizes(settings(MICROMETRE, image=str(path)))
    stated = settings(MICROMETRE, image=str(path), voxel_size_um=0.1)
    assert require_sizes(stated) is None
    assert require_sizes(settings({"voxels": [8, 8, 8]}, image=str(path))) is None


def test_the_voxel_size_of_the_file_is_enough(tmp_path, rng):
    path = tmp_path / "a.tif"
    image = rng.integers(0, 255, (8, 9), dtype=np.uint8)
    tifffile.imwrite(path, image, imagej=True, resolution=(2.0, 2.0), metadata={"unit": "um"})
    assert require_sizes(settings(MICROMETRE, image=str(path))) is None


def test_a_period_is_a_whole_number_of_latents_of_every_model():
    """One of the models makes 8 voxels of a latent, the other 4."""
    assert require_sizes(settings({"voxels": [16, 24, 9], "periodic": [0, 1]})) is None
    expected = r"along axis 1 expected a multiple of the 8 voxels that coarse .* got 12.* 8 and 16"
    with pytest.raises(ConfigError, match=expected):
        require_sizes(settings({"voxels": [16, 12, 9], "periodic": [0, 1]}))
    with pytest.raises(ConfigError, match=r"along axis 2 .* got 6; the nearest are 8\."):
        require_sizes(settings({"voxels": [16, 12, 6], "periodic": [2]}))


def test_a_period_in_micrometres_is_checked_in_voxels():
    asked = {"um": [8.0, 4.0, 4.0], "periodic": [0]}
    assert require_sizes(settings(asked, voxel_size_um=0.5)) is None
    with pytest.raises(ConfigError, match=r"along axis 0 .* got 20; the nearest are 16 and 24"):
        require_sizes(settings(asked, voxel_size_um=[0.4, 0.4]))


def test_the_voxel_size_of_planes_is_that_of_their_files(tmp_path, rng, root):
    """1 um are 2 voxels along axis 0 and 4 along the others, as the files of two planes say."""
    plane = {"quarter_turns": 0}
    for name, (height, width) in {"top": (0.25, 0.25), "side": (0.5, 0.25)}.items():
        image = rng.integers(0, 255, (8, 9), dtype=np.uint8)
        tifffile.imwrite(
            tmp_path / f"{name}.tif",
            image,
            imagej=True,
            resolution=(1 / width, 1 / height),
            metadata={"unit": "um"},
        )
    defaults = yaml.safe_load((root / "config/default.yaml").read_text())["material_defaults"]
    top, side = ({"image": str(tmp_path / f"{name}.tif"), **plane} for name in ("top", "side"))
    material = defaults | {"planes": [top, side, None]}
    asked = {"um": [8.0, 4.0, 4.0], "periodic": [0]}
    assert require_sizes(settings(asked, **material)) is None
    with pytest.raises(ConfigError, match=r"along axis 0 expected a multiple .* got 18"):
        require_sizes(settings(asked | {"um": [9.0, 4.0, 4.0]}, **material))


GAN3D = {
    "kind": "gan3d",
    "network": {
        "generator": {
            "kernel_sizes": [4, 4, 4, 4, 4],
            "strides": [1, 2, 2, 2, 2],
            "paddings": [0, 1, 1, 1, 1],
        }
    },
    "training": {"latent_size": 1},
}


@pytest.mark.parametrize(
    ("size", "accepted"),
    [
        ({"voxels": [64, 32, 64]}, True),
        ({"voxels": [64, 80, 64]}, False),
        ({"voxels": [64, 64, 64], "periodic": [1]}, False),
    ],
)
def test_a_gan3d_makes_what_it_was_trained_for(size, accepted):
    asked = settings(size)
    asked["models"] = {"gan3d": GAN3D}
    asked["run"]["models"] = ["gan3d"]
    if accepted:
        assert require_sizes(asked) is None
        return
    with pytest.raises(ConfigError, match=r"gan3d makes volumes of at most 64 voxels along each"):
        require_sizes(asked)


def test_a_gaussian_field_has_any_size_and_any_period():
    asked = settings({"voxels": [17, 30, 41], "periodic": [0, 2]})
    asked["models"] = {"field": {"kind": "gaussian-field", "network": {"radius": 8}}}
    asked["run"]["models"] = ["field"]
    assert require_sizes(asked) is None


FLAT = {"kind": "gan2d", "network": {"image_size": 64}}
FILM = {"isotropic": False, "planes": [None, {"image": "b.tif"}, {"image": "c.tif"}]}


@pytest.mark.parametrize(
    ("size", "material", "accepted"),
    [
        ([64, 64, 64], {}, True),
        ([48, 64, 128], {}, True),  # slices are cut to 48 x 48
        ([65, 65, 65], {}, False),
        ([64, 200, 64], FILM, True),  # across axis 1
        ([64, 64, 32], FILM, False),  # not square
    ],
)
def test_images_have_to_stand_beside_slices(size, material, accepted):
    asked = settings({"voxels": size}, **{"isotropic": True, "planes": None} | material)
    asked["models"] = {"flat": FLAT}
    asked["run"]["models"] = ["flat"]
    if accepted:
        assert require_sizes(asked) is None
        return
    with pytest.raises(ConfigError, match=r"flat makes square images of at most 64 pixels"):
        require_sizes(asked)


def test_images_are_not_periodic():
    assert edge_of_images([32, 40, 48], None, 64) == 32
    assert edge_of_images([32, 40, 40], 0, 64) == 40
    with pytest.raises(ConfigError, match=r"none of them periodic; .* periodic \[1\]"):
        edge_of_images([32, 32, 32], None, 64, [1])
