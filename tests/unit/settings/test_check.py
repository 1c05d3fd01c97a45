"""Faults of configurations are named."""

from dataclasses import dataclass, replace

import pytest
import yaml

from matvir.errors import ConfigError
from matvir.families import FAMILIES
from matvir.models.gaussian_field import MOST_RADIUS
from matvir.settings import check as check_module
from matvir.settings import models
from matvir.settings.build import from_dict, merge, resolve, to_dict
from matvir.settings.check import check, missing_files
from matvir.settings.fields import setting
from matvir.settings.records import Config, PlaneConfig
from matvir.settings.schema import schema


@pytest.fixture
def default(root):
    return yaml.safe_load((root / "config/default.yaml").read_text())


@pytest.mark.parametrize("overlay", [None, "demo", "paper", "seven"])
def test_shipped_configurations_are_valid_and_survive_the_round_trip(root, default, overlay):
    if overlay:
        default = merge(default, yaml.safe_load((root / f"config/{overlay}.yaml").read_text()))
    resolved = resolve(default)
    config = check(resolved)
    assert to_dict(config) == resolved


def test_a_material_needs_three_lines(default):
    mine = {"materials": {"mine": {"image": "a.tif", "phases": ["pore", "solid"]}}}
    config = check(resolve(merge(default, mine)))
    assert config.materials["mine"].image == "a.tif"
    assert config.materials["mine"].segmentation.method == "otsu"


