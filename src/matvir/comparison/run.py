"""Everything the comparison says about one trained model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from matvir.comparison.curves import Curves, compare_curves
from matvir.comparison.diversity import crops_of, diversity, energies_of
from matvir.comparison.memorisation import (
    CROP_SIZE,
    N_CROPS,
    OUTSIDE,
    brightness_classes,
    brightness_limits,
    nearest_crops,
    section_labels,
)
from matvir.comparison.tables import Intervals, compare_tables
from matvir.config import CompareConfig
from matvir.labels import Kind, distinct_planes
from matvir.micrograph.encoding import TrainingData

Sections = Mapping[int, NDArray[np.uint8]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """Measurements of the real data or of one model: tidy table, and curves by group and name."""

    metrics: pd.DataFrame
    curves: Curves


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """What a training saw and did not see.

    ``training`` and ``held_out`` are one-hot sections of shape (n_sections, n_phases, rows,
    columns) by axis, ``held_out`` may be empty; ``mirror`` and ``quarter_turns`` the symmetries;
    ``kind`` what the channels are.
    """

    training: Sections
    held_out: Sections
    mirror: bool
    quarter_turns: bool
    kind: Kind = "phases"

    @classmethod
    def of(cls, training: TrainingData, held_out: TrainingData | None) -> "Seen":
        """Return what a training saw, and did not see, of encoded sections."""
        return cls(
            training=training.sections,
            held_out={} if held_out is None else held_out.sections,
            mirror=training.mirror,
            quarter_turns=training.quarter_turns,
            kind=training.kind,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Made:
    """What a model generated.

    ``planes`` are its images, or the middle planes of its volumes, of shape (rows, columns), with
    colours (rows, columns, 3); ``gradient_energy`` is that of images before they became labels,
    mean over them, None where that is not known.
    """

    planes: Sequence[NDArray[np.uint8]]
    gradient_energy: float | None = None


def compare_run(
    real: Measured,
    generated: Measured,
    made: Made,
    seen: Seen,
    n_grains: Mapping[str, float],
    fraction_intervals: Intervals,
    config: CompareConfig,
) -> dict[str, pd.DataFrame]:
    """Compare one trained model with the real data.

    Parameters
    ----------
    real, generated : Measured
        What was measured on both sides.
    made : Made
        What it generated; the planes are searched for copies and compared with each other.
    seen : Seen
        The data of the training.
    n_grains : mapping
        Independent observations that the real images hold, by dimension.
    fraction_intervals : mapping
        Confidence intervals of the real volume fractions, by dimension and phase.
    config : CompareConfig
        Numbers of resamples, confidence and seed.

    Returns
    -------
    dict of str to DataFrame
        ``comparison`` (:func:`matvir.comparison.tables.compare_tables`), ``s2``
        (:func:`matvir.comparison.curves.compare_curves`), ``memorisation``
        (:func:`matvir.comparison.memorisation.nearest_crops`) and ``diversity``
        (:func:`matvir.comparison.diversity.diversity`).
    """
    # Values are not made to labels: their classes are compared, as those of real images are.
    planes, energy = made.planes, made.gradient_energy if seen.kind == "phases" else None
    training, held_out = _images(seen.training), _images(seen.held_out)
    if seen.kind == "phases":
        training, held_out = ([section_labels(x) for x in side] for side in (training, held_out))
    else:
        limits = brightness_limits(training)
        planes = [brightness_classes(plane, limits) for plane in planes]
        training, held_out = (
            [brightness_classes(np.moveaxis(x, 0, -1), limits) for x in side]
            for side in (training, held_out)
        )
    return {
        "comparison": compare_tables(
            real.metrics,
            generated.metrics,
            config,
            n_grains=n_grains,
            fraction_intervals=fraction_intervals,
        ),
        "s2": compare_curves(real.curves, generated.curves, config, n_grains=n_grains),
        "memorisation": nearest_crops(
            planes,
            training,
            held_out,
            size=min(CROP_SIZE, *(edge for plane in planes for edge in plane.shape[:2])),
            n_crops=N_CROPS,
            mirror=seen.mirror,
            quarter_turns=seen.quarter_turns,
            rng=np.random.default_rng(config.seed),
        ),
        "diversity": _diversity(planes, training, real, generated, energy, config),
    }


def _diversity(
    planes: Sequence[NDArray[np.uint8]],
    training: Sequence[NDArray[np.uint8]],
    real: Measured,
    generated: Measured,
    energy: float | None,
    config: CompareConfig,
) -> pd.DataFrame:
    """Compare generated planes with each other, and real crops of the same size likewise."""
    edge = min(edge for plane in planes for edge in plane.shape)
    squares = [plane[:edge, :edge] for plane in planes]
    crops = crops_of(training, edge, OUTSIDE, np.random.default_rng(config.seed))
    flat = sorted(name for name in generated.curves if name.startswith("2d"))
    curves = [side.curves.get(flat[0], {}) if flat else {} for side in (real, generated)]
    energies = energies_of(squares) if energy is None else [energy] * len(squares)
    return diversity((crops, squares), (curves[0], curves[1]), (energies_of(crops), energies))


def _images(sections: Sections) -> list[NDArray[np.uint8]]:
    """Return all distinct sections, shape (n_phases, rows, columns)."""
    return [image for _, images in distinct_planes(sections) for image in images]
