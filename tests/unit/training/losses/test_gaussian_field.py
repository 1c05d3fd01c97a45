from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from matvir.config import ModelConfig, from_dict, merge
from matvir.errors import ConfigError
from matvir.micrograph.encoding import TrainingData
from matvir.training.loop import Trainer
from matvir.training.losses.gaussian_field import best_order, correlation_loss, targets
from matvir.training.objective import Moment
from matvir.training.seeding import seeded

CPU = torch.device("cpu")


@pytest.fixture
def model(settings):
    small = {
        "network": {"radius": 8},
        "training": {"steps": 6, "log_every": 1, "checkpoint_every": 2},
    }
    return from_dict(ModelConfig, merge(settings["models"]["gaussian-field"], small))


def one_hot(labels):
    return (labels[:, None] == np.arange(labels.max() + 1)[:, None, None]).astype(np.uint8)


def smooth(shape, sigma, seed):
    field = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), sigma, mode="wrap")
    return field / field.std()


def data_of(sections, **changes):
    """Return sections by axis as the data of an isotropic material."""
    n_phases = next(iter(sections.values())).shape[1]
    return replace(
        TrainingData(
            phases=tuple("abc"[:n_phases]),
            voxel_size_um=None,
            mirror=True,
            quarter_turns=True,
            isotropic=True,
            sections=sections,
        ),
        **changes,
    )


@pytest.fixture
def data():
    """Return sections of two fields that are cut one after the other, 200 x 260 pixels."""
    first, second = (smooth((4, 200, 260), (0, width, width), width) for width in (2, 3))
    labels = np.where(first > 0.6, 1, np.where(second > 0, 2, 0))
    return data_of({0: one_hot(labels)})


def trained(model, data, tmp_path, *, steps, seed=0):
    model = replace(model, training=replace(model.training, steps=steps))
    run = Trainer(model, data, seed=seed, device=CPU)
    run.run(tmp_path / "state.pt", lambda _: None)
    return run


def test_the_covariance_behind_a_cut_is_found(model, tmp_path):
    """White noise behind a Gaussian filter of width s has the covariance exp(-r^2 / 4 s^2)."""
    labels = (smooth((6, 300, 340), (0, 2, 2), 0) > 0.8).astype(np.uint8)
    run = trained(model, data_of({0: one_hot(labels)}), tmp_path, steps=60)
    network = run.finish()
    found = network.covariances(0, 8)[0]
    lags = np.arange(9)
    np.testing.assert_allclose(found[8, 8:], np.exp(-(lags**2) / 16), atol=0.04)
    threshold = float(network.thresholds[0]) * (1 if network.order[0] == 1 else -1)
    assert threshold == pytest.approx(0.8, abs=0.05)
    assert run.history[-1]["loss"] < run.history[0]["loss"] / 20


def test_units_of_length_follow_the_material(model, tmp_path):
    """Widths of 1.5, 2 and 3 voxels along the axes, seen in the three planes."""
    volume = (smooth((130, 150, 170), (1.5, 2, 3), 1) > 0).astype(np.uint8)
    sections = {axis: one_hot(np.moveaxis(volume, axis, 0)[::10]) for axis in range(3)}
    anisotropic = data_of(sections, isotropic=False, quarter_turns=False)
    network = trained(model, anisotropic, tmp_path, steps=100).finish()
    units = network.log_units[0].exp().numpy()
    np.testing.assert_allclose(units / units[1], [0.75, 1, 1.5], rtol=0.06)
    covariance = network.covariances(0, 6)[0]
    lags = np.arange(7)
    np.testing.assert_allclose(covariance[6:, 6], np.exp(-(lags**2) / 16), atol=0.06)
    np.testing.assert_allclose(covariance[6, 6:], np.exp(-(lags**2) / 36), atol=0.06)


def test_phases_are_cut_in_the_order_that_suits_them(data):
    """The first field is cut into phase 1 and the rest, the second one into 2 and 0."""
    assert best_order(list(targets(data, 8, CPU).values()))[0] == 1


