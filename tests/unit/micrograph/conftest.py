"""What tests of micrographs share."""

import pytest
import yaml

from matvir.settings.build import from_dict, resolve
from matvir.settings.records import MaterialConfig


@pytest.fixture
def material_of(root):
    """Build a material as the configuration states it, completed from the defaults."""
    defaults = yaml.safe_load((root / "config/default.yaml").read_text())["material_defaults"]

    def build(*, image, **settings):
        config = {"materials": {"m": {"image": str(image), **settings}}, "models": {}}
        resolved = resolve({**config, "material_defaults": defaults})
        return from_dict(MaterialConfig, resolved["materials"]["m"])

    return build
