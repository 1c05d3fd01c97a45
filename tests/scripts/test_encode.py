import numpy as np
import pytest
import yaml

from matvir.micrograph.encoding import read_training
from matvir.settings.build import merge
from matvir.storage.images import MaterialImage, write_image


@pytest.fixture
def material(root):
    config = yaml.safe_load((root / "config" / "default.yaml").read_text())
    return merge(config["material_defaults"], {"encoding": {"sections_per_axis": 3}})


def test_encodes_a_label_file(script, tmp_path, rng, material):
    labels = rng.integers(0, 2, (12, 9, 10), dtype=np.uint8)
    write_image(tmp_path / "labels.h5", MaterialImage(voxels=labels, phases=("pore", "grain")))

    script("encode").main(
        labels=tmp_path / "labels.h5", training=tmp_path / "training.h5", material=material
    )

    data = read_training(tmp_path / "training.h5")
    assert data.phases == ("pore", "grain")
    assert {axis: s.shape for axis, s in data.sections.items()} == {
        0: (3, 2, 9, 10),
        1: (3, 2, 9, 10),
        2: (3, 2, 9, 9),
    }
