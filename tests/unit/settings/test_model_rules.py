import re
from dataclasses import replace

import pytest
import yaml

from matvir.errors import ConfigError
from matvir.families import FAMILIES, load
from matvir.settings.build import from_dict, resolve
from matvir.settings.model_rules import of_diffusion, of_gaussian_field, of_images, require_sound
from matvir.settings.models import DensityControlConfig, ModelConfig
from matvir.settings.records import Config


@pytest.fixture
def models(root):
    values = resolve(yaml.safe_load((root / "config/default.yaml").read_text()))["models"]
    models = {name: from_dict(ModelConfig, model) for name, model in values.items()}
    return {n: model for n, model in models.items() if FAMILIES[model.kind].makes == "images"}


def test_presets_are_sound(models):
    assert len(models) >= 9
    for model in models.values():
        assert load(FAMILIES[model.kind].rules)(model) == []


@pytest.mark.parametrize(
    ("name", "network", "objective", "message"),
    [
        (
            "gan-64",
            {"image_size": 66},
            {},
            r"multiple of 4, as 'network.channels' .*64 and 68",
        ),
        (
            "gan-64",
            {"image_size": 72},
            {},
            r"multiple of 16, as 'network.discriminator.channels' halve the image 4 times, got 72; "
            "the nearest are 64 and 80",
        ),
        ("vae-128", {"image_size": 24}, {}, r"multiple of 32, .* got 24; the nearest are 32"),
        (
            "vae-64",
            {"latent_length": 4096},
            {},
            r"latent_length: expected fewer numbers than the 64 x 64 pixels of an image, got 4096",
        ),
        (
            "gan-64",
            {},
            {"batch": 1},
            r"batch normalisation .* at least 2, got 1; raise it",
        ),
        (
            "gan-64",
            {"normalisation": "instance", "channels": (8,) * 7},
            {},
            r"instance normalisation needs .* 1 x 1; take fewer 'network.channels' than 7",
        ),
        (
            "statistics-vae-64",
            {},
            {"crossfade": (0.6, 0.6)},
            r"crossfade: expected a share .* and a later one, got \[0.6, 0.6\]",
        ),
        ("vae-64", {}, {"kl_ramp": (0.5, 0.2)}, r"kl_ramp: .* a later one, got \[0.5, 0.2\]"),
        ("vae-gan-64", {"discriminator": None}, {}, r"discriminator: .*'vae-gan' needs one"),
        (
            "vae-gan-64",
            {},
            {"feature_layer": 9},
            r"discriminator's 4 convolutions, got 9",
        ),
    ],
)
def test_what_cannot_be_is_named(models, name, network, objective, message):
    model = models[name]
    training = replace(model.training, objective=replace(model.training.objective, **objective))
    wrong = replace(model, network=replace(model.network, **network), training=training)
    with pytest.raises(ConfigError, match=message):
        require_sound(wrong)


def test_instance_normalisation_allows_batches_of_one(models):
    model = models["gan-64"]
    objective = replace(model.training.objective, batch=1)
    network = replace(model.network, normalisation="instance")
    training = replace(model.training, objective=objective)
    assert of_images(replace(model, network=network, training=training)) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"latent_size": 4}, r"training.latent_size: expected 1 for 'kind: gan2d', got 4"),
        ({"match_fractions": True}, r"match_fractions: expected false for .*, got True"),
        ({"warm_start": "a.pt"}, r"warm_start: expected null for 'kind: gan2d', got 'a.pt'"),
    ],
)
def test_settings_of_volumes_are_refused_for_images(models, change, message):
    model = models["gan-64"]
    with pytest.raises(ConfigError, match=message):
        require_sound(replace(model, training=replace(model.training, **change)))


@pytest.fixture
def presets(root):
    values = yaml.safe_load((root / "config/default.yaml").read_text())
    return from_dict(Config, resolve(values)).models


@pytest.mark.parametrize("name", ["gaussian-field", "gan-64", "vae-gan-64"])
def test_models_that_are_shipped_leave_them_alone(presets, name):
    assert of_gaussian_field(presets[name]) == []
    assert require_sound(presets[name]) is None


def test_every_setting_is_named_with_what_it_has_to_be(presets):
    fast = presets["slicegan-fast"].training
    wrong = replace(presets["gaussian-field"], training=replace(fast, match_fractions=True))
    with pytest.raises(ConfigError) as raised:
        require_sound(wrong)
    found = str(raised.value).split("; ")
    assert found[0] == "training.latent_size: expected 1 for 'kind: gaussian-field', got 10"
    assert [one.split(":")[0] for one in found[1:]] == [
        "training.match_fractions",
        "training.precision",
        "training.selection",
    ]


@pytest.mark.parametrize(
    ("network", "training", "message"),
    [
        ({"channels": (32, 60)}, {}, r"multiples of 8, .* got \[60\]"),
        ({"image_size": 60}, {}, r"image_size: .* multiple of 16, .* 2 lattices, got 60"),
        ({}, {"latent_size": 4}, "training.latent_size: expected 1 for 'kind: diffusion2d', got 4"),
        (
            {},
            {"density_control": DensityControlConfig(weight=1.0, volume_fractions=None, range=0.1)},
            "makes any fractions without being trained",
        ),
    ],
)
def test_what_a_diffusion_model_cannot_be_is_named(models, network, training, message):
    model = models["diffusion-64"]
    changed = replace(
        model,
        network=replace(model.network, **network),
        training=replace(model.training, **training),
    )
    (fault,) = of_diffusion(changed)
    assert re.search(message, fault)
