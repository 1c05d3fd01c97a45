"""What a denoiser is shown, and what it cannot learn from."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from matvir.errors import ConfigError, InputError
from matvir.micrograph.encoding import TrainingData
from matvir.models.diffusion import kinds_of_lines
from matvir.settings.build import from_dict, merge
from matvir.settings.models import ModelConfig
from matvir.training.loop import Trainer
from matvir.training.losses.denoising import crop_size, kinds_of_slices, line_loss
from matvir.training.seeding import seeded

CPU = torch.device("cpu")
TINY = {
    "network": {"channels": [8, 8], "levels": 3},
    "training": {"steps": 40, "budget": None, "objective": {"batch": 8}},
}


def stripes(shape=(1, 40, 52)):
    labels = np.indices(shape)[2] // 4 % 2
    return (labels[:, None] == np.arange(2)[:, None, None]).astype(np.uint8)


def data_of(sections, *, isotropic):
    return TrainingData(
        phases=("a", "b"),
        voxel_size_um=None,
        mirror=True,
        quarter_turns=isotropic,
        isotropic=isotropic,
        sections=sections,
    )


def model_of(settings, name="diffusion", **training):
    tiny = merge(TINY, {"training": training})
    if name == "diffusion":
        tiny = merge(tiny, {"training": {"objective": {"crop": 32}}})
    return from_dict(ModelConfig, merge(settings["models"][name], tiny))


def test_the_loss_falls(settings, tmp_path):
    data = data_of({0: stripes()}, isotropic=True)
    model = model_of(settings, log_every=1)
    run = Trainer(model, data, seed=0, device=CPU)
    run.run(tmp_path / "state.pt", lambda _: None)
    losses = [row["loss"] for row in run.history]
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:5])
    of_lines = [row["line_loss"] for row in run.history]
    assert np.mean(of_lines[-10:]) < 0.9 * np.mean(of_lines[:5])


def test_lines_are_rows_and_columns_of_the_kinds_they_have(settings):
    """Of a material that changes along axis 2 alone, lines along other axes are of one phase."""
    data = data_of({0: stripes(), 1: stripes((1, 44, 52))}, isotropic=False)
    generator = Trainer(model_of(settings), data, seed=0, device=CPU).generator
    assert kinds_of_lines(generator.kinds.tolist()) == [0, 1, 2]
    shown = []
    generator.lines.register_forward_hook(lambda _, given, __: shown.append(given))
    crops = torch.from_numpy(stripes()[:, :, :32, :32]).float().repeat(2, 1, 1, 1)
    for seed in range(8):
        line_loss(generator, crops, crops, torch.zeros(2), generator.kinds[:2], 0, seeded(seed))
    for images, _, kinds in shown:
        assert images.shape == (2, 2, 8, 32)
        for one, along in zip(images, kinds.tolist(), strict=True):
            assert (one[:, :, 1:] != one[:, :, :-1]).any() == (along == 2)
    assert {along for *_, kinds in shown for along in kinds.tolist()} == {0, 1, 2}


def test_planes_that_look_alike_share_a_kind_and_isotropic_volumes_vary(settings):
    along, across = stripes(), stripes().transpose(0, 1, 3, 2).copy()
    data = data_of({0: along, 1: across, 2: across}, isotropic=False)
    generator = Trainer(model_of(settings), data, seed=0, device=CPU).generator
    kinds = generator.kinds.tolist()
    assert kinds[1] == kinds[2] != kinds[0]
    assert generator.variances.tolist() == [0, 0]
    flat = data_of({0: along, 2: across}, isotropic=False)
    assert Trainer(model_of(settings), flat, seed=0, device=CPU).generator.kinds[1] == -1
    alike = data_of({0: along}, isotropic=True)
    generator = Trainer(model_of(settings), alike, seed=0, device=CPU).generator
    assert generator.kinds.tolist() == [0, 0, 0]
    assert min(generator.variances.tolist()) > 0


def with_lattices(model, number):
    return replace(model, network=replace(model.network, lattices=number))


@pytest.mark.parametrize(("edge", "expected"), [(50, 1), (66, 2), (125, 3), (300, 3)])
def test_lattices_are_learned_as_far_as_sections_are_large_enough(settings, edge, expected):
    data = data_of({0: stripes((1, edge, 130))}, isotropic=True)
    run = Trainer(with_lattices(model_of(settings), 3), data, seed=0, device=CPU)
    assert int(run.generator.lattices) == expected
    shown = run.objective.shown
    assert [one.lattice for one in shown] == list(range(expected))
    assert shown[-1].highest == 1
    assert all(one.highest < 1 for one in shown[:-1])
    for one in shown:
        crops, _ = run.objective._draw(one, seeded(0))
        assert crops.shape[2:] == (32, 32)
        # Stripes of four pixels: of two on every second pixel, of one on every fourth.
        width = 4 // 2**one.lattice
        rows = crops.argmax(dim=1)
        changes = (rows[:, 1:] != rows[:, :-1]).float().mean(dim=(1, 2))
        changes += (rows[:, :, 1:] != rows[:, :, :-1]).float().mean(dim=(1, 2))
        torch.testing.assert_close(changes, torch.full_like(changes, 1 / width), atol=0.03, rtol=0)


def test_lattices_without_room_within_the_material_are_left_out(settings, caplog):
    caplog.set_level("INFO")
    labels = stripes((1, 130, 130))
    rows, columns = np.indices((130, 130)) - 64.5
    labels[:, :, rows**2 + columns**2 > 55**2] = 0
    model = with_lattices(model_of(settings), 3)
    run = Trainer(model, data_of({0: labels}, isotropic=True), seed=0, device=CPU)
    assert int(run.generator.lattices) == 2
    assert "2 of 3 lattices are learned" in caplog.text


def test_one_plane_tells_no_volume():
    data = data_of({1: stripes()}, isotropic=False)
    with pytest.raises(ConfigError, match=r"at least two axes.*perpendicular to axis 1"):
        kinds_of_slices(data)


def test_crops_fit_the_sections_and_the_denoiser():
    assert crop_size(64, 8, 100) == 64
    assert crop_size(64, 8, 45) == 40
    with pytest.raises(ConfigError, match=r"at least 8 pixels.*crops of 64 and sections of 7"):
        crop_size(64, 8, 7)


def test_images_larger_than_the_sections_are_refused(settings):
    model = model_of(settings, "diffusion-64")
    with pytest.raises(InputError, match="64"):
        Trainer(model, data_of({0: stripes()}, isotropic=True), seed=0, device=CPU)
    small = replace(model, network=replace(model.network, image_size=16))
    run = Trainer(small, data_of({0: stripes()}, isotropic=True), seed=0, device=CPU)
    assert int(run.generator.lattices) == 2
    drawn = [run.objective._draw(one, seeded(0))[0].shape for one in run.objective.shown]
    # Four times as many images of a quarter of the pixels.
    assert drawn == [(8, 2, 16, 16), (32, 2, 8, 8)]
