"""Fixtures that tests of several packages share."""

import numpy as np
import pytest
import tifffile
import torch
import yaml
from scipy import ndimage

from matvir.models.gaussian_field import GaussianField
from matvir.models.slicegan import Generator
from matvir.settings.build import from_dict, resolve
from matvir.settings.models import GaussianFieldNetworkConfig
from matvir.settings.records import Config, MaterialConfig
from matvir.training.checkpoint import TrainedGenerator
from matvir.training.seeding import seeded


@pytest.fixture
def trained_slicegan(root):
    """Return a builder of a small generator of two phases, by its provenance."""
    values = yaml.safe_load((root / "config/default.yaml").read_text())
    values["models"]["slicegan-swd"]["network"]["generator"]["channels"] = [8, 8, 8, 8]
    config = from_dict(Config, resolve(values)).models["slicegan-swd"].network

    def build(provenance):
        network = Generator(config, 2)
        network.initialise(seeded(0))
        return TrainedGenerator(
            network=network.eval(),
            kind="slicegan",
            config=config,
            phases=("pore", "grain"),
            voxel_size_um=(0.5, 0.5, 0.5),
            provenance=provenance,
        )

    return build


@pytest.fixture
def cut_fields():
    """Return fields of two widths, the second one stretched, that are cut into three phases.

    Of the phases 0, 1 and 2 there are 0.2, 0.5 and 0.3; phase 2 is cut first, then phase 0.
    """
    network = GaussianField(GaussianFieldNetworkConfig(radius=7), 3)
    network.initialise(seeded(0))
    with torch.no_grad():
        distances = torch.arange(7.0)
        network.profiles[0] = torch.exp(-(distances**2) / 8)
        network.profiles[1] = torch.exp(-(distances**2) / 3)
        network.log_stretches[1] = torch.tensor([0.2, 0.0, -0.3])
    network.cut_at((0.2, 0.5, 0.3), (2, 0, 1))
    return network.eval()


def _overlapping_spheres(rng, shape, radius, fraction):
    """Periodic overlapping spheres (discs in 2D) at Poisson points that leave about ``fraction``.

    Returns the mask outside the spheres and the number of spheres per volume.
    """
    ball = 4 / 3 * np.pi * radius**3 if len(shape) == 3 else np.pi * radius**2
    n_spheres = rng.poisson(-np.log(fraction) / ball * np.prod(shape))
    reach = int(np.ceil(radius)) + 1
    grid = np.meshgrid(*[np.arange(-reach, reach + 1)] * len(shape), indexing="ij")
    outside = np.ones(shape, dtype=bool)
    for _ in range(n_spheres):
        centre = rng.random(len(shape)) * shape
        corner = np.floor(centre).astype(int)
        squares = sum((g + c - p) ** 2 for g, c, p in zip(grid, corner, centre, strict=True))
        inside = np.stack(grid)[:, squares < radius**2] + corner[:, None]
        outside[tuple(index % n for index, n in zip(inside, shape, strict=True))] = False
    return outside, n_spheres / np.prod(shape)


@pytest.fixture
def overlapping_spheres():
    return _overlapping_spheres


@pytest.fixture
def sphere():
    """Builder of a mask of one ball (disc in 2D) in the middle of the sample."""

    def build(shape, radius):
        axes = [np.arange(n) - (n - 1) / 2 for n in shape]
        return sum(x**2 for x in np.meshgrid(*axes, indexing="ij")) < radius**2

    return build


@pytest.fixture
def blobs():
    """Builder of random labels with smooth shapes of about ``scale`` voxels."""

    def build(rng, shape, n_phases, scale=2.0):
        field = ndimage.gaussian_filter(rng.standard_normal(shape), scale, mode="wrap")
        thresholds = np.quantile(field, np.linspace(0, 1, n_phases + 1)[1:-1])
        return np.digitize(field, thresholds).astype(np.uint8)

    return build


@pytest.fixture
def electrode(shared_data):
    """Labels (pore, NMC, binder) of the volume that TauFactor's documentation measures."""
    return tifffile.imread(shared_data / "synth_nmc_gan_3d_256.tif") // 85


@pytest.fixture
def material_of(root):
    """Build a material as the configuration states it, completed from the defaults."""
    defaults = yaml.safe_load((root / "config/default.yaml").read_text())["material_defaults"]

    def build(*, image, **settings):
        config = {
            "materials": {"m": {"image": str(image), **settings}},
            "models": {},
            "datasets": {},
        }
        resolved = resolve({**config, "material_defaults": defaults})
        return from_dict(MaterialConfig, resolved["materials"]["m"])

    return build
