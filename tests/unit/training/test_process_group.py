"""A training shared by two processes equals that of one with the whole batch."""

import logging
import os
import signal
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from matvir.errors import ConfigError
from matvir.training.fit import fit
from matvir.training.loop import Trainer, TrainingInterrupted
from matvir.training.process_group import (
    SINGLE,
    ProcessGroup,
    ProcessLost,
    process_group,
    share_normalisations,
)
from matvir.training.seeding import seeded
from matvir.training.selection import Errors

CPU = torch.device("cpu")


def shared(model, **objective):
    """Return a model in batches that two processes can share, of few steps."""
    training = replace(model.training, steps=4, selection=None)
    training = replace(training, objective=replace(training.objective, **objective))
    return replace(model, training=training)


@pytest.fixture(params=["wasserstein", "relativistic"])
def even_model(request, critic_model, relativistic_model):
    if request.param == "wasserstein":
        return shared(critic_model, critic_volumes=2, generator_volumes=2)
    return shared(relativistic_model, volumes=2)


def train(model, data, state, processes, **more):
    torch.set_num_threads(1)
    return fit(model, data, seed=3, device=CPU, state=state, title="t", processes=processes, **more)


def test_two_processes_train_as_one_does(even_model, data, tmp_path):
    alone = train(even_model, data, tmp_path / "a.pt", 1)
    together = train(even_model, data, tmp_path / "b.pt", 2)
    assert together.step == alone.step == 4
    for ours, theirs in zip(together.history, alone.history, strict=True):
        assert ours.keys() == theirs.keys()
        for name in theirs.keys() - {"seconds_per_step"}:
            assert ours[name] == pytest.approx(theirs[name], rel=1e-3, abs=1e-5), name
    # Of the finished generators what they make: the bias before a normalisation is noise.
    networks = [trainer.finish() for trainer in (together, alone)]
    latents = networks[0].draw(2, (5, 7, 6), seeded(0))
    with torch.no_grad():
        made = [network(latents) for network in networks]
    assert made[1].std() > 0.01
    torch.testing.assert_close(made[0], made[1], rtol=0, atol=2e-3)


def test_a_shared_training_goes_on_alone_and_the_other_way(even_model, data, tmp_path):
    """The state is that of a training, not of its processes."""
    expected = train(even_model, data, tmp_path / "a.pt", 1).history[-1]
    half = replace(even_model, training=replace(even_model.training, checkpoint_every=2))
    for number, (first, then) in enumerate([(1, 2), (2, 1)]):
        state = tmp_path / f"{number}.pt"
        train(half, data, state, first)
        content = torch.load(state, weights_only=True)
        assert content["step"] == 4
        content["step"], content["history"] = 3, content["history"][:3]
        torch.save(content, state)
        again = train(half, data, state, then)
        assert again.step == 4
        # Measured seconds included: these steps were not made again.
        assert again.history[:3] == content["history"]
        assert again.history[-1].keys() == expected.keys()


def test_batches_that_cannot_be_shared_are_refused(relativistic_model, data, tmp_path):
    model = shared(relativistic_model, volumes=3)
    with pytest.raises(ConfigError, match=r"objective\.volumes: .* multiple of the 2 .* got 3"):
        train(model, data, tmp_path / "s.pt", 2)


def test_objectives_that_cannot_be_shared_are_refused(patch_model, data, tmp_path):
    with pytest.raises(ConfigError, match=r"'sliced-wasserstein' trains in one process, got 2"):
        train(patch_model, data, tmp_path / "s.pt", 2)


def test_a_signal_to_the_main_process_ends_all(even_model, data, tmp_path, caplog, monkeypatch):
    """After the second step; the state of it is there."""
    caplog.set_level(logging.INFO)
    save = Trainer.save

    def interrupt(self, state):
        save(self, state)
        if self.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Trainer, "save", interrupt)
    model = replace(even_model, training=replace(even_model.training, steps=40, checkpoint_every=2))
    with pytest.raises(TrainingInterrupted, match=r"SIGTERM ended the training after step [23] of"):
        train(model, data, tmp_path / "s.pt", 2)
    assert torch.load(tmp_path / "s.pt", weights_only=True)["step"] in (2, 3)