CONTROLLED = {
    "training": {
        "density_control": {"weight": 1.0, "volume_fractions": {"por": 0.4}, "range": None}
    }
}
KEPT = {"segmentation": {"method": "none"}}
ANISOTROPIC = {"isotropic": False, "symmetry": {"quarter_turns": False}}


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        (
            {"measure": {"connected_to": {"por": "first"}}},
            r"no material of the run has a phase 'por', there are .* did you mean 'pore'\?",
        ),
        (
            {"measure": {"connected_to": {"pore": "left"}}},
            "measure.connected_to.pore: 'left' is not one of",
        ),
        ({"measure": {"conductivities": {"binder": -1.0}}}, "-1.0 is less than the minimum of 0"),
        (
            {"measure": {"metrics": ["relative-conductivity"]}},
            "measure.conductivities: give that of a phase at least",
        ),
        (
            {"measure": {"metrics": ["relative-stiffness"]}},
            "measure.youngs_moduli: give that of a phase at least",
        ),
        (
            {"measure": {"youngs_moduli": {"por": 1.0}}},
            r"measure.youngs_moduli: no material of the run has a phase 'por'",
        ),
        (
            {"measure": {"poissons_ratios": {"pore": 0.5}}},
            "0.5 is greater than the maximum of 0.49",
        ),
        ({"mesure": {}}, r"mesure: there is no such key; did you mean 'measure'\?"),
        ({"materials": {"a": {"imgae": "x.tif"}}}, r"materials.a.imgae: .* did you mean 'image'"),
        (
            {"models": {"slicegan-swd": {"training": {"objective": {"learning_rate": "1e-4"}}}}},
            r"learning_rate: expected number, got '1e-4' \(YAML reads this as text",
        ),
        ({"models": {"slicegan-swd": {"training": {"objective": {"patchs": 1}}}}}, "'patches'"),
        ({"generation": {"n_volumes": 0}}, "generation.n_volumes: 0 is less than the minimum of 1"),
        ({"generation": {"size_um": [1.0, 1.0, 1.0]}}, "exactly one of size_voxels and size_um"),
        ({"run": {"models": ["slicegan-pape"]}}, "run.models: 'slicegan-pape' is not defined"),
        ({"run": {"materials": ["nmc"]}}, "run.materials: 'nmc' is not defined under materials"),
        ({"models": {"real": {"based_on": "slicegan-swd"}}}, "models.real: the name is reserved"),
        ({"models": {"My_Model": {"based_on": "slicegan-swd"}}}, "'My_Model' does not match"),
        (
            {"models": {"slicegan-swd": {"training": {"steps": 5, "budget": "1h"}}}},
            "models.slicegan-swd.training: give exactly one of steps and budget",
        ),
        (
            {"models": {"slicegan-swd": {"training": {"steps": None, "budget": "1 hour"}}}},
            r"slicegan-swd.training.budget: got '1 hour', expected: Time for the training, such as",
        ),
        (
            {"models": {"slicegan-small": {"network": {"generator": {"paddings": [2] * 4 + [1]}}}}},
            r"models.slicegan-small.network.generator: layer 5 has kernel size 4, stride 2 and "
            r"padding 1, expected that the padding is .* nearest set is .* padding 2",
        ),
        (
            {
                "run": {"models": ["gan3d"]},
                "models": {"gan3d": {"network": {"critic": {"paddings": [1, 1, 1, 0]}}}},
            },
            r"models.gan3d.network.critic.paddings: expected 5 numbers, .* got \[1, 1, 1, 0\]",
        ),
        (
            {"models": {"slicegan-swd": {"network": {"conditional": True}}}},
            r"slicegan-swd.network.conditional: a conditional generator needs a .*range'.*\n"
            r".*slicegan-swd.network.conditional: expected the objective 'relativistic', got 'sli",
        ),
        (
            {"models": {"slicegan-fast": CONTROLLED | {"network": {"conditional": True}}}},
            "slicegan-fast.network.conditional: a conditional generator needs",
        ),
        (
            {
                "models": {
                    "slicegan-conditional": {
                        "training": {"density_control": {"volume_fractions": {"pore": 0.4}}}
                    }
                }
            },
            "density_control: give exactly one of volume_fractions and range",
        ),
        (
            {"run": {"models": ["slicegan-fast"]}, "models": {"slicegan-fast": CONTROLLED}},
            r"slicegan-fast.training.density_control.volume_fractions: the material "
            r"'nmc-synthetic' has no phase 'por', .* did you mean 'pore'\?",
        ),
        (
            {
                "models": {
                    "slicegan-fast": {
                        "training": {
                            "density_control": {
                                "weight": 1,
                                "range": None,
                                "volume_fractions": {"pore": 1.5},
                            }
                        }
                    }
                }
            },
            "volume_fractions.pore: 1.5 is greater than the maximum of 1",
        ),
        (
            {"models": {"slicegan-swd": {"kind": "gan3d"}}},
            "slicegan-swd.training.objective.kind: expected gan-3d for 'kind: gan3d', got 'sliced",
        ),
        (
            {"run": {"models": ["gan3d"]}},
            "run.models: 'gan3d' learns from volumes, and the material 'nmc-synthetic' gives 2D",
        ),
        (
            {
                "models": {"slicegan-fast": {"training": {"objective": None}}}
                | {"x": {"based_on": "vae-64", "kind": "slicegan"}}
            },
            "models.slicegan-fast.training.objective",
        ),
        (
            {
                "run": {"models": ["statistics-vae-64"], "materials": ["grey"]},
                "materials": {"grey": {"image": "a.tif", "segmentation": {"method": "none"}}},
            },
            "run.models: 'statistics-vae-64' learns correlations of phases, and .* 'grey' keeps",
        ),
        (
            {
                "run": {"models": ["gaussian-field"], "materials": ["grey"]},
                "materials": {"grey": {"image": "a.tif", "segmentation": {"method": "none"}}},
            },
            "run.models: 'gaussian-field' learns correlations of phases, and .* 'grey' keeps",
        ),
        (
            {"models": {"gaussian-field": {"training": {"precision": "auto"}}}},
            "gaussian-field.training.precision: expected float32 for 'kind: gaussian-field', got",
        ),
        (
            {"models": {"gaussian-field": {"network": {"radius": MOST_RADIUS + 1}}}},
            "gaussian-field.network.radius: 65 is greater than the maximum of 64",
        ),
        (
            {"models": {"vae-64": {"network": {"image_size": 72}}}},
            "models.vae-64.network.image_size: expected a multiple of 16, .* 64 and 80",
        ),
        (
            {"models": {"vae-64": {"kind": "gan2d"}}},
            "models.vae-64.network: a gan2d has the keys .*'normalisation'.* base the model on one",
        ),
        (
            {"models": {"gan-64": {"network": {"latent_lenght": 3}}}},
            "gan-64.network.latent_lenght: there is no such key; did you mean 'latent_length'",
        ),
        (
            {"models": {"gan-64": {"training": {"latent_size": 4}}}},
            "models.gan-64.training.latent_size: expected 1 for 'kind: gan2d', got 4",
        ),
        (
            {"models": {"vae-64": {"training": {"objective": {"kind": "vae-gan"}}}}},
            "vae-64.training.objective: 'feature_layer' is a required property",
        ),
        (
            {"models": {"gan3d": {"network": {"critic": None}}}},
            "models.gan3d.network.critic: 'gan-3d' needs a discriminator",
        ),
        (
            {
                "models": {
                    "slicegan-conditional": {
                        "training": {"objective": {"volumes": 1, "fluctuations": {"weight": 0}}}
                    }
                }
            },
            "slicegan-conditional.training.objective.volumes: .* at least 2, got 1",
        ),
        (
            {
                "models": {"slicegan-fast": CONTROLLED | {"network": {}}},
                "run": {"models": ["slicegan-fast"], "materials": ["grey"]},
                "materials": {"grey": {"image": "a.tif", "segmentation": {"method": "none"}}},
            },
            "slicegan-fast.training.density_control: the material 'grey' keeps its values",
        ),
        (
            {
                "run": {"models": ["slicegan-fast"]},
                "models": {
                    "slicegan-fast": {
                        "training": {
                            "warm_start": "results/a/slicegan-swd/seed-0/train/generator.pt"
                        }
                    }
                },
            },
            "slicegan-fast.training.warm_start: .* of the model 'slicegan-swd', which has another",
        ),
        ({"materials": {"a": None}}, "materials.a: expected a mapping"),
        ({"materials": ["a"]}, r"materials: expected a mapping of names or keys, got \['a'\]"),
        ({"models": None}, "models: expected a mapping of names or keys, got None"),
        ({"models": {"a": 5}}, "models.a: expected a mapping of settings, got 5"),
        ({"models": {"a": {"based_on": ["b"]}}}, "models.a.based_on: expected the name of a mod"),
    ],
)
def test_faults_are_named(default, overlay, message):
    with pytest.raises(ConfigError, match=message):
        check(resolve(merge(default, overlay)))


