from dataclasses import replace

import numpy as np
import pytest
import yaml
from skimage.morphology import disk

from matvir.config import Config, from_dict, merge, resolve
from matvir.labels import LabelImage
from matvir.micrograph.encoding import encode, read_training

TINY = {
    "network": {
        "latent_channels": 4,
        "generator": {"channels": [8, 8, 8, 8]},
    },
    "training": {"steps": 6, "latent_size": 4, "log_every": 1, "checkpoint_every": 2},
}
TINY_CRITIC = {
    "network": {"critic": {"channels": [4, 4, 4, 4]}},
    "training": {
        "objective": {"critic_iterations": 2, "critic_volumes": 1, "generator_volumes": 1}
    },
}
TINY_PATCHES = {
    "training": {
        "objective": {"slices_per_axis": 3, "directions": 8, "patches": 64, "real_crop_size": 64}
    }
}


@pytest.fixture(scope="session")
def settings(request):
    path = request.config.rootpath / "config/default.yaml"
    return resolve(yaml.safe_load(path.read_text()))


@pytest.fixture(params=["slicegan-small", "slicegan-swd"])
def model(request, settings):
    """Return each of the two objectives with networks small enough for a test."""
    extra = TINY_CRITIC if request.param == "slicegan-small" else TINY_PATCHES
    values = merge(merge(settings["models"][request.param], TINY), extra)
    return from_dict(Config, {**settings, "models": {"a": values}}).models["a"]


@pytest.fixture(scope="session")
def data(settings, tmp_path_factory):
    """Return one-hot sections of dark discs with bright rims, 80 x 96 pixels."""
    labels = np.zeros((80, 128), np.uint8)
    rng = np.random.default_rng(0)
    for _ in range(25):
        row, column = rng.integers(0, 65), rng.integers(0, 113)
        labels[row : row + 15, column : column + 15][disk(7) > 0] = 2
        labels[row + 2 : row + 13, column + 2 : column + 13][disk(5) > 0] = 1
    material = from_dict(Config, settings).materials["nmc-synthetic"]
    material = replace(material, encoding=replace(material.encoding, held_out=0.25))
    path = tmp_path_factory.mktemp("encoded") / "training.h5"
    encode(LabelImage(labels=labels, phases=("a", "b", "c")), material, path)
    return read_training(path)
