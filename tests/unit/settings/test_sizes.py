from dataclasses import replace

import pytest
import yaml

from matvir.errors import ConfigError
from matvir.settings.build import from_dict, resolve
from matvir.settings.records import Config, GenerationConfig, PlaneConfig
from matvir.settings.sizes import edge_of_images, require_sizes, size_in_voxels


def generation(voxels=None, um=None, periodic=()):
    return {
        "n_volumes": 1,
        "size_voxels": voxels,
        "formats": [],
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


@pytest.fixture
def settings(root):
    """Return a function that makes a configuration of a size, a material and models."""
    default = from_dict(Config, resolve(yaml.safe_load((root / "config/default.yaml").read_text())))

    def of(size, models=COARSE_AND_FINE, **material):
        return replace(
            default,
            generation=from_dict(GenerationConfig, generation(**size)),
            run=replace(default.run, materials=("mine",), models=models),
            materials={"mine": replace(default.material_defaults, **material)},
        )

    return of


def unknown(material):
    return None


def known(*edges):
    return lambda material: edges


# One makes 32 voxels of a latent, the other 16.
COARSE_AND_FINE = ("slicegan-swd", "slicegan-fast")


def test_a_material_without_a_voxel_size_is_refused_before_training(settings):
    micrometre = {"um": [1.0, 1.0, 1.0]}
    with pytest.raises(ConfigError, match=r"size_um: .* set materials.mine.voxel_size_um"):
        require_sizes(settings(micrometre), unknown)
    assert require_sizes(settings(micrometre), known(0.1, 0.1)) is None
    assert require_sizes(settings({"voxels": [8, 8, 8]}), unknown) is None


def test_the_voxel_size_is_asked_for_only_where_it_is_needed(settings):
    def opened(material):
        raise AssertionError

    assert require_sizes(settings({"voxels": [8, 8, 8]}), opened) is None


def test_a_period_is_a_whole_number_of_latents_of_every_model(settings):
    def check(voxels, periodic):
        return require_sizes(settings({"voxels": voxels, "periodic": periodic}), unknown)

    assert check([64, 96, 9], [0, 1]) is None
    expected = r"along axis 1 expected a multiple of the 32 voxels that slicegan-swd .* got 48"
    with pytest.raises(ConfigError, match=expected + ".* 32 and 64"):
        check([64, 48, 9], [0, 1])
    with pytest.raises(ConfigError, match=r"along axis 2 .* got 6; the nearest are 32\."):
        check([64, 48, 6], [2])


def test_a_period_in_micrometres_is_checked_in_voxels(settings):
    asked = settings({"um": [32.0, 4.0, 4.0], "periodic": [0]})
    assert require_sizes(asked, known(0.5, 0.5)) is None
    with pytest.raises(ConfigError, match=r"along axis 0 .* got 80; the nearest are 64 and 96"):
        require_sizes(asked, known(0.4, 0.4))


@pytest.mark.parametrize(
    ("size", "accepted"),
    [
        ({"voxels": [64, 32, 64]}, True),
        ({"voxels": [64, 80, 64]}, False),
        ({"voxels": [64, 64, 64], "periodic": [1]}, False),
    ],
)
def test_a_gan3d_makes_what_it_was_trained_for(settings, size, accepted):
    asked = settings(size, ("gan3d",))
    if accepted:
        assert require_sizes(asked, unknown) is None
        return
    with pytest.raises(ConfigError, match=r"gan3d makes volumes of at most 64 voxels along each"):
        require_sizes(asked, unknown)


def test_a_gaussian_field_has_any_size_and_any_period(settings):
    asked = settings({"voxels": [17, 30, 41], "periodic": [0, 2]}, ("gaussian-field",))
    assert require_sizes(asked, unknown) is None


PLANES = (None, PlaneConfig(image="b", quarter_turns=0), PlaneConfig(image="c", quarter_turns=0))
FILM = {"isotropic": False, "planes": PLANES}


@pytest.mark.parametrize(
    ("size", "material", "accepted"),
    [
        ([64, 64, 64], {}, True),
        ([48, 64, 128], {}, True),  # slices are cut to 48 x 48
        ([65, 65, 65], {}, False),
        ([64, 200, 64], FILM, True),  # perpendicular to axis 1
        ([64, 64, 32], FILM, False),  # not square
    ],
)
def test_images_have_to_stand_beside_slices(settings, size, material, accepted):
    asked = settings({"voxels": size}, ("gan-64",), **material)
    if accepted:
        assert require_sizes(asked, unknown) is None
        return
    with pytest.raises(ConfigError, match=r"gan-64 makes square images of at most 64 pixels"):
        require_sizes(asked, unknown)


def test_images_are_not_periodic():
    assert edge_of_images([32, 40, 48], None, 64) == 32
    assert edge_of_images([32, 40, 40], 0, 64) == 40
    with pytest.raises(ConfigError, match=r"none of them periodic; .* periodic \[1\]"):
        edge_of_images([32, 32, 32], None, 64, [1])
