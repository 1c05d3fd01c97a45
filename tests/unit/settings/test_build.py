import pytest
import yaml

from matvir.errors import ConfigError
from matvir.settings.build import from_dict, merge, resolve
from matvir.settings.models import ModelConfig
from matvir.settings.records import Config


@pytest.fixture
def default(root):
    return yaml.safe_load((root / "config/default.yaml").read_text())


def test_paper_preset_is_table_1_and_algorithm_1(default):
    paper = from_dict(Config, resolve(default)).models["slicegan-paper"]
    assert paper.network.latent_channels == 64
    assert paper.network.generator.channels == (512, 256, 128, 64)
    assert paper.network.critic.channels == (64, 128, 256, 512)
    objective = paper.training.objective
    assert (objective.critic_iterations, objective.gradient_penalty) == (5, 10.0)
    assert objective.generator_volumes == 2 * objective.critic_volumes
    assert (objective.learning_rate, objective.betas) == (1e-4, (0.0, 0.9))


def test_based_on_takes_what_is_not_stated(default):
    models = from_dict(Config, resolve(default)).models
    assert models["slicegan-small"].network.generator.channels == (128, 64, 32, 16)
    assert models["slicegan-small"].network.generator.strides == (2, 2, 2, 2, 2)


def test_based_on_itself_is_refused(default):
    default["models"] = {"a": {"based_on": "b"}, "b": {"based_on": "a"}}
    with pytest.raises(ConfigError, match="is based on itself"):
        resolve(default)


def test_based_on_nothing_is_refused(default):
    with pytest.raises(ConfigError, match=r"based_on: 'slicegan-papr' .* did you mean"):
        resolve(merge(default, {"models": {"a": {"based_on": "slicegan-papr"}}}))


def test_a_kind_that_does_not_exist_is_refused(default):
    model = resolve(default)["models"]["vae-64"]
    with pytest.raises(ConfigError, match=r"kind: 'vea' is none of .*; did you mean 'vae'\?"):
        from_dict(ModelConfig, model | {"kind": "vea"})
    training = model["training"] | {"objective": {"kind": "vae-gann"}}
    with pytest.raises(ConfigError, match=r"kind: 'vae-gann' .* did you mean 'vae-gan'\?"):
        from_dict(ModelConfig, model | {"training": training})
