import math
import os
import re
import signal
from dataclasses import replace

import pytest
import torch

from matvir.models.slicegan import Generator
from matvir.settings.models import DecayConfig, SelectionConfig
from matvir.training.fit import fit
from matvir.training.interruption import Interruption
from matvir.training.loop import (
    Trainer,
    TrainingDiverged,
    TrainingInterrupted,
    rate_factor,
)
from matvir.training.seeding import seeded
from matvir.training.selection import Errors

CPU = torch.device("cpu")


def trainer(model, data, *, seed=3, steps=None, device=CPU):
    if steps is not None:
        model = replace(model, training=replace(model.training, steps=steps))
    return Trainer(model, data, seed=seed, device=device)


def ignore(row):
    """Take a row of the history and do nothing with it."""


def weights(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def assert_same(first, second):
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


def test_two_steps_change_every_parameter(any_model, data, tmp_path, device):
    run = trainer(any_model, data, steps=2, device=device)
    networks = {"generator": run.generator, **run.objective.networks()}
    before = {name: weights(network) for name, network in networks.items()}
    run.run(tmp_path / "state.pt", ignore)
    for kind, network in networks.items():
        for name, parameter in network.named_parameters():
            # What is added to all scores cancels out of a Wasserstein or relativistic loss, and a
            # bias in front of a normalisation has no effect but for rounding.
            of_no_effect = kind == "critics" or name.startswith(("convolutions", "linear"))
            fixed = not parameter.requires_grad  # stretches, the material being isotropic
            if kind == "discriminator" or not ((of_no_effect and name.endswith("bias")) or fixed):
                assert not torch.equal(parameter, before[kind][name]), name


def test_same_seed_same_weights_other_seed_others(any_model, data, tmp_path, device):
    generators = []
    for index, seed in enumerate((3, 3, 4)):
        torch.manual_seed(index)  # of no effect
        run = trainer(any_model, data, seed=seed, steps=2, device=device)
        run.run(tmp_path / f"{index}.pt", ignore)
        generators.append(weights(run.finish()))
    assert_same(generators[0], generators[1])
    if any_model.kind == "gaussian-field":  # nothing of its fit is random
        assert_same(generators[0], generators[2])
        return
    name = next(name for name in generators[0] if name.endswith("0.weight"))
    assert not torch.equal(generators[0][name], generators[2][name])


def test_a_stopped_training_goes_on_bit_identically(any_model, data, tmp_path, device):
    whole = trainer(any_model, data, device=device)
    whole.run(tmp_path / "whole.pt", ignore)

    class KilledError(Exception):
        pass

    def kill_at_5(row):
        if row["step"] == 5:
            raise KilledError

    state = tmp_path / "state.pt"
    with pytest.raises(KilledError):
        trainer(any_model, data, device=device).run(state, kill_at_5)
    again = trainer(any_model, data, device=device)
    assert again.resume(state)
    assert again.step == 4  # the last checkpoint before step 5
    again.run(state, ignore)
    assert_same(weights(again.generator), weights(whole.generator))
    assert_same(weights(again.finish()), weights(whole.finish()))
    timeless = [{k: v for k, v in row.items() if k != "seconds_per_step"} for row in again.history]
    assert timeless == [
        {k: v for k, v in row.items() if k != "seconds_per_step"} for row in whole.history
    ]


@pytest.fixture
def as_in_the_foreground():
    """Hear Ctrl-C, which tests that run in the background inherit as ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("as_in_the_foreground")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_what_was_done_since_the_last_checkpoint(model, data, tmp_path, number):
    state, handler = tmp_path / "state.pt", signal.getsignal(number)
    run = trainer(model, data)

    def ask_to_end(row):
        if row["step"] == 5:
            os.kill(os.getpid(), number)

    message = rf"{number.name} ended the training after step 5 of {run.n_steps}; .*state.pt holds"
    with Interruption() as noticed, pytest.raises(TrainingInterrupted, match=message):
        run.run(state, ask_to_end, noticed)
    assert signal.getsignal(number) is handler
    again = trainer(model, data)
    assert again.resume(state)
    assert again.step == 5
    again.run(state, ignore)
    whole = trainer(model, data)
    whole.run(tmp_path / "whole.pt", ignore)
    assert_same(weights(again.finish()), weights(whole.finish()))


@pytest.mark.usefixtures("as_in_the_foreground")
def test_someone_who_insists_is_not_kept_waiting():
    with Interruption() as noticed:
        os.kill(os.getpid(), signal.SIGINT)
        assert noticed.signal == "SIGINT"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_slow_steps_are_saved_more_often(model, data, tmp_path, monkeypatch):
    monkeypatch.setattr("matvir.training.loop.CHECKPOINT_SECONDS", 0.0)
    saved = []
    run = trainer(model, data, steps=3)
    monkeypatch.setattr(run, "save", lambda state: saved.append(run.step))
    run.run(tmp_path / "state.pt", ignore)
    assert saved == [1, 2, 3]


@pytest.mark.parametrize("change", [{"seed": 4}, {"steps": 7}])
def test_a_checkpoint_of_other_settings_is_not_continued(model, data, tmp_path, caplog, change):
    trainer(model, data, steps=2).run(tmp_path / "state.pt", ignore)
    assert not trainer(model, data, **{"steps": 2, **change}).resume(tmp_path / "state.pt")
    assert "of other settings or data and is not continued" in caplog.text


def test_history_has_what_a_person_watches(model, data, tmp_path):
    run = trainer(model, data, steps=2)
    run.run(tmp_path / "state.pt", ignore)
    row = run.history[-1]
    losses = {
        "wasserstein-gp": {
            "critic_loss",
            "wasserstein_estimate",
            "gradient_penalty",
            "generator_loss",
        },
        "sliced-wasserstein": {"loss", "loss_level_0", "loss_level_1"},
        "relativistic": {"critic_loss", "generator_loss", "confidence_penalty"},
    }[model.training.objective.kind]
    errors = {"correlation", "area", "score"} if model.training.selection else set()
    if model.training.density_control:
        losses |= {f"density_difference_{phase}" for phase in data.phases} | {"fluctuation_loss"}
    assert set(row) == {"step", "volume_fractions", "seconds_per_step"} | losses | errors
    assert math.isclose(sum(row["volume_fractions"]), 1, rel_tol=1e-6)
    if "wasserstein_estimate" in row:
        expected = row["gradient_penalty"] - row["wasserstein_estimate"]
        assert math.isclose(row["critic_loss"], expected, rel_tol=1e-4, abs_tol=1e-5)
    if "loss" in row:
        parts = sum(row[f"loss_level_{level}"] for level in range(2))
        assert math.isclose(row["loss"], parts, rel_tol=1e-5)


@pytest.mark.parametrize(
    ("progress", "factor"),
    [(0.0, 1.0), (0.4, 1.0), (0.6, 0.55 + 0.45 * math.cos(math.pi / 3)), (0.7, 0.55), (1.0, 0.1)],
)
def test_learning_rates_fall_along_half_a_cosine(progress, factor):
    assert rate_factor(progress, DecayConfig(start=0.4, final=0.1)) == pytest.approx(factor)
    assert rate_factor(progress, DecayConfig(start=1.0, final=1.0)) == 1


def test_each_optimiser_gets_its_own_rate_of_the_moment(relativistic_model, data, tmp_path):
    decay = DecayConfig(start=0.0, final=0.0)
    model = replace(relativistic_model, training=replace(relativistic_model.training, decay=decay))
    run = trainer(model, data, steps=2)
    run.run(tmp_path / "state.pt", ignore)
    # The second of two steps is half way down.
    rates = {name: o.param_groups[0]["lr"] for name, o in run.objective.optimisers.items()}
    assert rates == pytest.approx({"generator": 1e-3, "critics": 2.5e-4})


def test_a_loss_that_is_not_finite_stops_at_once_and_names_the_kept_state(model, data, tmp_path):
    run = trainer(model, data)
    state = tmp_path / "state.pt"

    def poison(row):
        if row["step"] == 2:
            with torch.no_grad():
                run.generator.convolutions[0].weight.fill_(math.nan)

    with pytest.raises(
        TrainingDiverged, match=r"not finite at step 3 .*state.pt holds the last good"
    ):
        run.run(state, poison)


def test_finished_generator_is_calibrated_anew_and_the_same_each_time(model, data, tmp_path):
    run = trainer(model, data, steps=2)
    run.run(tmp_path / "state.pt", ignore)
    collected = weights(run.average)["normalisations.0.running_mean"]
    network = run.finish()
    assert not network.training
    first = weights(network)
    assert not torch.equal(first["normalisations.0.running_mean"], collected)
    assert_same(weights(run.finish()), first)


def test_fractions_are_matched_only_where_asked_for(model, data, tmp_path):
    expected = (data.sections[0][0].mean(axis=(1, 2))).tolist()
    errors = []
    for match in (False, True):
        changed = replace(model, training=replace(model.training, steps=2, match_fractions=match))
        run = trainer(changed, data)
        run.run(tmp_path / f"{match}.pt", ignore)
        network = run.finish()
        with torch.no_grad():
            size = (model.training.latent_size,) * 3
            labels = network(network.draw(128, size, seeded(77))).argmax(dim=1)
        fractions = torch.bincount(labels.flatten(), minlength=3) / labels.numel()
        errors.append((fractions - torch.tensor(expected)).abs().max().item())
    # An untrained network is far off; what is left are other volumes than those counted.
    assert errors[0] > 0.08
    assert errors[1] < 0.03


def test_bfloat16_numbers_change_little_and_the_weights_stay_fine(model, data, tmp_path):
    rows, runs = [], []
    for precision in ("float32", "bfloat16"):
        changed = replace(model, training=replace(model.training, precision=precision, steps=1))
        runs.append(trainer(changed, data))
        runs[-1].run(tmp_path / f"{precision}.pt", ignore)
        rows.append(runs[-1].history[-1])
    name = next(name for name in ("loss", "critic_loss") if name in rows[0])
    assert rows[0][name] != rows[1][name]
    assert rows[0][name] == pytest.approx(rows[1][name], rel=0.01)
    assert all(value.dtype == torch.float32 for value in runs[1].finish().parameters())


def test_fit_shows_a_loss_and_the_fractions_of_every_objective(model, data, tmp_path, caplog):
    with caplog.at_level("INFO"):
        fit(model, data, seed=1, device=CPU, state=tmp_path / "state.pt", title="training x")
    shown = r"(loss|wasserstein_estimate|generator_loss) -?\d+\.\d+, volume fractions( 0\.\d+){3}"
    assert re.search(shown, caplog.text)


def test_a_budget_becomes_a_number_of_steps_that_a_stopped_training_keeps(
    patch_model, data, tmp_path, caplog
):
    training = replace(patch_model.training, steps=None, budget="1h")
    model, state = replace(patch_model, training=training), tmp_path / "state.pt"

    def planned(budget, twin):
        assert budget == "1h"
        twin.rehearse(0.5)
        assert twin.step == 1
        return 5

    with pytest.MonkeyPatch.context() as patch, caplog.at_level("INFO"):
        patch.setattr("matvir.training.fit.steps_within", planned)
        whole = fit(model, data, seed=3, device=CPU, state=state, title="x")
    assert "1h has room for 5 steps" in caplog.text
    assert (whole.step, whole.n_steps) == (5, 5)
    # The rehearsal leaves no trace: as many steps asked for as such give the same weights.
    same = trainer(patch_model, data, steps=5)
    same.run(tmp_path / "other.pt", ignore)
    assert_same(weights(whole.generator), weights(same.generator))
    # The plan is in the checkpoint and not made again.
    assert fit(model, data, seed=3, device=CPU, state=state, title="x").n_steps == 5


def selecting(model, scores, monkeypatch, *, patience=3):
    """Return the model with a validation at each step, of these scores."""
    left = iter(scores)

    def validate(_):
        score = next(left)
        return Errors(correlation=score, area=score, score=score)

    monkeypatch.setattr(Trainer, "validate", validate)
    selection = SelectionConfig(start=0, every=1, volumes=1, reach=5, patience=patience)
    return replace(model, training=replace(model.training, selection=selection))


def test_the_generator_of_the_best_validation_is_kept(model, data, tmp_path, monkeypatch):
    model = selecting(model, [0.5, 0.2, 0.4, 0.2, 0.3, 0.3], monkeypatch, patience=9)
    run, averages = trainer(model, data), {}

    def remember(row):
        averages[row["step"]] = weights(run.average)

    run.run(tmp_path / "state.pt", remember)
    assert run.kept_step == 2  # the first of equal ones
    assert_same(weights(run.best), averages[2])
    again = trainer(model, data)
    again.resume(tmp_path / "state.pt")
    assert_same(weights(again.finish()), weights(run.finish()))


def test_a_training_that_gets_no_better_stops_and_stays_stopped(
    patch_model, data, tmp_path, monkeypatch
):
    model = selecting(patch_model, [0.3, 0.2, 0.4, 0.5, 0.6], monkeypatch)
    run = trainer(model, data, steps=50)
    run.run(tmp_path / "state.pt", ignore)
    assert (run.step, run.kept_step) == (5, 2)
    again = trainer(model, data, steps=50)
    assert again.resume(tmp_path / "state.pt")
    again.run(tmp_path / "state.pt", ignore)
    assert again.step == 5


def test_validations_change_no_step(model, data, tmp_path):
    plain = replace(model, training=replace(model.training, selection=None))
    selection = SelectionConfig(start=0, every=2, volumes=1, reach=5, patience=9)
    validated = replace(model, training=replace(model.training, selection=selection))
    runs = [trainer(one, data) for one in (plain, validated)]
    for index, run in enumerate(runs):
        run.run(tmp_path / f"{index}.pt", ignore)
    assert_same(weights(runs[0].average), weights(runs[1].average))
    assert [row["step"] for row in runs[1].history if "score" in row] == [2, 4, 6]
    assert all(0 < row["score"] < 100 for row in runs[1].history if "score" in row)


def test_validations_begin_where_they_are_told_to(model, data, tmp_path, monkeypatch):
    model = selecting(model, [0.2, 0.1, 0.3, 0.4], monkeypatch, patience=9)
    late = replace(model.training.selection, start=0.4)
    run = trainer(replace(model, training=replace(model.training, selection=late)), data)
    run.run(tmp_path / "state.pt", ignore)
    assert [row["step"] for row in run.history if "score" in row] == [3, 4, 5, 6]


@pytest.mark.parametrize(("most_voxels", "expected"), [(1, 16), (20, 20), (10**6, 64)])
def test_large_volumes_need_fewer_to_calibrate_with(
    patch_model, data, monkeypatch, most_voxels, expected
):
    run, seen = trainer(patch_model, data), []
    n_voxels = run.generator.output_size(run.config.latent_size) ** 3
    monkeypatch.setattr("matvir.models.slicegan.MOST_VOXELS", most_voxels * n_voxels)
    draw = Generator.draw

    def count(self, n_volumes, *more):
        seen.append(n_volumes)
        return draw(self, n_volumes, *more)

    monkeypatch.setattr(Generator, "draw", count)
    run.finish()
    assert set(seen) == {expected}


def test_signals_that_are_ignored_stay_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interruption() as noticed:
            os.kill(os.getpid(), signal.SIGINT)
        assert noticed.signal is None
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
