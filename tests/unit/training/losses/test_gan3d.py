import math
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from matvir.errors import ConfigError, InputError
from matvir.generation.blocks import BlockwiseGenerator
from matvir.generation.sampling import sample_labels
from matvir.micrograph.encoding import TrainingData
from matvir.micrograph.volume_crops import VolumeCropSampler
from matvir.models.gan3d import Discriminator
from matvir.models.slicegan import Latents
from matvir.settings.build import from_dict, merge
from matvir.settings.models import ModelConfig
from matvir.storage.image_types import GREY
from matvir.training.loop import Trainer
from matvir.training.objective import Moment
from matvir.training.seeding import seeded

CPU = torch.device("cpu")
TINY = {
    "network": {
        "latent_channels": 6,
        "generator": {
            "channels": [8, 8],
            "kernel_sizes": [4, 4, 4],
            "strides": [1, 2, 2],
            "paddings": [0, 1, 1],
        },
        "critic": {
            "channels": [4, 4],
            "kernel_sizes": [4, 4, 4],
            "strides": [2, 2, 1],
            "paddings": [1, 1, 0],
        },
    },
    "training": {
        "steps": 4,
        "log_every": 1,
        "checkpoint_every": 2,
        "objective": {"volumes": 3, "learning_rate": 1e-3},
    },
}


@pytest.fixture
def model(settings):
    return from_dict(ModelConfig, merge(settings["models"]["gan3d"], TINY))


@pytest.fixture
def data():
    """Return a volume of boxes of phase 1, longer along axis 2, in phase 0."""
    volume = np.zeros((20, 24, 28), np.uint8)
    volume[::5, ::4, :14] = 1
    volume[10:, 3:9, 5:20] = 1
    sections = np.stack([volume[:1] == phase for phase in range(2)], axis=1).astype(np.uint8)
    return TrainingData(
        phases=("a", "b"),
        voxel_size_um=None,
        mirror=False,
        quarter_turns=False,
        isotropic=False,
        sections=dict.fromkeys(range(3), sections),
        volume=volume,
    )


def windows(volume, size):
    return {
        volume[i : i + size, j : j + size, k : k + size].tobytes()
        for i in range(volume.shape[0] - size + 1)
        for j in range(volume.shape[1] - size + 1)
        for k in range(volume.shape[2] - size + 1)
    }


def test_crops_are_windows_of_the_volume_in_its_symmetries(data):
    size = 6
    crops = VolumeCropSampler(data, size, CPU).sample(200, seeded(0))
    assert crops.shape == (200, 2, size, size, size)
    labels = crops.argmax(dim=1).numpy().astype(np.uint8)
    assert (crops.sum(dim=1) == 1).all()
    found = windows(data.volume, size)
    assert all(one.tobytes() in found for one in labels)
    corners = {one.tobytes() for one in (data.volume[:6, :6, :6], data.volume[-6:, -6:, -6:])}
    many = VolumeCropSampler(replace(data, volume=data.volume[:7, :7, :7]), size, CPU)
    seen = {
        one.numpy().astype(np.uint8).tobytes() for one in many.sample(200, seeded(1)).argmax(dim=1)
    }
    assert np.ascontiguousarray(data.volume[:6, :6, :6]).tobytes() in corners & seen
    mirrored = VolumeCropSampler(replace(data, mirror=True, isotropic=True), size, CPU)
    labels = mirrored.sample(200, seeded(0)).argmax(dim=1).numpy().astype(np.uint8)
    outside = [one for one in labels if one.tobytes() not in found]
    assert outside
    for one in outside:
        variants = [
            np.ascontiguousarray(np.flip(one.transpose(order), axes)).tobytes()
            for order in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
            for axes in ((), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2))
        ]
        assert found.intersection(variants)


def test_without_mirrors_crops_of_an_isotropic_material_are_rotations(data):
    """A corner with legs of length 1, 2 and 3 along the axes is no mirror image of itself."""
    volume = np.zeros((6, 6, 6), np.uint8)
    volume[0, 0, 0] = volume[1, 0, 0] = volume[0, :3, 0] = volume[0, 0, :4] = 1
    cube = replace(data, volume=volume, isotropic=True)
    for mirror, n_orders in ((False, 3), (True, 48)):
        sampler = VolumeCropSampler(replace(cube, mirror=mirror), 6, CPU)
        crops = sampler.sample(600, seeded(2)).argmax(dim=1).numpy()
        assert len({one.tobytes() for one in crops}) == n_orders


