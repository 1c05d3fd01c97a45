"""Kills trainings at a given step: every Python starts with this module if it finds it on its path.

The variable ``KILL_TRAININGS`` says how, as JSON, for each model: ``{"save": n, "early": bool,
"command": text}``. The command is run once, by the shell of the training: when the training has
put its state in its place for the n-th time, or just before that if ``early``. Then the training
does nothing until it is dead, or has been told to end.
"""

import json
import os
import signal
import time
from pathlib import Path

TIMEOUT = 120
replace = os.replace
saves = 0


def kill(command):
    """Run the command and wait for the signal."""
    told, handler = [], signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, lambda *of: told.append(handler(*of)))
    os.system(command)
    deadline = time.monotonic() + TIMEOUT
    while not told:
        if time.monotonic() > deadline:
            raise TimeoutError(f"no signal came of: {command}")
        time.sleep(0.05)
    signal.signal(signal.SIGTERM, handler)


def replace_and_kill(source, target, **keywords):
    """Rename a file; if it is the state of a training, count."""
    global saves  # noqa: PLW0603
    target = Path(target)
    mark = target.with_name("killed")
    if target.name != "state.pt" or mark.exists():
        return replace(source, target, **keywords)
    saves += 1
    hows = [how for model, how in HOWS.items() if model in target.parts]
    due = [how for how in hows if how["save"] == saves]
    if due:
        mark.touch()
    if due and due[0]["early"]:
        kill(due[0]["command"])
    replace(source, target, **keywords)
    if due and not due[0]["early"]:
        kill(due[0]["command"])
    return None


HOWS = json.loads(os.environ.get("KILL_TRAININGS", "{}"))
if HOWS:
    os.replace = replace_and_kill
