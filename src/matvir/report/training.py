"""Curves of a training: its losses and the volume fractions of what it generates."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from matvir.report.palette import FIGURE_STYLE, RUN_COLOURS, phase_colours

# Everything else of a line of the history is a loss.
NOT_LOSSES = ("step", "seconds_per_step", "volume_fractions")
NAMES = {
    "critic_loss": "critic loss",
    "wasserstein_estimate": "Wasserstein estimate",
    "gradient_penalty": "gradient penalty",
    "generator_loss": "generator loss",
    "loss": "loss",
}


def losses_figure(history: Sequence[dict[str, Any]]) -> Figure | None:
    """Plot every loss against the generator's steps.

    Parameters
    ----------
    history : sequence of dict
        Lines of a training's history.

    Returns
    -------
    Figure or None
        With a logarithmic axis if all losses are positive; None for an empty history.
    """
    if not history:
        return None
    names = [name for name in history[0] if name not in NOT_LOSSES and _is_number(history[0][name])]
    with mpl.rc_context(FIGURE_STYLE):
        figure = Figure(figsize=(5.2, 3.0))
        axes = figure.subplots()
        steps = [line["step"] for line in history]
        for name, colour in zip(names, _colours(len(names)), strict=True):
            values = [line[name] for line in history]
            axes.plot(steps, values, color=colour, label=NAMES.get(name, _words(name)), lw=1.2)
        if all(line[name] > 0 for line in history for name in names):
            axes.set_yscale("log")
        axes.set(xlabel="generator step", ylabel="loss")
        _legend(axes, len(names))
    return figure


def fractions_figure(
    history: Sequence[dict[str, Any]], phases: Sequence[str], real: Sequence[float]
) -> Figure | None:
    """Plot the generated volume fractions against steps, with the real ones as dashed lines.

    Parameters
    ----------
    history : sequence of dict
        Lines of a training's history; ``volume_fractions`` in the order of ``phases``.
    phases : sequence of str
        Names of the phases.
    real : sequence of float
        Fraction of each phase in the real material, in 0 .. 1.

    Returns
    -------
    Figure or None
        None for an empty history.
    """
    if not history:
        return None
    with mpl.rc_context(FIGURE_STYLE):
        figure = Figure(figsize=(5.2, 3.0))
        axes = figure.subplots()
        steps = [line["step"] for line in history]
        colours = phase_colours(len(phases))
        for index, (phase, target) in enumerate(zip(phases, real, strict=True)):
            values = [line["volume_fractions"][index] for line in history]
            colour = colours[index]
            axes.plot(steps, values, color=colour, label=phase, lw=1.2)
            axes.axhline(target, color=colour, ls="--", lw=1)
        axes.set(xlabel="generator step", ylabel="volume fraction", ylim=(0, None))
        _legend(axes, len(phases))
    return figure


def _legend(axes: Axes, n_entries: int) -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=min(n_entries, 3))


def _colours(n: int) -> list[str]:
    return [RUN_COLOURS[index % len(RUN_COLOURS)] for index in range(n)]


def _words(name: str) -> str:
    return name.replace("_", " ")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