@pytest.mark.parametrize(
    ("material", "message"),
    [
        (
            {"image": "a", "circle": {"row": 1, "column": 1, "radius": 1}} | KEPT,
            "a.circle: all of the image has to show the material",
        ),
        ({"image": "a", "phases": ["x", "y"]} | KEPT, "a.phases: there are none without a segm"),
        ({"image": "a", "type": "labels"} | KEPT, "a.segmentation.method: labels are phases alr"),
        (
            {"synthetic": {"kind": "nmc", "shape": [64, 64, 64], "seed": 0}} | KEPT,
            "a.synthetic: its truth are labels",
        ),
        (
            {"synthetic": {"kind": "ebsd", "shape": [64, 64, 64], "seed": 0}, "phases": ["x", "y"]},
            "a.synthetic.kind: 'ebsd' is a map of colours; set 'type: rgb'",
        ),
        (
            {"synthetic": {"kind": "lines", "shape": [64, 64, 64], "seed": 0}, "stack": True},
            "a.synthetic.kind: 'lines' is a stack of labels; set 'stack: true, type: labels'",
        ),
        ({"planes": ["a", "b", "c"], "stack": True} | ANISOTROPIC, "a.stack: needs a 3D 'image'"),
        (
            {"image": "a", "stack": True, "type": "labels"} | ANISOTROPIC,
            "a.isotropic: a stack shows one kind of slices",
        ),
        (
            {"image": "a", "stack": True, "phases": ["x", "y"]},
            "a.denoise.method: the images of a stack are segmented pixel by pixel, expected 'none'",
        ),
        (
            {"image": "a", "stack": True, "phases": ["x", "y"]},
            "a.segmentation.shading_degree: the images of a stack are .* expected 0, got 1",
        ),
        (
            {
                "image": "a",
                "stack": True,
                "phases": ["x", "y"],
                "denoise": {"method": "none"},
                "segmentation": {
                    "method": "scribbles",
                    "scribbles": "b",
                    "edge_correction": False,
                    "min_speck": 0,
                },
            },
            "a.segmentation.method: scribbles are of one image, not of a stack",
        ),
        ({"image": "a.tif"}, "a.phases: expected the names of the phases from dark to bright"),
        ({"phases": ["x", "y"]}, r"a.image: give either 'image' .* got none of them"),
        (
            {"image": "a", "planes": ["a", "b", "c"], "phases": ["x", "y"]},
            "a.image: give either .* got image and planes",
        ),
        (
            {"planes": ["a", "b"], "phases": ["x", "y"]} | ANISOTROPIC,
            "a.planes: expected an image for each of the axes .* got 2 entries",
        ),
        (
            {"planes": ["a", None, None], "phases": ["x", "y"]} | ANISOTROPIC,
            "a.planes: expected .* got 3 entries, of which 2 are null",
        ),
        (
            {"planes": ["a", "b", "c"], "phases": ["x", "y"]},
            "a.planes: one 'image' is enough for an isotropic material",
        ),
        (
            {
                "planes": ["a", "b", "c"],
                "phases": ["x", "y"],
                "segmentation": {"method": "scribbles", "scribbles": "d"},
            }
            | ANISOTROPIC,
            "a.segmentation.method: scribbles are of one image",
        ),
        (
            {"image": "a", "phases": ["x", "y"], "isotropic": False},
            "a.symmetry.quarter_turns: an anisotropic material has no quarter turns",
        ),
        (
            {"synthetic": {"kind": "nmc", "shape": [64, 64, 64], "seed": 0}, "reference": "b"},
            "a.reference: a synthetic material is its own reference",
        ),
        (
            {"image": "a", "phases": ["a", "b", "c", "d", "e", "f"]},
            "a.segmentation.method: 'otsu' finds at most 5 phases, got 6",
        ),
        (
            {"image": "a", "phases": ["x", "y"], "segmentation": {"method": "scribbles"}},
            "a.segmentation.scribbles: expected the path",
        ),
        (
            {
                "image": "a",
                "phases": ["x", "y"],
                "segmentation": {"method": "thresholds", "thresholds": [1, 2]},
            },
            r"expected 1 ascending grey values for 2 phases, got \[1, 2\]",
        ),
    ],
)
def test_contradictions_of_a_material_are_named(default, material, message):
    overlay = {"materials": {"a": material}, "run": {"materials": ["a"]}}
    with pytest.raises(ConfigError, match=message):
        check(resolve(merge(default, overlay)))


