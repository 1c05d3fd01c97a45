"""What stands below the figures for papers: what is shown, of how many, how sure, and how made."""

from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np
import pandas as pd

import matvir
from matvir.report.boxes import Boxes
from matvir.report.correlations import UNITS, Curves
from matvir.report.results import Material, Run
from matvir.report.slices import Row
from matvir.report.table import from_the_image_alone
from matvir.report.volumes import size_text
from matvir.report.wording import (
    axis_name,
    dimension_title,
    metric_name,
    number,
    percent,
    unit_name,
)

WIDTH = 100  # letters
NO_BREAK = "\N{NO-BREAK SPACE}"
BOXES = (
    "Line: median. Diamond: mean. Box: quartiles. Whiskers: the furthest sample within 1.5 "
    "interquartile ranges. Circles: outliers. A sample counts once; values along several axes are "
    "averaged."
)
WHAT = {
    "s2": "S₂(r) is the probability that two points at distance r both lie in the phase, or, for a "
    "pair of phases, one in each.",
    "block_sd": "Samples are divided into blocks: the standard deviation of their volume fractions "
    "says how much a sub-volume of that edge may differ from the whole.",
    "autocovariance": "The autocovariance is the mean product of the deviations from the mean of "
    "two points at distance r.",
    "histogram": "Histograms say how often each value is.",
    "power_spectrum": "Power spectra say how much of the variance is at which spatial frequency.",
}
NAMES = {
    "s2": "Two-point correlation",
    "block_sd": "Standard deviation over blocks",
    "autocovariance": "Autocovariance",
    "histogram": "Histogram of values",
    "power_spectrum": "Power spectrum",
}


def box_caption(material: Material, boxes: Sequence[Boxes], confidence: float) -> str:
    """Return the caption of a figure of box plots: with numbers and intervals if it is one.

    Parameters
    ----------
    material : Material
        Whose they are.
    boxes : sequence of Boxes
        What the panels show.
    confidence : float
        Level of the intervals of the comparison.
    """
    where = dimension_title(boxes[0].dimension).lower()
    names = _listed([metric_name(one.metric) for one in boxes])
    counts = {
        name: sorted({n for one in boxes for n in _samples(one, index)})
        for index, (name, _, _) in enumerate(boxes[0].sides)
    }
    paragraphs = [
        f"{names} of {material.name}, {where}: the real material beside what models generated.",
        BOXES,
        _sample_sentence({name: _span(found) for name, found in counts.items() if found}),
    ]
    if len(boxes) > 1:
        paragraphs.append("Means and intervals stand in the captions of the single figures.")
    else:
        paragraphs.append(
            "Mean ± standard deviation over the samples; difference of the means over the real "
            f"mean, in brackets its {100 * confidence:g} % bootstrap interval:"
        )
        paragraphs += [line for run in material.runs for line in _differences(run, boxes[0])]
    return _caption(material, paragraphs)


def curve_caption(material: Material, curves: Sequence[Curves]) -> str:
    """Return the caption of a figure of curves; see `box_caption`."""
    first = curves[0]
    titles = [one.title for one in curves]
    where = dimension_title(first.dimension).lower()
    counts = {
        name: str(int((~np.isnan(curve.values).any(axis=1)).sum()))
        for one in curves
        for name, _, curve in one.sides
    }
    errors = [line for run in material.runs for one in curves for line in _error(run, one)]
    return _caption(
        material,
        [
            f"{NAMES[first.function]} of {material.name}, {where}: {_listed(titles)}. "
            + WHAT[first.function],
            "Lines are means over the samples, bands one standard deviation of the samples. "
            + _sample_sentence(counts),
            *errors,
        ],
    )


def slice_caption(material: Material, rows: Sequence[Row]) -> str:
    """Return the caption of the figure of slices."""
    shown = [
        f"{row.name}: {', '.join(one.caption for one in row.pictures if one is not None)}."
        for row in rows
    ]
    return _caption(
        material,
        [
            f"Slices of {material.name}, real and generated, at one scale. Of each model the first "
            "sample is shown, not a chosen one.",
            *shown,
        ],
    )


