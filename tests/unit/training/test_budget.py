from types import SimpleNamespace

import pytest
import torch

from matvir.errors import ConfigError
from matvir.training.budget import seconds, steps_within
from matvir.training.process_group import SINGLE


class Clockwork:
    """A training whose steps take 1 s, 0.5 s from the middle on, and whose end takes 10 s.

    One validation takes 4 s; they begin after a quarter of the steps.
    """

    def __init__(self, every=None):
        self.now = 0.0
        self.group, self.device = SINGLE, torch.device("cpu")
        self.config = SimpleNamespace(selection=every and SimpleNamespace(start=0.25, every=every))

    def clock(self):
        return self.now

    def rehearse(self, progress):
        self.now += 1.0 if progress < 0.5 else 0.5

    def finish(self):
        self.now += 10.0

    def validate(self):
        self.now += 4.0


@pytest.mark.parametrize(
    ("budget", "expected"), [("15min", 900), ("90s", 90), ("1.5h", 5400), ("2 min", 120)]
)
def test_budgets_are_read_with_their_unit(budget, expected):
    assert seconds(budget) == expected


def test_steps_fit_with_the_rehearsal_and_the_end():
    run = Clockwork()
    n_steps = steps_within("20min", run, clock=run.clock)
    # 94 % of 1200 s less a first step, 20 rehearsed ones of .75 s and twice the end, in .75 s each.
    assert n_steps == int((0.94 * 1200 - 1 - 15 - 20) / 0.75)


def test_validations_are_part_of_a_budget():
    run = Clockwork(every=20)
    n_steps = steps_within("20min", run, clock=run.clock)
    assert n_steps == int((0.94 * 1200 - 1 - 15 - 20 - 4) / (0.75 + 0.75 * 4 / 20))


def test_several_processes_follow_the_clock_of_one():
    run = Clockwork()
    run.group = SimpleNamespace(broadcast=lambda mine, device: [1000.0, 2.0])
    assert steps_within("20min", run, clock=run.clock) == 500


def test_a_budget_too_short_says_what_would_do():
    run = Clockwork()
    with pytest.raises(
        ConfigError, match=r"budget: 1min is room for 27 steps of 0.75 s .* least 100. Give 115s"
    ):
        steps_within("1min", run, clock=run.clock)