def test_a_plane_may_be_a_path_alone(default):
    planes = ["a.png", None, {"image": "b.png", "quarter_turns": 3}]
    material = {"planes": planes, "phases": ["x", "y"]} | ANISOTROPIC
    overlay = {"materials": {"a": material}, "run": {"materials": ["a"]}}
    checked = check(resolve(merge(default, overlay)))
    assert checked.materials["a"].planes == (
        PlaneConfig(image="a.png", quarter_turns=0),
        None,
        PlaneConfig(image="b.png", quarter_turns=3),
    )
    assert from_dict(Config, to_dict(checked)) == checked
    with pytest.raises(ConfigError, match=r"a.planes.0: there is no file 'a.png'"):
        missing_files(from_dict(Config, resolve(merge(default, overlay))))


def test_missing_image_is_named_before_anything_runs(default):
    overlay = {"materials": {"a": {"image": "nowhere/a.tif"}}, "run": {"materials": ["a"]}}
    with pytest.raises(ConfigError, match=r"materials.a.image: there is no file 'nowhere/a.tif'"):
        missing_files(from_dict(Config, resolve(merge(default, overlay))))


def test_missing_start_of_a_training_is_named(default):
    def with_start(path):
        training = {"warm_start": path}
        models = {"slicegan-swd": {"training": training}}
        overlay = {"models": models, "run": {"models": ["slicegan-swd"]}}
        return from_dict(Config, resolve(merge(default, overlay)))

    with pytest.raises(ConfigError, match=r"slicegan-swd.training.warm_start: .*'nowhere.pt'"):
        missing_files(with_start("nowhere.pt"))
    missing_files(with_start("results/a/b/seed-0/train/generator.pt"))  # made by another job