def _caption(material: Material, paragraphs: Sequence[str]) -> str:
    """Return paragraphs, and how the material and the runs were made, as lines of text."""
    made = [_settings(run, material) for run in material.runs]
    grown = ["The real material is synthetic: it was grown by MatVir."] * material.synthetic
    version = f"Drawn by MatVir {matvir.__version__}."
    paragraphs = [paragraphs[0][0].upper() + paragraphs[0][1:], *paragraphs[1:]]
    lines = [line.replace(" %", f"{NO_BREAK}%") for line in (*paragraphs, *grown, *made, version)]
    return "".join(
        fill(line, WIDTH, subsequent_indent="  ", break_on_hyphens=False) + "\n" for line in lines
    )


def _settings(run: Run, material: Material) -> str:
    config = run.config
    revision = f", git {config['git_revision']}" if config["git_revision"] else ""
    sizes = ""
    if run.volume is not None:
        sizes = f" of {size_text(run.volume.shape[:3], material)}"
    elif run.images is not None:
        sizes = " of " + " by ".join(map(str, run.images.shape[1:3])) + " pixels"
    what = "images" if run.volume is None else "volumes"
    return (
        f"{run.name}: kind {config['config']['kind']}, {config['steps']} steps, configuration "
        f"{config['config_hash']}, MatVir {config['matvir']}{revision}; "
        f"{len(run.sample_seeds)} {what}{sizes}."
    )


def _differences(run: Run, boxes: Boxes) -> list[str]:
    """Return a line for each phase and axis that a run was compared in."""
    table = run.tables["comparison"]
    rows = table[(table["dimension"] == boxes.dimension) & (table["metric"] == boxes.metric)]
    return [_difference(run.name, row) for _, row in rows.iterrows()]


def _difference(name: str, row: pd.Series) -> str:
    unit = f" {unit_name(row['unit'])}" if unit_name(row["unit"]) else ""
    phase = "all phases" if row["phase"] == "all" else row["phase"]
    where = phase if row["axis"] == "all" else f"{phase}, {axis_name(row['axis'])}"
    sides = [
        f"{side}: {number(row[f'mean_{key}'])} ± {number(row[f'sd_{key}'], 2)}{unit} "
        f"(n = {row[f'n_{key}']})"
        for side, key in (("real", "real"), (name, "generated"))
        if row[f"n_{key}"]
    ]
    text = f"- {where}; {'; '.join(sides) or 'not measured'}"
    mean = abs(row["mean_real"])
    if mean > 0 and row["difference_high"] >= row["difference_low"]:
        low, high = row["difference_low"] / mean, row["difference_high"] / mean
        ends = f"{percent(low, sign=True)} to {percent(high, sign=True)}"
        text += f"; difference {percent(row['relative_difference'], sign=True)} ({ends})"
    notes = [text, row["note"], from_the_image_alone(row)]
    return "; ".join(filter(None, notes)) + "."


def _error(run: Run, curves: Curves) -> list[str]:
    """Return how far the curve of a run is from the real one, if they were compared."""
    table = run.tables["s2"]
    rows = table[
        (table["dimension"] == curves.dimension)
        & (table["phase"] == curves.phase)
        & (table["axis"] == curves.axis)
    ]
    if curves.function not in ("s2", "autocovariance"):
        return []
    over = "fraction" if curves.function == "s2" else "variance"
    return [
        f"- {run.name}, {curves.title}: largest error {percent(row['max_error_over_fraction'])} of "
        f"the {over}, at {row['max_error_lag']:.3g} {UNITS[row['lag_unit']]}."
        for _, row in rows.iterrows()
        if row["max_error_over_fraction"] >= 0
    ]


def _samples(boxes: Boxes, side: int) -> list[int]:
    """Return how many samples of a side have a value, phase by phase."""
    _, _, table = boxes.sides[side]
    return [int(n) for n in table.groupby("phase")["sample"].nunique()]


def _sample_sentence(counts: Mapping[str, str]) -> str:
    return f"Numbers of samples: {', '.join(f'{n} ({name})' for name, n in counts.items())}."


def _span(numbers: Sequence[int]) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"


def _listed(names: Sequence[str]) -> str:
    """Return names behind the letters of their panels, as in ``(a) one, (b) other``."""
    if len(names) == 1:
        return names[0]
    return ", ".join(f"({chr(ord('a') + i)}) {name}" for i, name in enumerate(names))
