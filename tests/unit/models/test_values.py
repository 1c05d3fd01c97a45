"""Generators of grey values and colours, from training data to volumes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from scipy import ndimage

from matvir.errors import ConfigError
from matvir.generation.blocks import BlockwiseGenerator
from matvir.generation.images import sample_images
from matvir.generation.latent_space import explore
from matvir.generation.sampling import sample_labels
from matvir.micrograph.crops import CropSampler
from matvir.micrograph.encoding import TrainingData
from matvir.report.latent import draw_latent
from matvir.settings.build import from_dict, merge, resolve
from matvir.settings.models import DensityControlConfig, ModelConfig
from matvir.storage.image_types import COLOUR, GREY
from matvir.training.checkpoint import TrainedGenerator, load_generator, save_generator
from matvir.training.loop import Trainer
from matvir.training.seeding import seeded

CPU = torch.device("cpu")
SMALL = {
    "slicegan-swd": {
        "network": {"generator": {"channels": [8] * 4}},
        "training": {
            "latent_size": 6,
            "objective": {
                "real_crop_size": 64,
                "slices_per_axis": 2,
                "patches": {"number": 256, "directions": 8},
            },
        },
    },
    "slicegan-fast": {
        "network": {"generator": {"channels": [8] * 7}, "critic": {"channels": [4] * 5}},
        "training": {
            "steps": 4,
            "budget": None,
            "objective": {
                "volumes": 1,
                "slices_per_axis": 2,
                "warm_up": {"patches": {"number": 256, "directions": 8}},
            },
        },
    },
    "slicegan-small": {
        "network": {"generator": {"channels": [8] * 4}, "critic": {"channels": [4] * 4}},
        "training": {
            "objective": {"critic_iterations": 1, "critic_volumes": 1, "generator_volumes": 1}
        },
    },
}
SELECTION = {"start": 0.0, "every": 2, "volumes": 2, "reach": 12, "patience": 9}


def small(root, name):
    values = yaml.safe_load((root / "config/default.yaml").read_text())
    resolved = resolve(values)["models"][name]
    model = merge(merge(resolved, SMALL[name]), {"training": {"steps": 4}})
    model["training"]["selection"] = SELECTION
    return from_dict(ModelConfig, model)


def texture(n_channels, seed=0):
    """Return training data of smooth values; channels have means of 0.3, 0.4 and 0.5."""
    rng = np.random.default_rng(seed)
    fields = ndimage.gaussian_filter(rng.standard_normal((n_channels, 96, 110)), (0, 3, 3))
    fields *= 25 / fields.std()
    means = np.array([77, 102, 128])[:n_channels]
    fields += (means - fields.mean(axis=(1, 2)))[:, None, None]
    return TrainingData(
        phases=("grey",) if n_channels == 1 else ("red", "green", "blue"),
        voxel_size_um=None,
        mirror=True,
        quarter_turns=True,
        isotropic=True,
        sections={0: np.clip(fields, 0, 255).astype(np.uint8)[None]},
        kind=GREY if n_channels == 1 else COLOUR,
    )


def test_values_are_half_of_tanh_plus_one():
    logits = torch.tensor([-20.0, 0.0, 0.5, 20.0])
    expected = 0.5 * (np.tanh(logits.numpy()) + 1)
    assert GREY.decode(logits).tolist() == pytest.approx(expected.tolist())


def test_crops_are_the_values_of_the_section():
    data = texture(3)
    crop = CropSampler(data, 96, 0).sample(1, seeded(0))[0]
    assert crop.min() >= 0
    assert crop.max() <= 1
    assert crop.mean(dim=(1, 2)).tolist() == pytest.approx([0.3, 0.4, 0.5], abs=0.03)


@pytest.mark.parametrize("name", list(SMALL))
@pytest.mark.parametrize("n_channels", [1, 3])
def test_every_objective_trains_values(root, name, n_channels, tmp_path):
    data = texture(n_channels)
    run = Trainer(small(root, name), data, seed=1, device=CPU)
    rows = []
    run.run(tmp_path / "state.pt", rows.append)
    assert len(rows[-1]["mean_values"]) == n_channels
    assert "volume_fractions" not in rows[-1]
    assert {"correlation", "area", "score"} <= rows[-1].keys()
    network = run.finish()
    generator = BlockwiseGenerator(network, CPU)
    size = (40, 33, 48)
    volume = sample_labels(generator, size, 3)
    assert volume.shape == (*size, *([] if n_channels == 1 else [3]))
    assert volume.dtype == np.uint8
    # Blocks make the values of the trained network.
    blocks = sample_labels(generator, size, 3, block=24).astype(int)
    assert np.abs(blocks - volume).max() <= 1
    if not run.config.match_fractions:
        return
    # Calibrated: the mean of many volumes is that of the material.
    made = [sample_labels(generator, (48, 48, 48), seed) for seed in range(12)]
    means = np.mean(made, axis=(0, 1, 2, 3)) / 255
    expected = data.sections[0].mean(axis=(0, 2, 3)) / 255
    assert np.ravel(means) == pytest.approx(expected.tolist(), abs=0.03)


def image_model(root, name):
    values = resolve(yaml.safe_load((root / "config/default.yaml").read_text()))["models"][name]
    tiny = {
        "network": {"image_size": 16, "channels": [4, 6]},
        "training": {"steps": 2, "log_every": 1, "objective": {"batch": 4}},
    }
    if values["network"]["discriminator"] is not None:
        tiny["network"]["discriminator"] = {"channels": [4, 6, 6]}
    return from_dict(ModelConfig, merge(values, tiny))


@pytest.mark.parametrize("name", ["gan-64", "vae-64", "vae-gan-64"])
@pytest.mark.parametrize("n_channels", [1, 3])
def test_models_of_images_train_values(root, name, n_channels, tmp_path):
    data = texture(n_channels)
    run = Trainer(image_model(root, name), data, seed=1, device=CPU)
    rows = []
    run.run(tmp_path / "state.pt", rows.append)
    assert len(rows[-1]["mean_values"]) == n_channels
    made = next(sample_images(run.finish(), 12, [3], CPU))
    assert made.voxels.shape == (12, 12, *([] if n_channels == 1 else [3]))
    assert made.certainty is None
    if name == "gan-64":
        return
    found = explore(run.finish(), data, None, seed=0)
    assert set(found.table["property"]) == {"mean_value"}
    assert len(found.table) == n_channels
    draw_latent(found, data.phases, data.kind, tmp_path / "latent.png")


def test_statistics_of_values_are_refused(root):
    with pytest.raises(ConfigError, match=r"statistics of phases, got a material .* its grey"):
        Trainer(image_model(root, "statistics-vae-64"), texture(1), seed=1, device=CPU)


def test_a_file_of_a_generator_tells_what_it_makes(root, tmp_path):
    data = texture(3)
    run = Trainer(small(root, "slicegan-swd"), data, seed=1, device=CPU)
    network = run.finish()
    path = tmp_path / "generator.pt"
    save_generator(
        path,
        TrainedGenerator(
            network=network,
            kind="slicegan",
            config=small(root, "slicegan-swd").network,
            phases=data.phases,
            voxel_size_um=None,
            provenance={},
        ),
    )
    again = load_generator(path).network
    assert again.kind is COLOUR
    volumes = [
        sample_labels(BlockwiseGenerator(one, CPU), (24, 24, 30), 1) for one in (network, again)
    ]
    assert np.array_equal(*volumes)


def test_fractions_of_grey_values_cannot_be_controlled(root):
    model = small(root, "slicegan-swd")
    control = DensityControlConfig(weight=1.0, volume_fractions={"grey": 0.2}, range=None)
    model = replace(model, training=replace(model.training, density_control=control))
    with pytest.raises(ConfigError, match=r"density_control: expected a material with phases"):
        Trainer(model, texture(1), seed=1, device=CPU)
