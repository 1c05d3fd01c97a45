"""What one image tells of the volume fractions of its material, in words."""

import math
from dataclasses import dataclass

from matvir.measurement.representativity import fractions_told
from matvir.metrics.fraction_interval import FractionInterval
from matvir.report.volumes import TIMES
from matvir.report.wording import percent
from matvir.storage.images import MaterialImage

CONFIDENCE = 0.95
WANTED = 0.01  # half of an interval


@dataclass(frozen=True, kw_only=True)
class FractionRow:
    """What is known of one phase, in words; ``half`` and ``wanted`` are sizes of images."""

    phase: str
    fraction: str
    interval: str
    observations: str
    half: str
    wanted: str


@dataclass(frozen=True, kw_only=True)
class ImageTells:
    """A sentence on an image, and a row for each phase."""

    sentence: str
    rows: list[FractionRow]


def what_an_image_tells(
    image: MaterialImage, reference: MaterialImage | None = None
) -> ImageTells | None:
    """Say how well an image determines the fractions of its material, and what would do so better.

    Parameters
    ----------
    image : MaterialImage
        A micrograph, stack, or volume.
    reference : MaterialImage, optional
        A volume of the same phases that models are judged by, which ``image`` is not.

    Returns
    -------
    ImageTells or None
        None if it has no phases, or if only part of it is material.
    """
    found = fractions_told(image, CONFIDENCE)
    if not found:
        return None
    rows = [_row(phase, one, image) for phase, one in found.items()]
    sentences = [_sentence(found, image), "" if reference is None else _beside(found, reference)]
    return ImageTells(sentence=" ".join(filter(None, sentences)), rows=rows)


def _sentence(found: dict[str, FractionInterval], image: MaterialImage) -> str:
    what = "these images" if image.stack else "this image" if len(image.shape) == 2 else "it"
    told = [
        f"{phase} {percent(one.fraction)} ({_interval(one)})"
        for phase, one in found.items()
        if not math.isnan(one.low)
    ]
    small = [phase for phase, one in found.items() if math.isnan(one.low)]
    sentences = []
    if told:
        sentences.append(
            f"What {what} alone can tell of the material, with {100 * CONFIDENCE:g} % intervals: "
            f"{', '.join(told)}. Another image of this size may differ from it by as much, so "
            "within these intervals nobody can say whether the fractions of a model or those of "
            "the image are closer to the material."
        )
    if small:
        sentences.append(
            f"It is too small to tell the fraction of {', '.join(small)}: the features are as "
            "large as half of it, or it has none."
        )
    return " ".join(sentences)


def _beside(found: dict[str, FractionInterval], reference: MaterialImage) -> str:
    """Say whether the fractions of a reference are within the intervals."""
    inside = reference.material
    shares = [float((reference.voxels[inside] == p).mean()) for p in range(reference.n_phases)]
    told = ", ".join(f"{p} {percent(s)}" for p, s in zip(reference.phases, shares, strict=True))
    outside = [
        phase
        for phase, share in zip(reference.phases, shares, strict=True)
        if phase in found
        and not found[phase].low <= share <= found[phase].high
        and not math.isnan(found[phase].low)
    ]
    if outside:
        return f"The reference volume has {told}: outside the interval of {', '.join(outside)}."
    return f"The reference volume has {told}: within the intervals."


def _interval(one: FractionInterval) -> str:
    return "not known" if math.isnan(one.low) else f"{percent(one.low)} to {percent(one.high)}"


def _row(phase: str, one: FractionInterval, image: MaterialImage) -> FractionRow:
    half = 1.96 * one.standard_error / 2
    return FractionRow(
        phase=phase,
        fraction=percent(one.fraction),
        interval=_interval(one),
        observations="" if math.isnan(one.observations) else f"{one.observations:.0f}",
        half=_size(one, half, image),
        wanted=_size(one, WANTED, image),
    )


def _size(one: FractionInterval, half_width: float, image: MaterialImage) -> str:
    """Return the size of what would tell a fraction within ``half_width``, as it is given."""
    if math.isnan(one.observations) or one.observations == 0:
        return ""
    if image.stack:
        n = len(image.voxels) * (1.96 * one.standard_error / half_width) ** 2
        return f"{math.ceil(n)} images"
    edges = one.edges_for(half_width, image.shape, confidence=CONFIDENCE)
    return "" if edges is None else TIMES.join(map(str, edges))
