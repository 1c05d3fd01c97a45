"""Curves of a training: losses, volume fractions of what it generates, validations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from matvir.report.charts import Chart, Kind, Line, curve_chart
from matvir.report.palette import RUN_COLOURS, channel_colours, phase_colours
from matvir.report.results import Material
from matvir.training.history import best_row

# Errors of validations, in percent in the figure.
VALIDATIONS = {
    "correlation": "two-point correlation",
    "area": "interfaces or gradients",
    "score": "mean over phases and pairs",
}
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
    """Charts of one training, by what they show, and the step of the generator that was kept.

    ``kept`` is None if nothing was selected; a training without a history has no charts.
    """

    name: str
    charts: list[Chart]
    kept: int | None


def show_trainings(material: Material) -> list[TrainingView]:
    """Draw the training of every run."""
    real = material.specimen.volume_fractions().tolist()
    return [
        TrainingView(
            name=run.name,
            charts=training_charts(run.history, material.phases, real, link=f"training/{run.name}"),
            kept=None if (row := best_row(run.history)) is None else row["step"],
        )
        for run in material.runs
    ]


def training_charts(
    history: Sequence[dict[str, Any]], phases: Sequence[str], real: Sequence[float], *, link: str
) -> list[Chart]:
    """Return charts of what a training has a history of, against the generator's steps.

    Parameters
    ----------
    history : sequence of dict
        Lines of a training's history.
    phases : sequence of str
        Names of the phases, or of the channels.
    real : sequence of float
        Fraction or mean of each in the real material, in 0 .. 1.
    link : str
        As in `matvir.report.charts.Chart`.

    Returns
    -------
    list of Chart
        Losses and fractions; how far fractions are from their targets, if they were controlled;
        validations, if there were any. Empty for an empty history.
    """
    if not history:
        return []
    labelled = "volume_fractions" in history[0]
    found: list[tuple[str, str, list[Line], Kind]] = [
        ("Losses", "loss", losses(history), "log"),
        (
            "Volume fractions" if labelled else "Mean values",
            "volume fraction" if labelled else "mean value",
            fractions(history, phases, real),
            "linear",
        ),
        (
            "Distance from the targets",
            "|target - computed fraction|",
            densities(history, phases),
            "linear",
        ),
        ("Validations", "largest error (%)", validations(history), "log"),
    ]
    return [
        curve_chart(
            lines,
            title=title,
            across="generator step",
            up=up,
            link=link,
            kinds=("linear", kind if _all_positive(lines) else "linear"),
        )
        for title, up, lines, kind in found
        if lines
    ]


def losses(history: Sequence[dict[str, Any]]) -> list[Line]:
    """Return every loss; some count in a part of the training only."""
    columns = dict.fromkeys(name for line in history for name in line)
    names = [n for n in columns if _is_loss(n) and _is_number(_values(history, n)[1][0])]
    return [
        _line(NAMES.get(name, _words(name)), colour, *_values(history, name))
        for name, colour in zip(names, _colours(len(names)), strict=True)
    ]


def validations(history: Sequence[dict[str, Any]]) -> list[Line]:
    """Return the errors of the validations in percent; none without validations."""
    if best_row(history) is None:
        return []
    found = []
    for (name, label), colour in zip(VALIDATIONS.items(), _colours(3), strict=True):
        steps, values = _values(history, name)
        found.append(_line(label, colour, steps, [100 * value for value in values]))
    return found


def densities(history: Sequence[dict[str, Any]], phases: Sequence[str]) -> list[Line]:
    """Return the difference between target and computed fraction of each phase, if controlled."""
    if DENSITY + phases[0] not in history[0]:
        return []
    return [
        _line(phase, colour, *_values(history, DENSITY + phase))
        for phase, colour in zip(phases, phase_colours(len(phases)), strict=True)
    ]


def fractions(
    history: Sequence[dict[str, Any]], phases: Sequence[str], real: Sequence[float]
) -> list[Line]:
    """Return the generated fractions, or means of the channels, each beside the real one."""
    labelled = "volume_fractions" in history[0]
    shown = "volume_fractions" if labelled else "mean_values"
    colours = phase_colours(len(phases)) if labelled else channel_colours(tuple(phases))
    steps, rows = _values(history, shown)
    found = []
    for index, (phase, target) in enumerate(zip(phases, real, strict=True)):
        found.append(_line(phase, colours[index], steps, [row[index] for row in rows]))
        flat = _line(f"{phase}, real", colours[index], steps, [target] * len(steps))
        found.append(replace(flat, dashed=True))
    return found


def _line(name: str, colour: str, steps: Sequence[int], values: Sequence[float]) -> Line:
    x, mean = np.array(steps, dtype=float), np.array(values, dtype=float)
    return Line(name=name, colour=colour, x=x, mean=mean)


def _all_positive(lines: Sequence[Line]) -> bool:
    return all((line.mean > 0).all() for line in lines)


def _values(history: Sequence[dict[str, Any]], name: str) -> tuple[list[int], list[Any]]:
    """Return the steps whose line has ``name``, and what it has there."""
    lines = [line for line in history if name in line]
    return [line["step"] for line in lines], [line[name] for line in lines]


def _colours(n: int) -> list[str]:
    return [RUN_COLOURS[index % len(RUN_COLOURS)] for index in range(n)]


def _is_loss(name: str) -> bool:
    return name not in NOT_LOSSES and not name.startswith(DENSITY)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
