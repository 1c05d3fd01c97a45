"""How often a trained eye tells generated slices from real ones, and by which slices."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from matvir.report.embed import image_uri
from matvir.report.palette import as_rgb
from matvir.report.results import Material, Run
from matvir.report.wording import dimension_name

# What is told from the real material, see `matvir.comparison.classifier.KINDS`.
HEADERS = {
    "generated": "generated",
    "real": "real from other real",
    "section": "the training image",
}
# A real section that is told from the reference this often explains what a model cannot do better.
TOLD = 0.6


@dataclass(frozen=True, kw_only=True)
class ClassifierRow:
    """Slices of one size, and for each of `HEADERS` how many pairs of 100 are told."""

    name: str
    cells: list[str]


@dataclass(frozen=True, kw_only=True)
class TellingSlices:
    """Slices side by side, as data URIs, and what they are."""

    name: str
    pictures: list[str]


@dataclass(frozen=True, kw_only=True)
class ClassifierView:
    """One run: what the test says, the table, and the slices that tell most."""

    name: str
    text: str
    headers: list[str]
    rows: list[ClassifierRow]
    telling: list[TellingSlices]


def show_classifier(material: Material) -> list[ClassifierView]:
    """Return what the classifier test says of every run."""
    return [
        ClassifierView(
            name=run.name,
            text=" ".join(classifier_sentences(run.tables["classifier"])),
            headers=list(HEADERS.values()),
            rows=classifier_rows(run.tables["classifier"]),
            telling=_telling(run, material),
        )
        for run in material.runs
    ]


def classifier_rows(table: pd.DataFrame) -> list[ClassifierRow]:
    """Return a row for slices of each dimension and size, the largest first."""
    return [
        ClassifierRow(
            name=f"{dimension_name(str(dimension))}, {size} pixels",
            cells=[_cell(rows[rows["kind"] == kind]) for kind in HEADERS],
        )
        for (dimension, size), rows in table.groupby(["dimension", "size"], sort=False)
    ]


def classifier_tile(table: pd.DataFrame) -> tuple[str, str]:
    """Return the headline number of the largest slices, and what it says."""
    worst = _largest(table, "generated")
    if worst is None:
        return "not judged", "slices told from real ones by a trained classifier"
    floor = _largest(table, "real")
    beside = "" if floor is None else f"; real from other real in {_of_100(floor['auc'])}"
    size = worst["size"]
    return (
        f"{_of_100(worst['auc'])} of 100",
        f"pairs of slices {size} pixels wide of which a trained classifier knows the generated "
        f"one (50 is chance{beside})",
    )


def classifier_headline(table: pd.DataFrame) -> str:
    """Return in few words how often the largest slices are told from real ones, "" if unknown."""
    worst = _largest(table, "generated")
    return "" if worst is None else f"told from real in {_of_100(worst['auc'])} of 100 pairs"


def classifier_sentences(table: pd.DataFrame) -> list[str]:
    """Say how often generated slices are told from real ones, and what the image itself loses."""
    worst = _largest(table, "generated")
    if worst is None:
        notes = sorted(set(table["note"]) - {""}) or ["no slices of both sides are large enough"]
        return [f"Whether a classifier tells slices apart was not judged: {'; '.join(notes)}."]
    asked = table[(table["kind"] == "generated") & (table["dimension"] == worst["dimension"])]
    shares = [f"{_of_100(row['auc'])} at {row['size']} pixels" for _, row in asked.iterrows()]
    found = f"A trained classifier tells generated from real slices in {', '.join(shares)}"
    floor = _largest(table, "real")
    beside = "" if floor is None else f"; two real ones in {_of_100(floor['auc'])}"
    sentences = [f"{found}, of 100 pairs each (50 is chance{beside})."]
    section = _largest(table, "section")
    if section is not None and section["auc"] > TOLD:
        sentences.append(
            f"It tells the image that trained the model from the reference in "
            f"{_of_100(section['auc'])}: what the segmentation changed, no model can make good."
        )
    return sentences


def _largest(table: pd.DataFrame, kind: str) -> pd.Series | None:
    """Return the row of the largest slices that were judged; of several dimensions the worst."""
    rows = table[(table["kind"] == kind) & table["auc"].notna()]
    if rows.empty:
        return None
    return rows[rows["size"] == rows["size"].max()].sort_values("auc").iloc[-1]


def _of_100(share: float) -> str:
    return f"{100 * share:.0f}"


def _cell(rows: pd.DataFrame) -> str:
    """Return pairs told of 100, with their interval, or why they are not known."""
    if rows.empty:
        return ""
    row = rows.iloc[0]
    if np.isnan(row["auc"]):
        return str(row["note"])
    low, high = (_of_100(row[end]) for end in ("auc_low", "auc_high"))
    return f"{_of_100(row['auc'])} ({low} to {high})"


def _telling(run: Run, material: Material) -> list[TellingSlices]:
    """Return the slices that give generated ones away most, and the surest real ones."""
    n_phases, found = len(material.phases), []
    for dimension, (real, generated) in run.telling.items():
        place = dimension_name(dimension)
        for name, images in (("generated, given away most", generated), ("surely real", real)):
            pictures = [image_uri(as_rgb(image, material.kind, n_phases)) for image in images]
            found.append(TellingSlices(name=f"{name} ({place})", pictures=pictures))
    return found
