"""A material takes its image, and what it does not state itself, from a dataset."""

import pytest
import yaml

from matvir.errors import ConfigError
from matvir.micrograph.planes import voxel_size_of
from matvir.settings.build import merge, resolve, to_dict
from matvir.settings.check import check, missing_files

ROCK = {
    "url": "https://example.org/files/rock.tif?download=1",
    "sha256": "0123456789abcdef" * 4,
    "licence": "CC0",
    "citation": "A. Author",
    "voxel_size_um": 2.5,
    "phases": ["pore", "grain"],
    "type": "labels",
}
IMAGE = "results/mine/raw/01234567-rock.tif"


@pytest.fixture
def configured(root):
    """Return the configuration of a material, completed."""
    default = yaml.safe_load((root / "config/default.yaml").read_text())

    def build(material, entry=ROCK):
        overlay = {"datasets": {"rock": entry}, "materials": {"mine": material}}
        return resolve(merge(default, overlay | {"run": {"materials": ["mine"]}}))

    return build


def test_a_material_is_what_the_dataset_states_and_the_user_wins(configured):
    taken = check(configured({"dataset": "rock"})).materials["mine"]
    assert (taken.image, taken.type, taken.voxel_size_um) == (IMAGE, "labels", 2.5)
    assert taken.phases == ("pore", "grain")
    own = {"dataset": "rock", "phases": {"solid": 255, "void": 0}, "voxel_size_um": None}
    stated = check(configured(own)).materials["mine"]
    assert (stated.phases, stated.phase_values) == (("solid", "void"), (255, 0))
    assert stated.voxel_size_um is None
    assert stated.type == "labels"


def test_the_file_is_not_looked_for_before_it_is_fetched(configured):
    config = check(configured({"dataset": "rock", "voxel_size_um": None}))
    missing_files(config)
    assert voxel_size_of(config.materials["mine"]) is None


def test_the_configuration_of_a_run_can_be_run_again(configured):
    resolved = configured({"dataset": "rock"})
    assert resolve(resolved) == resolved
    assert to_dict(check(resolved)) == resolved


@pytest.mark.parametrize(
    ("material", "entry", "message"),
    [
        (
            {"dataset": "rok"},
            ROCK,
            r"materials.mine.dataset: 'rok' is not among the datasets \['rock'\]; did you mean "
            "'rock'",
        ),
        (
            {"dataset": "rock", "image": "a.tif"},
            ROCK,
            "materials.mine.dataset: the dataset is the image of the material, got image as well",
        ),
        (
            {"dataset": "rock", "planes": ["a", "b", "c"]},
            ROCK,
            "materials.mine.dataset: .* got planes as well",
        ),
        ({"dataset": 5}, ROCK, "materials.mine.dataset: expected string or null, got 5"),
        ({"dataset": "rock"}, "a.tif", "datasets.rock: expected a mapping with 'url', .* 'a.tif'"),
        ({"dataset": "rock"}, ROCK | {"sha256": "01"}, "rock.sha256: got '01', expected: SHA-256"),
        (
            {"dataset": "rock"},
            ROCK | {"url": "ftp://a/b.tif"},
            "datasets.rock.url: got 'ftp://a/b.tif', expected: Address",
        ),
        (
            {"dataset": "rock"},
            ROCK | {"url": "https://a.org/download?name=b.tif"},
            "datasets.rock.url: .* got 'download' at the end. Name the file: 'file: rock.tif'",
        ),
        ({"dataset": "rock"}, ROCK | {"file": "../a.tif"}, r"datasets.rock.file: got '../a.tif'"),
        ({"dataset": "rock"}, {"url": "https://a/b.tif"}, "rock: 'citation' is a required prop"),
        ({"dataset": "rock"}, ROCK | {"license": "MIT"}, "license: .* did you mean 'licence'"),
    ],
)
def test_faults_are_named(configured, material, entry, message):
    with pytest.raises(ConfigError, match=message):
        check(configured(material, entry))


def test_an_address_without_a_name_works_with_the_one_that_the_error_asks_for(configured):
    entry = ROCK | {"url": "https://a.org/download?name=b.tif", "file": "rock.tif"}
    material = check(configured({"dataset": "rock"}, entry)).materials["mine"]
    assert material.image.endswith("-rock.tif")