def test_a_model_that_no_record_describes_hides_no_other_fault(default):
    overlay = {
        "models": {"vae-64": {"kind": "gan2d"}, "gan-64": {"training": {"latent_size": 4}}},
        "run": {"models": ["vae-64"], "materials": ["nothing"]},
    }
    with pytest.raises(ConfigError) as raised:
        check(resolve(merge(default, overlay)))
    for part in ("models.vae-64.network: a gan2d", "gan-64.training.latent_size", "'nothing'"):
        assert part in str(raised.value)


def test_a_preset_that_is_changed_breaks_none_that_is_not_run(default):
    shallow = {"channels": [16], "kernel_sizes": [4] * 2, "strides": [2] * 2, "paddings": [2] * 2}
    overlay = {"models": {"slicegan-paper": {"network": {"generator": shallow}}}}
    check(resolve(merge(default, overlay)))


def test_a_data_set_is_found_missing_by_its_file(default, tmp_path):
    path = tmp_path / "a.h5"
    for source in (f"{path}:/data", f"{path}:data"):
        overlay = {
            "materials": {"a": {"image": source, "phases": ["x", "y"]}},
            "run": {"materials": ["a"]},
        }
        config = check(resolve(merge(default, overlay)))
        path.unlink(missing_ok=True)
        with pytest.raises(ConfigError, match=r"materials\.a\.image: there is no file"):
            missing_files(config)
        path.touch()
        missing_files(config)


def test_an_electrode_of_phases_that_do_not_exist_is_named(default):
    electrode = {"electrolyte": "pore", "active": "nmc", "through": 0}
    check(resolve(merge(default, {"electrode": electrode})))
    with pytest.raises(ConfigError, match=r"electrode\.active: .*nmc-synthetic, got 'nmk'.*nmc"):
        check(resolve(merge(default, {"electrode": electrode | {"active": "nmk"}})))
    with pytest.raises(ConfigError, match="another phase than 'pore'"):
        check(resolve(merge(default, {"electrode": electrode | {"active": "pore"}})))


def test_limits_are_those_of_the_kind_though_another_has_the_same_keys(default, monkeypatch):
    @dataclass(frozen=True, kw_only=True)
    class Twin(models.NetworkConfig):
        radius: int = setting("A radius.", minimum=1)

    monkeypatch.setattr(models, "Twin", Twin, raising=False)
    twin = replace(FAMILIES["gaussian-field"], name="twin", settings="settings.models:Twin")
    monkeypatch.setitem(FAMILIES, "twin", twin)
    monkeypatch.setattr(check_module, "schema", schema.__wrapped__)
    field = default["models"]["gaussian-field"]
    assert "gaussian-field" in check(resolve(default)).models
    field["network"]["radius"] = 65
    with pytest.raises(ConfigError, match=r"gaussian-field.network.radius: 65 is greater than the"):
        check(resolve(default))
