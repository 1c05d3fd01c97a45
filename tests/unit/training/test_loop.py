import math
from dataclasses import replace

import pytest
import torch

from matvir.training.loop import Trainer, TrainingDiverged
from matvir.training.seeding import seeded

CPU = torch.device("cpu")


def trainer(model, data, *, seed=3, steps=None):
    if steps is not None:
        model = replace(model, training=replace(model.training, steps=steps))
    return Trainer(model, data, seed=seed, device=CPU)


def ignore(row):
    """Take a row of the history and do nothing with it."""


def weights(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def assert_same(first, second):
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


def test_two_steps_change_every_parameter(model, data, tmp_path):
    run = trainer(model, data, steps=2)
    networks = [run.generator, *getattr(run.objective, "critics", ())]
    before = [weights(network) for network in networks]
    run.run(tmp_path / "state.pt", ignore)
    for network, old in zip(networks, before, strict=True):
        for name, parameter in network.named_parameters():
            # A bias in front of a batch normalisation has no effect but for rounding.
            if not (name.startswith("convolutions") and name.endswith("bias")):
                assert not torch.equal(parameter, old[name]), name


def test_same_seed_same_weights_other_seed_others(model, data, tmp_path):
    generators = []
    for index, seed in enumerate((3, 3, 4)):
        run = trainer(model, data, seed=seed, steps=2)
        run.run(tmp_path / f"{index}.pt", ignore)
        generators.append(weights(run.finish()))
    assert_same(generators[0], generators[1])
    name = "convolutions.0.weight"
    assert not torch.equal(generators[0][name], generators[2][name])


def test_a_stopped_training_goes_on_bit_identically(model, data, tmp_path):
    whole = trainer(model, data)
    whole.run(tmp_path / "whole.pt", ignore)

    class KilledError(Exception):
        pass

    def kill_at_5(row):
        if row["step"] == 5:
            raise KilledError

    state = tmp_path / "state.pt"
    with pytest.raises(KilledError):
        trainer(model, data).run(state, kill_at_5)
    again = trainer(model, data)
    assert again.resume(state)
    assert again.step == 4  # the last checkpoint before step 5
    again.run(state, ignore)
    assert_same(weights(again.generator), weights(whole.generator))
    assert_same(weights(again.finish()), weights(whole.finish()))
    timeless = [{k: v for k, v in row.items() if k != "seconds_per_step"} for row in again.history]
    assert timeless == [
        {k: v for k, v in row.items() if k != "seconds_per_step"} for row in whole.history
    ]


@pytest.mark.parametrize("change", [{"seed": 4}, {"steps": 7}])
def test_a_checkpoint_of_other_settings_is_not_continued(model, data, tmp_path, caplog, change):
    trainer(model, data, steps=2).run(tmp_path / "state.pt", ignore)
    assert not trainer(model, data, **{"steps": 2, **change}).resume(tmp_path / "state.pt")
    assert "of other settings or data and is not continued" in caplog.text


def test_history_has_what_a_person_watches(model, data, tmp_path):
    run = trainer(model, data, steps=2)
    run.run(tmp_path / "state.pt", ignore)
    row = run.history[-1]
    losses = (
        {"critic_loss", "wasserstein_estimate", "gradient_penalty", "generator_loss"}
        if "critic_loss" in row
        else {"loss", "loss_level_0", "loss_level_1"}
    )
    assert set(row) == {"step", "volume_fractions", "seconds_per_step"} | losses
    assert math.isclose(sum(row["volume_fractions"]), 1, rel_tol=1e-6)
    if "critic_loss" in row:
        expected = row["gradient_penalty"] - row["wasserstein_estimate"]
        assert math.isclose(row["critic_loss"], expected, rel_tol=1e-4, abs_tol=1e-5)
    else:
        parts = sum(row[f"loss_level_{level}"] for level in range(2))
        assert math.isclose(row["loss"], parts, rel_tol=1e-5)


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
            labels = network(network.draw(64, (5, 4, 6), seeded(77))).argmax(dim=1)
        fractions = torch.bincount(labels.flatten(), minlength=3) / labels.numel()
        errors.append((fractions - torch.tensor(expected)).abs().max().item())
    # An untrained network is far off; what is left are other volumes than those counted.
    assert errors[0] > 0.1
    assert errors[1] < 0.03


def test_coarse_numbers_change_little_and_the_weights_stay_fine(model, data, tmp_path):
    rows, runs = [], []
    for precision in ("float32", "bfloat16"):
        changed = replace(model, training=replace(model.training, precision=precision, steps=1))
        runs.append(trainer(changed, data))
        runs[-1].run(tmp_path / f"{precision}.pt", ignore)
        rows.append(runs[-1].history[-1])
    name = "loss" if "loss" in rows[0] else "critic_loss"
    assert rows[0][name] != rows[1][name]
    assert rows[0][name] == pytest.approx(rows[1][name], rel=0.01)
    assert all(value.dtype == torch.float32 for value in runs[1].finish().parameters())
