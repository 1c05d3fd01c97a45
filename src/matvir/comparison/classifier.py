"""Whether a trained eye tells slices of generated volumes from slices of real ones.

A classifier two-sample test (D. Lopez-Paz and M. Oquab, "Revisiting classifier two-sample tests",
ICLR 2017, arXiv 1610.06545): a small network learns to tell slices of some volumes apart and is
asked about slices of others. It sees shape where correlations see none. What it reaches between
two halves of the real material is the floor.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from matvir.comparison.slices import PART, Labels, Look, Slices, draw_crops, slices_of_samples
from matvir.measurement.samples import real_samples
from matvir.micrograph.encoding import TrainingData
from matvir.storage.hdf5 import create_hdf5, open_hdf5, read_voxels
from matvir.storage.images import MaterialImage, Specimen

Floats = NDArray[np.float64]

CLASSIFIER_COLUMNS = (
    "dimension",
    "size",
    "kind",
    "n_real",
    "n_other",
    "auc",
    "auc_low",
    "auc_high",
    "note",
)
# What is told from the real material: what the model made, another half of the real material, or
# the image that trained the model where a reference volume is the real material.
KINDS = ("generated", "real", "section")
# Edges of the slices in pixels, from what shows the layout to what shows interfaces alone.
SIZES = (64, 32, 16)
# Halvings of the samples into those that train and those that are asked about.
SPLITS = 4
# Parts of the real material that are looked at.
MOST = 100
# Both sides need as many samples to train with and to ask about.
FEWEST = 4
# Slices of each side that are asked about after each halving.
QUESTIONS = 512
# Slices that are shown of each side.
SHOWN = 6


@dataclass(frozen=True, eq=False)
class Told:
    """How well one classifier told two sides apart, and what it looked at.

    Attributes
    ----------
    auc : float
        Share of pairs, a slice of each side, in which it scored the other side higher.
    real, other : ndarray of shape (n, size, size), uint8, or with colours
        The slices of the real side that it took most surely for real, and those of the other side
        that it took most surely for the other.
    """

    auc: float
    real: Labels
    other: Labels


@dataclass(frozen=True, eq=False)
class Judgement:
    """A table with the columns `CLASSIFIER_COLUMNS`, and the most telling slices by dimension."""

    table: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=list(CLASSIFIER_COLUMNS))
    )
    telling: Mapping[str, tuple[Labels, Labels]] = field(default_factory=dict)


def write_telling(path: Path, judgements: Mapping[str, Judgement]) -> None:
    """Write the most telling slices of runs by their names, see :func:`read_telling`."""
    with create_hdf5(path) as file:
        for name, judgement in judgements.items():
            for dimension, (real, other) in judgement.telling.items():
                group = file.create_group(f"{name}/{dimension}")
                for side, slices in (("real", real), ("generated", other)):
                    group.create_dataset(side, data=slices, compression="gzip")


def read_telling(path: Path, name: str) -> dict[str, tuple[Labels, Labels]]:
    """Read the most telling slices of a run: of the real material, and generated, by dimension.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    advice = "Remove the file and compare again."
    with open_hdf5(path, "a file of telling slices (HDF5)", advice) as file:
        groups = file.get(name, {})
        return {
            dimension: (read_voxels(group, "real"), read_voxels(group, "generated"))
            for dimension, group in groups.items()
        }


def judge(
    dimension: str,
    real: Sequence[Slices],
    other: Sequence[Slices],
    look: Look,
    *,
    kind: str,
    seed: int,
    confidence: float,
) -> Judgement:
    """Ask classifiers of each of `SIZES` that fits to tell two sides apart.

    Parameters
    ----------
    dimension : str
        Of the samples.
    real, other : sequence of Slices
        Samples of both sides.
    look : Look
        Phases and symmetries.
    kind : str
        What the other side is, one of `KINDS`.
    seed : int
        Seed of all randomness.
    confidence : float
        Of the interval of the area under the curve.

    Returns
    -------
    Judgement
        A row per size. The most telling slices are of the largest size.
    """
    rows: list[dict[str, Any]] = []
    telling: dict[str, tuple[Labels, Labels]] = {}
    edge = min((one.edge for one in (*real, *other)), default=0)
    for size in (size for size in SIZES if size <= edge):
        row = {"dimension": dimension, "size": size, "kind": kind}
        row |= {"n_real": len(real), "n_other": len(other)}
        if min(len(real), len(other)) < FEWEST:
            rows.append(row | {"note": f"fewer than {FEWEST} samples of a side"})
            continue
        found = [
            _told(real, other, look, size, np.random.default_rng([seed, size, split]))
            for split in range(SPLITS)
        ]
        areas = np.array([one.auc for one in found])
        low, high = interval_over_splits(areas, confidence)
        rows.append(row | {"auc": areas.mean(), "auc_low": low, "auc_high": high, "note": ""})
        telling.setdefault(dimension, (found[0].real, found[0].other))
    return Judgement(pd.DataFrame(rows, columns=list(CLASSIFIER_COLUMNS)), telling)


