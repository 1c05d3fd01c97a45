"""Everything the comparison says about one trained model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from matvir.comparison.classifier import Judgement
from matvir.comparison.curves import Curves, compare_curves
from matvir.comparison.diversity import crops_of, diversity, energies_of
from matvir.comparison.groups import groups_by_dimension
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
from matvir.measurement.tables import normal_axis
from matvir.micrograph.encoding import TrainingData
from matvir.settings.records import CompareConfig
from matvir.storage.image_types import PHASES, ImageType
from matvir.storage.images import distinct_planes

# What `compare_run` returns: each table is a file of a material.
TABLES = ("comparison", "s2", "memorisation", "diversity", "classifier")
Sections = Mapping[int, NDArray[np.uint8]]
Labelling = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """Measurements of the real data or of one model: tidy table, and curves by group and name."""

    metrics: pd.DataFrame
    curves: Curves


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingSections:
    """What a training saw and did not see.

    ``training`` and ``held_out`` are one-hot sections of shape (n_sections, n_phases, rows,
    columns) by axis, ``held_out`` may be empty; ``mirror`` and ``quarter_turns`` the symmetries;
    ``kind`` what the channels are.
    """

    training: Sections
    held_out: Sections
    mirror: bool
    quarter_turns: bool
    kind: ImageType = PHASES

    @classmethod
    def of(cls, training: TrainingData, held_out: TrainingData | None) -> "TrainingSections":
        """Return what a training saw, and did not see, of encoded sections."""
        return cls(
            training=training.sections,
            held_out={} if held_out is None else held_out.sections,
            mirror=training.mirror,
            quarter_turns=training.quarter_turns,
            kind=training.kind,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class GeneratedSamples:
    """What a model generated.

    ``planes`` are its 2D samples by dimension (`matvir.measurement.tables.DIMENSIONS`), of shape
    (rows, columns), with colours (rows, columns, 3); ``gradient_energy`` is that of images before
    they became labels, mean over them, None where that is not known; ``judgement`` is what the
    classifier test says of them.
    """

    planes: Mapping[str, Sequence[NDArray[np.uint8]]]
    gradient_energy: float | None = None
    judgement: Judgement = field(default_factory=Judgement)


def compare_run(
    real: Measured,
    generated: Measured,
    made: GeneratedSamples,
    sections: TrainingSections,
    observations: Mapping[str, float],
    fraction_intervals: Intervals,
    config: CompareConfig,
) -> dict[str, pd.DataFrame]:
    """Compare one trained model with the real data.

    Parameters
    ----------
    real, generated : Measured
        What was measured on both sides.
    made : GeneratedSamples
        What it generated; the planes are searched for copies and compared with each other.
    sections : TrainingSections
        The data of the training.
    observations : mapping
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
        (:func:`matvir.comparison.memorisation.nearest_crops`), ``diversity``
        (:func:`matvir.comparison.diversity.diversity`) and ``classifier``
        (:class:`matvir.comparison.classifier.Judgement`).
    """
    of_section, of_plane = _labelling(sections)
    planes = {name: [of_plane(plane) for plane in group] for name, group in made.planes.items()}
    every = [plane for group in planes.values() for plane in group]
    return {
        "comparison": compare_tables(
            real.metrics,
            generated.metrics,
            config,
            observations=observations,
            fraction_intervals=fraction_intervals,
        ),
        "s2": compare_curves(
            real.curves,
            generated.curves,
            config,
            observations=observations,
            groups=(groups_by_dimension(real.metrics), groups_by_dimension(generated.metrics)),
        ),
        "memorisation": nearest_crops(
            every,
            [of_section(image) for image in _images(sections.training)],
            [of_section(image) for image in _images(sections.held_out)],
            size=min(CROP_SIZE, *(edge for plane in every for edge in plane.shape)),
            n_crops=N_CROPS,
            mirror=sections.mirror,
            quarter_turns=sections.quarter_turns,
            rng=np.random.default_rng(config.seed),
        ),
        "diversity": pd.concat(
            [
                _diversity(name, group, sections, real, generated, made.gradient_energy, config)
                for name, group in planes.items()
            ]
        ),
        "classifier": made.judgement.table,
    }


def _labelling(sections: TrainingSections) -> tuple[Labelling, Labelling]:
    """Return what turns encoded sections, and generated planes, into label images.

    Of images that keep their values the classes of brightness stand for labels.
    """
    if sections.kind.labelled:
        return section_labels, lambda plane: plane
    limits = brightness_limits(_images(sections.training))
    return (
        lambda section: brightness_classes(np.moveaxis(section, 0, -1), limits),
        lambda plane: brightness_classes(plane, limits),
    )


def _diversity(
    dimension: str,
    planes: Sequence[NDArray[np.uint8]],
    sections: TrainingSections,
    real: Measured,
    generated: Measured,
    energy: float | None,
    config: CompareConfig,
) -> pd.DataFrame:
    """Compare planes with each other, and crops of the sections that look like them likewise."""
    axis = normal_axis(dimension)
    alike = {a: one for a, one in sections.training.items() if axis in ("", str(a))}
    of_section, _ = _labelling(sections)
    edge = min(edge for plane in planes for edge in plane.shape)
    squares = [plane[:edge, :edge] for plane in planes]
    images = [of_section(image) for image in _images(alike)]
    crops = crops_of(images, edge, OUTSIDE, np.random.default_rng(config.seed))
    curves = real.curves.get(dimension, {}), generated.curves.get(dimension, {})
    # Values do not become labels: how sharp they were before says nothing.
    if energy is None or not sections.kind.labelled:
        energies = energies_of(squares)
    else:
        energies = [energy] * len(squares)
    found = diversity((crops, squares), curves, (energies_of(crops), energies))
    return found.assign(dimension=dimension)


def _images(sections: Sections) -> list[NDArray[np.uint8]]:
    """Return all distinct sections, shape (n_phases, rows, columns)."""
    return [image for _, images in distinct_planes(sections) for image in images]
