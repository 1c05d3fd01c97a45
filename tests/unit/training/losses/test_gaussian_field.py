from dataclasses import replace
from functools import partial
from itertools import count

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from matvir.errors import ConfigError, InputError
from matvir.micrograph.encoding import TrainingData
from matvir.settings.build import from_dict, merge
from matvir.settings.models import ModelConfig
from matvir.training.budget import steps_within
from matvir.training.fit import fit
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


def trained(model, data, tmp_path, *, steps):
    model = replace(model, training=replace(model.training, steps=steps))
    run = Trainer(model, data, seed=0, device=CPU)
    run.run(tmp_path / "state.pt", lambda _: None)
    return run


def test_the_covariance_behind_a_cut_is_found(model, tmp_path):
    """White noise behind a Gaussian filter of width s has the covariance exp(-r^2 / 4 s^2)."""
    labels = (smooth((6, 300, 340), (0, 2, 2), 0) > 0.8).astype(np.uint8)
    run = trained(model, data_of({0: one_hot(labels)}), tmp_path, steps=60)
    network = run.finish()
    found = network.covariances(network.kernels(), 0, 8)[0]
    lags = np.arange(9)
    np.testing.assert_allclose(found[8, 8:], np.exp(-(lags**2) / 16), atol=0.04)
    threshold = float(network.thresholds[0]) * (1 if network.order[0] == 1 else -1)
    assert threshold == pytest.approx(0.8, abs=0.05)
    assert run.history[-1]["loss"] < run.history[0]["loss"] / 20


def test_stretches_follow_the_material(model, tmp_path):
    """Widths of 1.5, 2 and 3 voxels along the axes, seen in the three planes."""
    volume = (smooth((130, 150, 170), (1.5, 2, 3), 1) > 0).astype(np.uint8)
    sections = {axis: one_hot(np.moveaxis(volume, axis, 0)[::10]) for axis in range(3)}
    anisotropic = data_of(sections, isotropic=False, quarter_turns=False)
    network = trained(model, anisotropic, tmp_path, steps=100).finish()
    stretches = network.log_stretches[0].exp().numpy()
    np.testing.assert_allclose(stretches / stretches[1], [0.75, 1, 1.5], rtol=0.06)
    covariance = network.covariances(network.kernels(), 0, 6)[0]
    lags = np.arange(7)
    np.testing.assert_allclose(covariance[6:, 6], np.exp(-(lags**2) / 16), atol=0.06)
    np.testing.assert_allclose(covariance[6, 6:], np.exp(-(lags**2) / 36), atol=0.06)


def test_phases_are_cut_in_the_order_that_suits_them(data):
    """The first field is cut into phase 1 and the rest, the second one into 2 and 0."""
    assert best_order(list(targets(data, 8, CPU).values()))[0] == 1


def test_a_phase_that_the_sections_do_not_show_is_cut_too(model, data, tmp_path):
    sections = np.concatenate([data.sections[0], 0 * data.sections[0][:, :1]], axis=1)
    four = replace(data, sections={0: sections}, phases=tuple("abcd"))
    network = trained(model, four, tmp_path, steps=3).finish()
    assert torch.isfinite(network.profiles).all()
    assert 3 not in network.sample(1, 1, seeded(0)).argmax(dim=1)


@pytest.mark.parametrize("total", [1 - 1e-6, 1.0, 1 + 1e-6])
def test_fractions_that_do_not_quite_add_up_give_an_order(total):
    one = torch.tensor([0.3, 0.7, 0.0])[:, None, None] * total
    assert sorted(best_order([one.expand(3, 5, 5)])) == [0, 1, 2]


def cascade(shares):
    """Return correlations of phases that are cut one after the other, along one line of lags."""
    rest, found = np.ones(9), []
    for index, share in enumerate(shares):
        lags = np.abs(np.arange(-4, 5))
        both = share**2 + share * (1 - share) * np.exp(-lags / (1 + index))
        found.append(rest * both)
        rest = rest * (1 - 2 * share + both)
    line = torch.tensor(np.array([*found, rest]))
    plane = torch.zeros(len(line), 9, 9, dtype=line.dtype)
    plane[:, 4], plane[:, :, 4] = line, line
    return plane


def test_the_order_of_four_phases_is_found_among_all():
    """The last two can change places: what one has, the other leaves."""
    plane = cascade([0.3, 0.2, 0.6])
    assert best_order([plane])[:2] == (0, 1)
    assert best_order([plane[[2, 0, 3, 1]]])[:2] == (1, 3)