class ClassifierTest:
    """Judges models of one material; the floor, which they share, is found once.

    Parameters
    ----------
    real : mapping of str to sequence of Slices
        Samples of the real material by dimension.
    sections : mapping of str to sequence of Slices
        Samples of the image that trained the models, in the dimensions where ``real`` is another
        one, the volume that it is a section of. What tells these apart no model can make good.
    look : Look
        Phases and symmetries.
    seed : int
        Seed of all randomness.
    confidence : float
        Of the intervals of areas under the curve.
    """

    def __init__(
        self,
        real: Mapping[str, Sequence[Slices]],
        sections: Mapping[str, Sequence[Slices]],
        look: Look,
        *,
        seed: int,
        confidence: float,
    ) -> None:
        self.real, self.sections = real, sections
        self.settings: dict[str, Any] = {"look": look, "seed": seed, "confidence": confidence}
        self.floor = cache(self._floor)

    def _floor(self, dimension: str) -> pd.DataFrame:
        """Return the rows of the kinds "real" and "section" of a dimension."""
        samples = self.real[dimension]
        ours, theirs = _halves(samples, np.random.default_rng(self.settings["seed"]))
        table = judge(dimension, ours, theirs, kind="real", **self.settings).table
        if dimension not in self.sections:
            return table
        sections = self.sections[dimension]
        told = judge(dimension, samples, sections, kind="section", **self.settings).table
        return pd.concat([table, told], ignore_index=True)

    def __call__(self, generated: Mapping[str, Sequence[Slices]]) -> Judgement:
        """Return the judgement on generated samples, in 3D where that is known, else in 2D."""
        shared = sorted(set(self.real) & set(generated))
        tables, telling = [Judgement().table], dict[str, tuple[Labels, Labels]]()
        for dimension in ["3d"] if "3d" in shared else shared:
            pair = self.real[dimension], generated[dimension]
            found = judge(dimension, *pair, kind="generated", **self.settings)
            tables += [found.table, self.floor(dimension)]
            telling |= found.telling
        return Judgement(pd.concat(tables[1:] or tables, ignore_index=True), telling)


def build_test(
    specimen: Specimen,
    reference: MaterialImage | None,
    size: Sequence[int],
    data: TrainingData,
    *,
    seed: int,
    confidence: float,
) -> ClassifierTest:
    """Return the test of all models of a material.

    Parameters
    ----------
    specimen : Specimen
        The segmented micrograph, planes or volume.
    reference : MaterialImage or None
        A volume of the same material.
    size : sequence of three int
        Largest edges of the parts that the real material is cut into.
    data : TrainingData
        What the models learned from: tells symmetries, and whether there are phases.
    seed, confidence
        As in `ClassifierTest`.
    """
    parts = [min(edge, PART) for edge in size]
    rng = np.random.default_rng(seed)
    samples = real_samples(specimen, reference, parts, MOST, rng, isotropic=data.isotropic)
    real = slices_of_samples(samples, specimen.voxel_size_um, isotropic=data.isotropic)
    # Images of an isotropic material are those of the micrograph, see `real_samples`.
    known = "3d" in samples and specimen.volume is None and data.isotropic
    sections = [Slices.of_image(image) for image in samples["2d"].labels] if known else []
    if sections:
        real["2d"] = sections
    look = Look(
        n_phases=len(specimen.phases) if data.kind.labelled else None,
        mirror=data.mirror,
        quarter_turns=data.quarter_turns,
    )
    shown = {"3d": sections} if sections else {}
    return ClassifierTest(real, shown, look, seed=seed, confidence=confidence)


def interval_over_splits(areas: Floats, confidence: float) -> tuple[float, float]:
    """Return the interval of the mean of results that overlapping splits gave, within 0 .. 1.

    Splits share their samples, so the variance of the mean is not that of independent results: it
    is multiplied with ``1 + n`` in place of 1 for n splits into halves (C. Nadeau and Y. Bengio,
    "Inference for the generalization error", Machine Learning 52, 2003, 239, eq. 8).

    Parameters
    ----------
    areas : ndarray of shape (n_splits,)
        Areas under the curve, at least two.
    confidence : float
        Nominal coverage, in 0 .. 1.
    """
    from scipy.stats import t

    n = len(areas)
    error = areas.std(ddof=1) * np.sqrt(1 / n + 1)
    reach = t.ppf((1 + confidence) / 2, n - 1) * error
    return max(areas.mean() - reach, 0.0), min(areas.mean() + reach, 1.0)


def area_under_curve(real: Floats, other: Floats) -> float:
    """Return the share of pairs in which the score of ``other`` is the higher one, ties half.

    It is the area under the receiver operating characteristic (J. A. Hanley and B. J. McNeil,
    Radiology 143, 1982, 29).
    """
    from scipy.stats import mannwhitneyu

    return float(mannwhitneyu(other, real).statistic / (len(real) * len(other)))


def _told(
    real: Sequence[Slices],
    other: Sequence[Slices],
    look: Look,
    size: int,
    rng: np.random.Generator,
) -> Told:
    """Train a classifier with one half of the samples of both sides and ask it about the rest."""
    # Only now: the configuration and the page need no torch.
    from matvir.comparison.trained_eye import scores, trained_eye

    known, asked = zip(_halves(real, rng), _halves(other, rng), strict=True)
    eye = trained_eye(*known, look, size, rng)
    crops = [draw_crops(side, QUESTIONS, size, look, rng) for side in asked]
    found = [scores(eye, side, look) for side in crops]
    surest = np.argsort(found[0])[:SHOWN], np.argsort(-found[1])[:SHOWN]
    return Told(area_under_curve(*found), crops[0][surest[0]], crops[1][surest[1]])


def _halves(
    samples: Sequence[Slices], rng: np.random.Generator
) -> tuple[list[Slices], list[Slices]]:
    """Return samples in two random halves."""
    order = rng.permutation(len(samples))
    half = len(order) // 2
    return [samples[i] for i in order[:half]], [samples[i] for i in order[half:]]
