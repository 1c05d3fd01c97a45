"""config/README.md, which the catalog of Snakemake workflows shows, is right."""

import re

import yaml

from matvir.settings.build import merge, resolve
from matvir.settings.check import check


def test_the_example_is_a_configuration(root):
    text = (root / "config/README.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    default = yaml.safe_load((root / "config/default.yaml").read_text())
    config = check(resolve(merge(default, yaml.safe_load(example))))
    assert config.run.materials == ("electrode",)
    assert config.materials["electrode"].voxel_size_um == 0.4


def test_every_configuration_is_listed(root):
    listed = re.findall(r"^\| `(\w+\.yaml)`", (root / "config/README.md").read_text(), re.MULTILINE)
    own = {"config.yaml"}
    assert set(listed) == {path.name for path in (root / "config").glob("*.yaml")} - own
