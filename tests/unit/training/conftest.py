from dataclasses import replace

import numpy as np
import pytest
import yaml
from skimage.morphology import disk

from matvir.micrograph.encoding import encode, read_training
from matvir.settings.build import from_dict, merge, resolve
from matvir.settings.models import ModelConfig
from matvir.settings.records import Config
from matvir.storage.images import MaterialImage, Specimen

# Three layers make volumes of 16 voxels from latents of 4: a step takes milliseconds.
TINY = {
    "network": {
        "latent_channels": 4,
        "generator": {
            "channels": [8, 8],
            "kernel_sizes": [4, 4, 4],
            "strides": [2, 2, 2],
            "paddings": [2, 2, 3],
        },
    },
    "training": {
        "steps": 6,
        "latent_size": 4,
        "precision": "float32",
        "log_every": 1,
        "checkpoint_every": 2,
    },
}
TINY_CRITIC = {
    "network": {
        "critic": {
            "channels": [4, 4],
            "kernel_sizes": [4, 4, 4],
            "strides": [2, 2, 2],
            "paddings": [1, 1, 0],
        }
    },
    "training": {
        "objective": {"critic_iterations": 2, "critic_volumes": 1, "generator_volumes": 2}
    },
}
TINY_PATCHES = {
    "training": {
        "objective": {
            "slices_per_axis": 3,
            "patches": {"size": 3, "number": 64, "levels": 2, "directions": 8},
            "real_crop_size": 32,
        }
    }
}
# Layers with and without upsampling: volumes of 16 voxels from latents of 7.
TINY_RELATIVISTIC = {
    "network": {
        "latent_channels": 4,
        "generator": {
            "channels": [8, 8],
            "kernel_sizes": [4, 3, 6],
            "strides": [2, 1, 2],
            "paddings": [2, 2, 4],
        },
        "critic": {
            "channels": [4, 4],
            "kernel_sizes": [4, 4, 3],
            "strides": [2, 2, 1],
            "paddings": [1, 1, 1],
        },
    },
    "training": {
        "steps": 6,
        "budget": None,
        "latent_size": 7,
        "precision": "float32",
        "log_every": 1,
        "checkpoint_every": 2,
        "objective": {
            "volumes": 1,
            "fluctuations": {"weight": 0.0},
            "slices_per_axis": 3,
            "penalty_every": 2,
            "warm_up": {"patches": {"size": 3, "number": 64, "levels": 2, "directions": 8}},
        },
    },
}
TINY_CONDITIONAL = merge(
    TINY_RELATIVISTIC,
    {"training": {"objective": {"volumes": 3, "fluctuations": {"weight": 0.6}}}},
)
# Models of 2D images of 16 pixels.
TINY_VAE = {
    "network": {"image_size": 16, "latent_length": 6, "channels": [4, 6]},
    "training": {
        "steps": 6,
        "log_every": 1,
        "checkpoint_every": 2,
        "objective": {"batch": 5},
    },
}
TINY_GAN = merge(
    TINY_VAE,
    {
        "network": {
            "channels": [8, 8, 4],
            "discriminator": {"channels": [4, 6]},
        }
    },
)
TINY_IMAGE_MODELS = {
    "gan-64": TINY_GAN,
    "gan-128": merge(TINY_GAN, {"network": {"normalisation": "instance"}}),
    "vae-64": TINY_VAE,
    "vae-gan-64": merge(
        TINY_VAE,
        {
            "network": {
                "discriminator": {"channels": [4, 6], "spectral_norm": False, "dropout": 0.0}
            },
            "training": {"objective": {"feature_layer": 2}},
        },
    ),
    "statistics-vae-64": TINY_VAE,
}
TINY_MODELS = {
    "slicegan-small": merge(TINY, TINY_CRITIC),
    "slicegan-swd": merge(TINY, TINY_PATCHES),
    "slicegan-fast": TINY_RELATIVISTIC,
    "slicegan-conditional": TINY_CONDITIONAL,
}

TINY_FIELDS = {
    "gaussian-field": {
        "network": {"radius": 6},
        "training": {"steps": 6, "log_every": 1, "checkpoint_every": 2},
    }
}
TINY_DIFFUSION = {
    "diffusion": {
        "network": {"channels": [8, 16], "levels": 3},
        "training": {
            "steps": 6,
            "budget": None,
            "log_every": 1,
            "checkpoint_every": 2,
            "objective": {"batch": 3, "crop": 16},
        },
    }
}
TINY_DIFFUSION["diffusion-64"] = {
    "network": TINY_DIFFUSION["diffusion"]["network"] | {"image_size": 16},
    "training": TINY_DIFFUSION["diffusion"]["training"] | {"objective": {"batch": 3}},
}
TINY_COARSE = {
    f"{name} bfloat16": merge(TINY_MODELS[name], {"training": {"precision": "bfloat16"}})
    for name in ("slicegan-small", "slicegan-fast")
}


def tiny_model(settings, name):
    """Return a model of the default configuration made small enough for a test."""
    tiny = (TINY_MODELS | TINY_COARSE | TINY_IMAGE_MODELS | TINY_FIELDS | TINY_DIFFUSION)[name]
    return from_dict(ModelConfig, merge(settings["models"][name.split()[0]], tiny))


@pytest.fixture(scope="session")
def settings(request):
    path = request.config.rootpath / "config/default.yaml"
    return resolve(yaml.safe_load(path.read_text()))


@pytest.fixture(params=list(TINY_MODELS))
def model(request, settings):
    """Return a tiny model of each objective."""
    return tiny_model(settings, request.param)


@pytest.fixture(
    params=[*TINY_MODELS, *TINY_COARSE, *TINY_IMAGE_MODELS, *TINY_FIELDS, *TINY_DIFFUSION]
)
def any_model(request, settings):
    """Return a tiny model of each objective, of volumes, also in bfloat16, and of 2D images."""
    return tiny_model(settings, request.param)


@pytest.fixture
def image_model(request, settings):
    """Return a tiny model of 2D images by its name."""
    return tiny_model(settings, request.param)


@pytest.fixture
def patch_model(settings):
    """Return a tiny model with the sliced Wasserstein objective."""
    return tiny_model(settings, "slicegan-swd")


@pytest.fixture
def critic_model(settings):
    """Return a tiny model with the Wasserstein objective."""
    return tiny_model(settings, "slicegan-small")


@pytest.fixture
def relativistic_model(settings):
    """Return a tiny model with the relativistic objective."""
    return tiny_model(settings, "slicegan-fast")


@pytest.fixture
def conditional_model(settings):
    """Return a tiny model that is given volume fractions."""
    return tiny_model(settings, "slicegan-conditional")


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
    encode(Specimen.of(MaterialImage(voxels=labels, phases=("a", "b", "c"))), material, path)
    return read_training(path)