def test_many_phases_come_by_their_fractions():
    """Twelve phases have half a billion orders."""
    plane = cascade([0.05, *[0.15] * 10])
    fractions = plane[:, 4, 4].tolist()
    order = best_order([plane])
    assert [fractions[phase] for phase in order] == sorted(fractions, reverse=True)


def test_correlations_of_all_phases_are_met(model, data, tmp_path):
    run = trained(model, data, tmp_path, steps=60)
    target = run.objective.targets[0]
    network = run.finish()
    found = network.autocorrelations(network.kernels(), 0, target.shape[-1] // 2)
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


def test_isotropic_targets_count_every_pixel_once(data):
    wide, narrow = data.sections[0][:, :, :150], data.sections[0][:1, :, :60, :80]
    found = targets(replace(data, sections={0: wide, 1: narrow, 2: narrow}), 5, CPU)
    assert list(found) == [0]
    pixels = np.concatenate([one.swapaxes(0, 1).reshape(3, -1) for one in (wide, narrow)], axis=1)
    np.testing.assert_allclose(found[0][:, 5, 5], pixels.mean(axis=1), rtol=1e-5)
    # The sides of a thin stack show fewer lags.
    sides = targets(replace(data, sections={0: wide, 1: narrow[:, :, :6]}), 5, CPU)[0]
    np.testing.assert_allclose(sides, targets(replace(data, sections={0: wide}), 5, CPU)[0])


def test_each_plane_of_an_anisotropic_material_has_its_own_reach(data):
    """A thin film: planes along it are shared by two axes, one across it, none missing."""
    along, across = data.sections[0], data.sections[0][:, :, :7]
    film = replace(data, isotropic=False, quarter_turns=False, sections={0: along, 1: across})
    found = targets(film, 16, CPU)
    assert {axis: one.shape for axis, one in found.items()} == {0: (3, 33, 33), 1: (3, 7, 7)}
    shared = targets(replace(film, sections={0: along, 1: across, 2: across}), 16, CPU)
    assert shared[1] is shared[2]


def test_lags_end_where_the_material_does(data):
    """Of a disc with a radius of 15 pixels in an image of 200 x 260, lags up to 15 are known."""
    rows, columns = np.ogrid[:200, :260]
    disc = (rows - 90) ** 2 + (columns - 100) ** 2 <= 15**2
    found = targets(replace(data, sections={0: data.sections[0] * disc}), 40, CPU)[0]
    assert found.shape == (3, 31, 31)
    inside = data.sections[0][..., disc].mean(axis=(0, 2))
    np.testing.assert_allclose(found[:, 15, 15], inside, rtol=1e-5)
    assert float(found.sum(dim=0)[15, 30]) > 0.3


def test_sections_without_neighbours_are_refused(model, data):
    line = replace(data, sections={0: data.sections[0][:, :, :1]})
    message = r"expected sections of at least 2 pixels .* got \[\(1, 260\)\]. Give a larger image"
    with pytest.raises(InputError, match=message):
        Trainer(model, line, seed=0, device=CPU)


def test_a_budget_sets_the_steps(model, data, tmp_path, monkeypatch):
    """By a clock that goes on by a second when it is read."""
    ticking = partial(steps_within, clock=count().__next__)
    monkeypatch.setattr("matvir.training.fit.steps_within", ticking)
    run = fit(
        replace(model, training=replace(model.training, steps=None, budget="12s")),
        data,
        seed=0,
        device=CPU,
        state=tmp_path / "state.pt",
        title="fields",
    )
    # Of 94 % of the budget five seconds are gone and one is for the end, at 20 steps a second.
    assert run.step == run.n_steps == 105


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


def test_of_an_isotropic_material_nothing_is_stretched(model, data, tmp_path):
    first = Trainer(model, data, seed=0, device=CPU).generator.profiles
    network = trained(model, data, tmp_path, steps=3).generator
    assert not network.log_stretches.any()
    assert not torch.equal(network.profiles, first)


def test_settings_without_a_use_are_refused(model, data):
    wrong = replace(model, training=replace(model.training, match_fractions=True))
    with pytest.raises(
        ConfigError, match=r"match_fractions: expected false for 'kind: gaussian-fi"
    ):
        Trainer(wrong, data, seed=0, device=CPU)
