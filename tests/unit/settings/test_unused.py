from dataclasses import replace

import pytest
import yaml

from matvir.errors import ConfigError
from matvir.settings.records import Config, from_dict, resolve
from matvir.settings.unused import faults, require_unused


@pytest.fixture
def models(root):
    values = yaml.safe_load((root / "config/default.yaml").read_text())
    return from_dict(Config, resolve(values)).models


@pytest.mark.parametrize("name", ["gaussian-field", "gan-64", "vae-gan-64"])
def test_models_that_are_shipped_leave_them_alone(models, name):
    assert faults(models[name]) == []
    assert require_unused(models[name]) is None


def test_every_setting_is_named_with_what_it_has_to_be(models):
    fast = models["slicegan-fast"].training
    wrong = replace(models["gaussian-field"], training=replace(fast, match_fractions=True))
    with pytest.raises(ConfigError) as raised:
        require_unused(wrong)
    found = str(raised.value).split("; ")
    assert found[0] == "training.latent_size: expected 1 for 'kind: gaussian-field', got 10"
    assert [one.split(":")[0] for one in found[1:]] == [
        "training.match_fractions",
        "training.precision",
        "training.selection",
    ]