def leave(group, device):
    os._exit(3)


def fail(group, device):
    raise ValueError("on purpose")


class Unpicklable:
    """Ends the process that is given it before it has begun."""

    def __reduce__(self):
        return os._exit, (4,)


def gather_and_normalise(group, device):
    """Be the second of two in the test below."""
    from torch import distributed

    part = torch.full((1, 2), float(group.rank), requires_grad=True)
    whole = group.gather(part)
    (whole * torch.tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
    distributed.all_reduce(part.grad)


def test_gathered_parts_are_in_order_and_gradients_summed():
    with process_group(2, CPU, gather_and_normalise, {}) as group:
        from torch import distributed

        part = torch.full((1, 2), float(group.rank), requires_grad=True)
        whole = group.gather(part)
        assert whole.tolist() == [[0, 0], [1, 1]]
        (whole * torch.tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
        # Both processes say 1 and 2 of the first part.
        assert part.grad.tolist() == [[2, 4]]
        distributed.all_reduce(part.grad)
        assert part.grad.tolist() == [[2 + 6, 4 + 8]]


def select(group, device):
    """Add a validation to a row of the history, the main process's or another's."""
    network = nn.Linear(1, 1)
    errors = Errors(correlation=0.1 + group.rank, area=0.2, score=1e-300 + group.rank)
    trainer = SimpleNamespace(group=group, device=device, history=[], average=network, best=network)
    trainer.validate = lambda: errors
    row = {"step": 1}
    Trainer._select(trainer, row)
    assert row == {"step": 1, "correlation": 0.1, "area": 0.2, "score": 1e-300}
    group.any(False, device)  # is there only if the other has agreed too


def test_all_processes_judge_by_the_validation_of_the_main_one():
    with process_group(2, CPU, select, {}) as group:
        select(group, CPU)


@pytest.mark.parametrize(
    ("member", "arguments"), [(leave, {}), (fail, {}), (leave, {"a": Unpicklable()})]
)
def test_a_process_that_dies_is_noticed(member, arguments):
    def ask():
        with process_group(2, CPU, member, arguments) as group:
            for _ in range(100):
                group.any(False, CPU)

    with pytest.raises(ProcessLost, match="another process of the training is gone"):
        ask()


def test_one_process_is_a_group_that_starts_and_changes_nothing():
    """Not even a gradient is copied, and nothing has to be connected."""
    values, batch = {"a": torch.ones(())}, torch.arange(4.0, requires_grad=True)
    with process_group(1, CPU, fail, {}) as group:
        assert group is SINGLE
    assert not torch.distributed.is_initialized()
    assert (SINGLE.rank, SINGLE.size, SINGLE.is_main) == (0, 1, True)
    assert not ProcessGroup(1, 2).is_main
    assert SINGLE.gather(batch) is batch
    assert SINGLE.sum(batch) is batch
    assert torch.equal(SINGLE.shard(batch), batch)
    assert SINGLE.mean(values)["a"] is values["a"]
    assert SINGLE.broadcast((3.5, -1.0), CPU) == [3.5, -1.0]
    assert [SINGLE.any(one, CPU) for one in (True, False)] == [True, False]
    layer = nn.Linear(2, 1)
    layer(torch.ones(3, 2)).sum().backward()
    gradient, before = layer.weight.grad, layer.weight.grad.clone()
    SINGLE.average_gradients(torch.optim.SGD(layer.parameters(), lr=1.0))
    assert layer.weight.grad is gradient
    assert torch.equal(gradient, before)
    network = nn.Sequential(nn.BatchNorm3d(2))
    alone = network[0]
    share_normalisations(network, SINGLE)
    assert network[0] is alone
    share_normalisations(network, ProcessGroup(0, 2))
    assert network[0] is not alone
    assert network[0].weight is alone.weight