def test_crops_of_values_are_values(data):
    grey = replace(data, volume=data.volume * 51, kind=GREY, phases=("grey",))
    crops = VolumeCropSampler(grey, 8, CPU).sample(5, seeded(0))
    assert crops.shape == (5, 1, 8, 8, 8)
    assert sorted(set(crops.flatten().tolist())) == pytest.approx([0, 0.2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"volume": None}, r"gan3d: expected a 3D image to learn from, got 2D images"),
        (
            {"volume": np.zeros((20, 9, 28), np.uint8)},
            r"has 20 x 9 x 28 voxels, expected at least 16 along each axis",
        ),
    ],
)
def test_what_cannot_be_learned_from_is_refused(model, data, change, message):
    with pytest.raises(InputError, match=message):
        Trainer(model, replace(data, **change), seed=0, device=CPU)


def test_volumes_too_small_for_the_discriminator_are_refused(model, data):
    critic = replace(model.network.critic, kernel_sizes=(4, 4, 8))
    wrong = replace(model, network=replace(model.network, critic=critic))
    with pytest.raises(ConfigError, match=r"latent_size: 1 gives volumes of 16 voxels, too small"):
        Trainer(wrong, data, seed=0, device=CPU)


def test_the_published_networks_make_and_score_volumes_of_64(settings):
    model = from_dict(ModelConfig, settings["models"]["gan3d"])
    assert model.network.generator.channels == (512, 256, 128, 64)
    assert model.training.objective.volumes == 32
    assert model.training.objective.learning_rate == 2e-5
    assert Discriminator(model.network.critic, 3).output_size(64) == 1


def test_one_step_equals_the_game_written_out(model, data):
    run = Trainer(model, data, seed=1, device=CPU)
    generator, critic = deepcopy(run.generator), deepcopy(run.objective.discriminator)
    adams = [torch.optim.Adam(n.parameters(), lr=1e-3, betas=(0.5, 0.999)) for n in (critic,)]
    random = seeded(7)
    fake = generator(generator.draw(3, (1, 1, 1), random))
    assert fake.shape == (3, 2, 16, 16, 16)
    real = run.objective.sampler.sample(3, random)
    log = functional.logsigmoid
    answers = critic(real), critic(fake.detach())
    loss = -(0.9 * log(answers[0]) + 0.1 * log(-answers[0])).mean() - log(-answers[1]).mean()
    loss.backward()
    adams[0].step()
    game = -log(critic(fake)).mean()
    losses, volumes = run.objective.step(Moment(seeded(7), 0, 0.5))
    assert losses["discriminator_loss"].item() == pytest.approx(loss.item(), rel=1e-4)
    assert losses["generator_loss"].item() == pytest.approx(game.item(), rel=1e-3)
    torch.testing.assert_close(volumes, fake.detach())
    assert losses["generator_loss"].item() == pytest.approx(math.log(2), abs=0.5)


def test_two_steps_change_every_parameter_and_volumes_are_generated(model, data, tmp_path):
    run = Trainer(model, data, seed=1, device=CPU)
    networks = run.generator, run.objective.discriminator
    before = [deepcopy(n.state_dict()) for n in networks]
    run.run(tmp_path / "state.pt", lambda _: None)
    for network, old in zip(networks, before, strict=True):
        for name, parameter in network.named_parameters():
            if not (name.startswith("convolutions") and name.endswith("bias")):
                assert not torch.equal(parameter, old[name]), name
    network = run.finish()
    generator = BlockwiseGenerator(network, CPU)
    volume = generator.volume(5, (16, 16, 16))
    field = torch.from_numpy(volume.fields[0].window([(0, 1)] * 3))[None]
    with torch.no_grad():
        expected = network.decode(network.convolutions[-1](network.hidden(Latents(field, ()))))
    labels = sample_labels(generator, (16, 16, 16), 5)
    assert (labels != expected.argmax(dim=1)[0].numpy()).mean() < 1e-3
    # Made from parts, and larger than it was trained.
    whole = sample_labels(generator, (20, 24, 16), 5, block=64)
    assert (whole != sample_labels(generator, (20, 24, 16), 5, block=7)).mean() < 1e-3