def test_correlations_of_all_phases_are_met(model, data, tmp_path):
    run = trained(model, data, tmp_path, steps=60)
    target = run.objective.targets[0]
    found = run.finish().correlations(0, target.shape[-1] // 2)
    assert float((found - target).abs().max()) < 0.01
    fractions = [float((data.sections[0][:, phase]).mean()) for phase in range(3)]
    np.testing.assert_allclose(found[:, 16, 16], fractions, atol=1e-4)


def test_targets_are_pair_counts(data):
    target = targets(data, 4, CPU)[0]
    phase = data.sections[0][:, 1].astype(float)
    rows, columns = 3, 1
    variants = [
        (phase[:, :-rows, :-columns] * phase[:, rows:, columns:]).mean(),
        (phase[:, rows:, :-columns] * phase[:, :-rows, columns:]).mean(),
        (phase[:, :-columns, :-rows] * phase[:, columns:, rows:]).mean(),
        (phase[:, columns:, :-rows] * phase[:, :-columns, rows:]).mean(),
    ]
    assert float(target[1, 4 + rows, 4 + columns]) == pytest.approx(np.mean(variants), abs=1e-4)
    narrow = {0: data.sections[0][:, :, :6]}
    assert targets(replace(data, sections=narrow), 20, CPU)[0].shape == (3, 7, 7)


def test_the_loss_counts_octaves_alike():
    """An error of 0.1 at one distance: weights fall as the square of it, places grow with it."""
    target = torch.full((1, 17, 17), 0.5)
    lags = torch.arange(-8, 9)
    squares = lags[:, None] ** 2 + lags**2
    near, far = (
        float(correlation_loss(target + 0.1 * ((squares > r * r) & (squares <= 4 * r * r)), target))
        for r in (2, 4)
    )
    assert near == pytest.approx(far, rel=0.15)
    everywhere = float(correlation_loss(target + 0.1, target))
    # Lag 0, where all of this error is too, is the fraction; the range is 1/4.
    assert everywhere == pytest.approx((0.1 / 0.25) ** 2, rel=1e-4)


def test_steps_change_every_parameter_of_an_anisotropic_material(model, data, tmp_path):
    anisotropic = replace(data, isotropic=False, quarter_turns=False)
    run = Trainer(model, anisotropic, seed=0, device=CPU)
    before = {name: value.clone() for name, value in run.generator.named_parameters()}
    for step in range(2):
        losses, volumes = run.objective.step(Moment(seeded(step), step, 0.5))
    assert all(not torch.equal(v, before[k]) for k, v in run.generator.named_parameters())
    assert volumes.sum(dim=1).unique().tolist() == [1]
    assert losses["loss"] > 0


def test_of_an_isotropic_material_units_stay(model, data, tmp_path):
    run = trained(model, data, tmp_path, steps=3)
    assert not run.generator.log_units.any()
    assert run.generator.profiles.std() > 0


def test_a_stopped_fit_goes_on_bit_identically(model, data, tmp_path):
    whole = trained(model, data, tmp_path, steps=6).finish().state_dict()
    run = Trainer(model, data, seed=0, device=CPU)
    run.n_steps = 6

    class KilledError(Exception):
        pass

    def kill_at_5(row):
        if row["step"] == 5:
            raise KilledError

    with pytest.raises(KilledError):
        run.run(tmp_path / "state.pt", kill_at_5)
    again = Trainer(model, data, seed=0, device=CPU)
    assert again.resume(tmp_path / "state.pt")
    assert again.step == 4
    again.run(tmp_path / "state.pt", lambda _: None)
    assert all(
        torch.equal(value, whole[name]) for name, value in again.finish().state_dict().items()
    )


def test_settings_without_a_use_are_refused(model, data):
    wrong = replace(model, training=replace(model.training, match_fractions=True))
    with pytest.raises(
        ConfigError, match=r"match_fractions: expected false for 'kind: gaussian-fi"
    ):
        Trainer(wrong, data, seed=0, device=CPU)
