"""What the page says of how well an image tells the fractions of its material."""

import re

import numpy as np
import pandas as pd
import pytest

from matvir.metrics.fraction_interval import fraction_interval
from matvir.report.representativity import what_an_image_tells
from matvir.report.table import from_the_image_alone
from matvir.report.volumes import TIMES
from matvir.storage.image_types import GREY
from matvir.storage.images import MaterialImage


def blocks(rng, shape, edge):
    """Labels of independent blocks, so that an observation is one of them."""
    labels = rng.random(shape) < 0.3
    for axis in range(len(shape)):
        labels = labels.repeat(edge, axis=axis)
    return labels.astype(np.uint8)


def edges(text):
    return [int(edge) for edge in text.split(TIMES)]


def test_fraction_interval_and_features_of_each_phase(rng):
    labels = blocks(rng, (30, 40), 4)
    image = MaterialImage(voxels=labels, phases=("solid", "pore"))
    told = what_an_image_tells(image)
    one = fraction_interval(labels == 1)
    pore = told.rows[1]
    assert pore.fraction == f"{100 * labels.mean():.1f} %"
    assert pore.interval == f"{100 * one.low:.1f} % to {100 * one.high:.1f} %"
    assert int(pore.observations) == pytest.approx(30 * 40, rel=0.35)
    assert f"pore {pore.fraction} ({pore.interval})" in told.sentence
    assert told.sentence.startswith("What this image alone can tell of the material")
    # Twice the edges halve the interval; +-0.01 needs (1.96 / 0.01)^2 phi (1 - phi) observations.
    assert edges(pore.half) == [240, 320]
    rows, columns = edges(pore.wanted)
    times = 1.96**2 * one.fraction * (1 - one.fraction) / 0.01**2 / one.observations
    assert rows * columns == pytest.approx(labels.size * times, rel=0.02)


def test_a_reference_is_within_the_intervals_or_not(rng):
    image = MaterialImage(voxels=blocks(rng, (30, 40), 4), phases=("solid", "pore"))
    for share, words in ((0.3, "70.0 %, pore 30.0 %: within the intervals."),
                         (0.7, "pore 70.0 %: outside the interval of solid, pore.")):  # fmt: skip
        voxels = (np.arange(1000).reshape(10, 10, 10) < 1000 * share).astype(np.uint8)
        reference = MaterialImage(voxels=voxels, phases=("solid", "pore"))
        assert what_an_image_tells(image, reference).sentence.endswith(words)


def test_of_a_volume_twice_the_interval_is_an_eighth(rng):
    told = what_an_image_tells(MaterialImage(voxels=blocks(rng, (8, 9, 10), 4), phases=("a", "b")))
    # 4 times the observations: edges longer by the cube root of 4.
    assert edges(told.rows[0].half) == [int(np.ceil(n * 4 ** (1 / 3))) for n in (32, 36, 40)]


def test_of_a_stack_more_images_are_needed(rng):
    voxels = blocks(rng, (5, 10, 12), 1)
    told = what_an_image_tells(MaterialImage(voxels=voxels, phases=("a", "b"), stack=True))
    assert told.rows[0].half == "20 images"
    assert re.fullmatch(r"\d+ images", told.rows[0].wanted)
    assert "these images" in told.sentence


def test_features_as_large_as_the_image_are_said():
    labels = np.zeros((12, 64), np.uint8)
    labels[:, 32:] = 1
    told = what_an_image_tells(MaterialImage(voxels=labels, phases=("left", "right")))
    assert told.rows[0].interval == "not known"
    assert told.rows[0].half == told.rows[0].wanted == told.rows[0].observations == ""
    assert "too small to tell the fraction of left, right" in told.sentence


def test_nothing_is_said_of_values_or_of_a_part(rng):
    grey = rng.integers(256, size=(20, 24)).astype(np.uint8)
    assert what_an_image_tells(MaterialImage(voxels=grey, phases=("grey",), kind=GREY)) is None
    valid = np.ones((20, 24), bool)
    valid[0] = False
    part = MaterialImage(voxels=grey % 2, phases=("a", "b"), valid=valid)
    assert what_an_image_tells(part) is None


def test_a_row_says_what_the_real_image_alone_tells():
    row = pd.Series({"fraction_low": 0.117, "fraction_high": 0.209, "dimension": "2d"})
    assert from_the_image_alone(row) == "the real image alone tells 11.7 % to 20.9 %"
    row["dimension"] = "3d"
    assert from_the_image_alone(row).startswith("the real volume alone tells")
    row["fraction_low"] = np.nan
    assert from_the_image_alone(row) == ""
