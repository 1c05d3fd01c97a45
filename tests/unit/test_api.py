import doctest

import numpy as np
import pytest

import matvir
from matvir import api
from matvir.errors import ConfigError, InputError
from matvir.storage.images import MaterialImage

SHORT = {"network": {"radius": 6}, "training": {"steps": 10}}


@pytest.fixture(scope="module")
def labels():
    return (np.random.default_rng(0).random((96, 80)) < 0.4).astype(np.uint8)


@pytest.fixture(scope="module")
def generator(labels):
    return matvir.train(
        labels,
        phases=["solid", "pore"],
        voxel_size_um=0.25,
        model="gaussian-field",
        seed=3,
        settings=SHORT,
    )


def test_examples_of_the_docstrings_run():
    found = doctest.testmod(api, extraglobs={"np": np, "matvir": matvir})
    assert found.attempted > 8
    assert found.failed == 0


def test_a_generator_that_was_trained_here_is_saved_and_read(generator, tmp_path):
    made = generator.sample((24, 20, 28), seed=5)
    assert made.voxels.shape == (24, 20, 28)
    assert made.phases == ("solid", "pore")
    assert made.voxel_size_um == (0.25, 0.25, 0.25)
    assert abs((made.voxels == 1).mean() - 0.4) < 0.05
    generator.save(tmp_path / "generator.pt")
    read = matvir.load_generator(tmp_path / "generator.pt")
    assert np.array_equal(read.sample((24, 20, 28), seed=5).voxels, made.voxels)
    assert not np.array_equal(read.sample((24, 20, 28), seed=6).voxels, made.voxels)
    assert repr(read) == "<gaussian-field of material: solid, pore>"


def test_a_model_of_images_makes_images(labels):
    small = {
        "network": {"latent_length": 4, "channels": [4, 4, 4, 4]},
        "training": {"steps": 1, "objective": {"batch": 2}},
    }
    generator = matvir.train(labels, model="vae-64", settings=small)
    assert generator.sample(seed=1).voxels.shape == (64, 64)
    assert generator.sample((32, 32)).voxels.shape == (32, 32)
    with pytest.raises(ConfigError, match=r"two equal edges of an image, got \(32, 16\)"):
        generator.sample((32, 16))


def test_sizes_that_are_none_are_refused(generator):
    with pytest.raises(ConfigError, match=r"three edges of a volume in voxels, got \(8, 8\)"):
        generator.sample((8, 8))


def test_measures_have_the_units_of_the_voxels():
    layers = np.zeros((20, 24, 32), dtype=np.uint8)
    layers[:, ::2] = 1
    table = matvir.measure(layers, phases=["a", "b"], voxel_size_um=(2, 0.5, 1))
    value = table.set_index(["metric", "phase", "axis"])["value"]
    assert value["volume_fraction", "b", "all"] == 0.5
    assert value["relative_diffusivity", "b", "0"] == pytest.approx(0.5)
    assert value["relative_diffusivity", "b", "1"] == 0
    areas = matvir.measure(layers, voxel_size_um=0.5, metrics=["interfacial-area"])
    # 23 planes of contact between 24 layers; two thirds, as faces of voxels count for areas that
    # lie in all directions.
    expected = 2 / 3 * 23 * 20 * 32 * 0.5**2 / (layers.size * 0.5**3)
    assert areas["value"].iloc[0] == pytest.approx(expected)


def test_the_same_material_is_within_its_floor(generator):
    def volumes(first, size):
        return [generator.sample(size, seed=first + number) for number in range(8)]

    real = generator.sample((64, 64, 48), seed=99)
    table = matvir.compare(real, volumes(0, (24, 20, 24)), metrics=["volume-fraction"])
    fractions = table[(table["metric"] == "volume_fraction") & (table["dimension"] == "3d")]
    assert (fractions["w1_over_sd"] < 2 * fractions["w1_floor_high"]).all()
    assert set(fractions["n_generated"]) == {8}


def test_the_two_sides_of_a_comparison_belong_together(generator):
    real = generator.sample((32, 32, 32))
    with pytest.raises(InputError, match=r"volumes of one shape \(D, H, W\), got \[\(8, 8\)\]"):
        matvir.compare(real, [np.zeros((8, 8), dtype=np.uint8)])
    other = MaterialImage(voxels=real.voxels, phases=real.phases, voxel_size_um=(1.0, 1.0, 1.0))
    with pytest.raises(InputError, match=r"voxel size \(0.25, 0.25, 0.25\)"):
        matvir.compare(real, [other])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((4, 4)), "whole numbers of shape .* got shape .* of float64"),
        (np.full((4, 4), -1), r"values in 0 \.\. 254, one for each phase, got -1 \.\. -1"),
        (np.zeros(4, dtype=int), r"got shape \(4,\)"),
    ],
)
def test_arrays_that_are_no_labels_are_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        matvir.measure(wrong)


def test_names_and_sizes_fit_the_labels(labels):
    with pytest.raises(InputError, match=r"values in 0 \.\. 0, one for each phase, got 0 \.\. 1"):
        matvir.measure(labels, phases=["one"])
    with pytest.raises(InputError, match="one number or 2, one for each axis"):
        matvir.measure(labels, voxel_size_um=(1, 1, 1))
    with pytest.raises(ConfigError, match="got 'difusion'; did you mean 'diffusion'"):
        matvir.train(labels, model="difusion")


def test_there_is_nothing_else():
    with pytest.raises(AttributeError, match="has no attribute 'tain'"):
        _ = matvir.tain
