"""Curves of a training: losses, volume fractions of what it generates, validations."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from matvir.report.embed import optional_uri
from matvir.report.palette import FIGURE_STYLE, RUN_COLOURS, channel_colours, phase_colours
from matvir.report.results import Material
from matvir.training.history import best_row

# Errors of validations, in percent in the figure.
VALIDATIONS = {
    "correlation": "two-point correlation",
    "area": "interfaces or gradients",
    "score": "mean over phases and pairs",
}
# Letters that fit above a figure.
LEGEND_LETTERS = 66
# Begins the names of what each phase misses its target by (`matvir.training.density`).
DENSITY = "density_difference_"
# Everything else of a line of the history is a loss.
NOT_LOSSES = ("step", "seconds_per_step", "volume_fractions", "mean_values", *VALIDATIONS)
NAMES = {
    "critic_loss": "critic loss",
    "wasserstein_estimate": "Wasserstein estimate",
    "gradient_penalty": "gradient penalty",
    "generator_loss": "generator loss",
    "discriminator_loss": "discriminator loss",
    "image_loss": "squared error of the image",
    "cross_entropy": "cross-entropy of the pixels",
    "statistics_loss": "error of the statistics",
    "feature_loss": "difference of features",
    "reconstruction_error": "squared error of a pixel",
    "kl_loss": "KL divergence of the codes",
    "loss": "loss",
    "line_loss": "loss of lines",
}


@dataclass(frozen=True, kw_only=True)
class TrainingView:
    """Figures of one training as data URIs; None where there is nothing to draw."""

    name: str
    losses: str | None
    fractions: str | None
    densities: str | None
    validations: str | None


def show_trainings(material: Material) -> list[TrainingView]:
    """Draw the training of every run."""
    real = material.specimen.volume_fractions().tolist()
    return [
        TrainingView(
            name=run.name,
            losses=optional_uri(losses_figure(run.history)),
            fractions=optional_uri(fractions_figure(run.history, material.phases, real)),
            densities=optional_uri(density_figure(run.history, material.phases)),
            validations=optional_uri(validation_figure(run.history)),
        )
        for run in material.runs
    ]


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
    # Some losses count in a part of the training only.
    columns = dict.fromkeys(name for line in history for name in line)
    names = [n for n in columns if _is_loss(n) and _is_number(_values(history, n)[1][0])]
    with mpl.rc_context(FIGURE_STYLE):
        figure = Figure(figsize=(5.2, 3.0))
        axes = figure.subplots()
        for name, colour in zip(names, _colours(len(names)), strict=True):
            label = NAMES.get(name, _words(name))
            axes.plot(*_values(history, name), color=colour, label=label, lw=1.2)
        if all(value > 0 for name in names for value in _values(history, name)[1]):
            axes.set_yscale("log")
        axes.set(xlabel="generator step", ylabel="loss")
        _legend(axes)
    return figure


def validation_figure(history: Sequence[dict[str, Any]]) -> Figure | None:
    """Plot the errors of the validations, with a line at the step that was kept.

    Parameters
    ----------
    history : sequence of dict
        Lines of a training's history.

    Returns
    -------
    Figure or None
        None if there were no validations.
    """
    kept = best_row(history)
    if kept is None:
        return None
    with mpl.rc_context(FIGURE_STYLE):
        figure = Figure(figsize=(5.2, 3.0))
        axes = figure.subplots()
        for (name, label), colour in zip(VALIDATIONS.items(), _colours(3), strict=True):
            steps, values = _values(history, name)
            percent = [100 * value for value in values]
            axes.plot(steps, percent, color=colour, label=label, lw=1.2, marker=".")
        axes.axvline(kept["step"], color="0.4", ls=":", lw=1, label="kept")
        axes.set(xlabel="generator step", ylabel="largest error (%)", yscale="log")
        _legend(axes)
    return figure


def density_figure(history: Sequence[dict[str, Any]], phases: Sequence[str]) -> Figure | None:
    """Plot the difference between target and computed fraction of each phase against steps.

    Parameters
    ----------
    history : sequence of dict
        Lines of a training's history.
    phases : sequence of str
        Names of the phases.

    Returns
    -------
    Figure or None
        None if the training did not control fractions.
    """
    if not history or DENSITY + phases[0] not in history[0]:
        return None
    with mpl.rc_context(FIGURE_STYLE):
        figure = Figure(figsize=(5.2, 3.0))
        axes = figure.subplots()
        for phase, colour in zip(phases, phase_colours(len(phases)), strict=True):
            axes.plot(*_values(history, DENSITY + phase), color=colour, label=phase, lw=1.2)
        axes.set(xlabel="generator step", ylabel="|target - computed fraction|", ylim=(0, None))
        _legend(axes)
    return figure


def fractions_figure(
    history: Sequence[dict[str, Any]], phases: Sequence[str], real: Sequence[float]
) -> Figure | None:
    """Plot the generated volume fractions against steps, with the real ones as dashed lines.

    Of images that keep their values it is the mean of each channel.

    Parameters
    ----------
    history : sequence of dict
        Lines of a training's history; ``volume_fractions`` in the order of ``phases``, or
        ``mean_values`` in that of the channels.
    phases : sequence of str
        Names of the phases, or of the channels.
    real : sequence of float
        Fraction or mean of each in the real material, in 0 .. 1.

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
        labelled = "volume_fractions" in history[0]
        shown = "volume_fractions" if labelled else "mean_values"
        colours = phase_colours(len(phases)) if labelled else channel_colours(tuple(phases))
        for index, (phase, target) in enumerate(zip(phases, real, strict=True)):
            values = [line[shown][index] for line in history]
            colour = colours[index]
            axes.plot(steps, values, color=colour, label=phase, lw=1.2)
            axes.axhline(target, color=colour, ls="--", lw=1)
        name = "volume fraction" if labelled else "mean value"
        axes.set(xlabel="generator step", ylabel=name, ylim=(0, None))
        _legend(axes)
    return figure


def _values(history: Sequence[dict[str, Any]], name: str) -> tuple[list[int], list[Any]]:
    """Return the steps whose line has ``name``, and what it has there."""
    lines = [line for line in history if name in line]
    return [line["step"] for line in lines], [line[name] for line in lines]


def _legend(axes: Axes) -> None:
    """Put a legend above the axes, in as many columns as fit."""
    _, labels = axes.get_legend_handles_labels()
    columns = LEGEND_LETTERS // (max(map(len, labels)) + 6)  # a sample of the line before each
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=min(max(columns, 1), len(labels)))


def _colours(n: int) -> list[str]:
    return [RUN_COLOURS[index % len(RUN_COLOURS)] for index in range(n)]


def _is_loss(name: str) -> bool:
    return name not in NOT_LOSSES and not name.startswith(DENSITY)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
