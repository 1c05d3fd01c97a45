"""A training that is given in minutes: how many steps fit into them."""

import time
from collections.abc import Callable

from matvir.errors import ConfigError
from matvir.training.loop import Trainer

UNITS = {"s": 1, "min": 60, "h": 3600}
# Steps that are rehearsed, evenly spread over the training: their cost differs within it.
REHEARSED_STEPS = 20
# A machine does not keep its pace for a quarter of an hour.
RESERVE = 0.06
# Below this no objective gets anywhere.
FEWEST_STEPS = 100


def seconds(budget: str) -> float:
    """Return the length of a budget such as ``15min``, ``1.5h`` or ``90s`` in seconds."""
    unit = max((u for u in UNITS if budget.endswith(u)), key=len)
    return float(budget.removesuffix(unit)) * UNITS[unit]


def steps_within(
    budget: str, twin: Trainer, *, clock: Callable[[], float] = time.perf_counter
) -> int:
    """Return how many steps fit into a budget, from a rehearsal on a twin of the training.

    The rehearsal, the validations and the calibration at the end are part of the budget.

    Parameters
    ----------
    budget : str
        As `seconds` reads it.
    twin : Trainer
        Of the same settings as the training; of no use afterwards.
    clock : callable
        Returns the time in seconds.

    Raises
    ------
    ConfigError
        If fewer than `FEWEST_STEPS` steps fit.
    """
    started = clock()
    twin.rehearse(0.0)  # the first step of all prepares kernels and memory
    before = clock()
    for index in range(REHEARSED_STEPS):
        twin.rehearse(index / REHEARSED_STEPS)
    per_step = (clock() - before) / REHEARSED_STEPS
    before = clock()
    twin.finish()
    finishing = clock() - before
    selection = twin.config.selection
    if selection is not None:
        before = clock()
        twin.validate()
        per_step += (1 - selection.start) * (clock() - before) / selection.every
    left = seconds(budget) * (1 - RESERVE) - (clock() - started) - finishing
    # The clocks of several processes differ.
    left, per_step = twin.group.broadcast((left, per_step), twin.device)
    n_steps = int(left / per_step)
    if n_steps < FEWEST_STEPS:
        enough = seconds(budget) - left + FEWEST_STEPS * per_step
        raise ConfigError(
            f"training.budget: {budget} is room for {max(n_steps, 0)} steps of {per_step:.2g} s on "
            f"this machine, expected at least {FEWEST_STEPS}. Give {enough:.0f}s or more, a "
            "smaller network, or 'steps' instead."
        )
    return n_steps
