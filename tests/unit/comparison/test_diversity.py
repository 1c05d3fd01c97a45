import itertools
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from matvir.comparison.diversity import (
    DIVERSITY_COLUMNS,
    crops_of,
    diversity,
    energies_of,
    pixel_distances,
)
from matvir.comparison.run import GeneratedSamples, Measured, TrainingSections, compare_run
from matvir.measurement.tables import COLUMNS
from matvir.settings.records import CompareConfig


@pytest.fixture
def images(rng):
    return list(rng.integers(0, 3, (6, 5, 8)).astype(np.uint8))


def curves(values, name="s2/a/radial"):
    return {name: SimpleNamespace(values=values), "lineal_path/a/0": SimpleNamespace(values=values)}


def test_distances_are_those_of_all_pairs(images):
    expected = [(a != b).mean() for a, b in itertools.combinations(images, 2)]
    np.testing.assert_allclose(pixel_distances(images), expected)
    assert pixel_distances(images[:1]).size == 0


def test_ratios_are_generated_over_real(images, rng):
    values = rng.random((6, 4))
    # Half of the images are alike: pairs among them do not differ.
    alike = [images[0]] * 3 + images[3:]
    found = diversity(
        (images, alike), (curves(values), curves(values / 2)), ([0.2, 0.4], [0.1, 0.1])
    )
    assert tuple(found.columns) == DIVERSITY_COLUMNS
    found = found.set_index("statistic")
    pixel = found.loc["pixel_distance"]
    assert pixel["real"] == pytest.approx(pixel_distances(images).mean())
    assert pixel["generated"] == pytest.approx(pixel_distances(alike).mean())
    assert 0.5 < pixel["ratio"] < 0.95
    pairs = itertools.combinations(values, 2)
    expected = np.mean([np.sqrt(((a - b) ** 2).mean()) for a, b in pairs])
    assert found.loc["s2_distance", "real"] == pytest.approx(expected)
    assert found.loc["s2_distance", "ratio"] == pytest.approx(0.5)
    assert found.loc["gradient_energy", "ratio"] == pytest.approx(1 / 3)
    assert (found["note"] == "").all()


def test_curves_that_one_side_lacks_do_not_count(images, rng):
    values = rng.random((6, 4))
    real = curves(values) | curves(rng.random((6, 4)), "s2/b/radial")
    found = diversity((images, images), (real, curves(values)), ([1.0], [1.0]))
    assert found.set_index("statistic").loc["s2_distance", "ratio"] == pytest.approx(1)


def test_too_few_images_have_no_number_and_a_reason(images):
    found = diversity((images[:1], images), ({}, {}), ([], [0.1])).set_index("statistic")
    assert found["ratio"].isna().all()
    assert found.loc["pixel_distance", "note"] == "real: 1 images"
    assert found.loc["s2_distance", "note"] == "real: 0 images; generated: 0 images"
    assert found.loc["gradient_energy", "note"] == "real: 0 images"


def test_crops_lie_apart_and_inside_the_material(rng):
    image = rng.integers(0, 2, (20, 30)).astype(np.uint8)
    image[:, 25:] = 255
    crops = crops_of([image, np.zeros((4, 4), np.uint8)], 10, 255, rng)
    assert len(crops) == 4
    assert all((crop != 255).all() for crop in crops)
    assert len({crop.tobytes() for crop in crops}) == 4


def test_energies_are_those_of_one_hot_images():
    stripes = np.tile(np.array([0, 1], np.uint8), (6, 4))
    share = 6 * 7 / (6 * 7 + 5 * 8)  # all neighbours along rows differ
    assert energies_of([stripes, 0 * stripes]) == pytest.approx([2 * share, 0])


def test_planes_are_compared_with_sections_across_their_axis(rng):
    """Stripes stand for one axis, noise for the others: a perfect model of stripes is perfect."""
    stripes = np.tile(np.array([0, 0, 1, 1], np.uint8), (64, 16))
    noise = rng.integers(0, 2, (64, 64)).astype(np.uint8)
    one_hot = [(x == np.arange(2)[:, None, None]).astype(np.uint8)[None] for x in (stripes, noise)]
    seen = TrainingSections(
        training={0: one_hot[1], 1: one_hot[0]}, held_out={}, mirror=False, quarter_turns=False
    )
    planes = [stripes[:16, k : k + 16] for k in (0, 1, 2)]
    nothing = Measured(metrics=pd.DataFrame(columns=COLUMNS), curves={})
    config = CompareConfig(bootstrap_samples=10, permutations=10, confidence=0.95, seed=0)
    made = GeneratedSamples(planes={"2d-1": planes})
    found = compare_run(nothing, nothing, made, seen, {}, {}, config)["diversity"]
    assert set(found["dimension"]) == {"2d-1"}
    energy = found.set_index("statistic").loc["gradient_energy"]
    assert energy["real"] == pytest.approx(energies_of([stripes[:16, :16]])[0])
    assert energy["ratio"] == pytest.approx(1, abs=0.1)
    unknown = compare_run(
        nothing, nothing, GeneratedSamples(planes={"2d-2": planes}), seen, {}, {}, config
    )
    notes = unknown["diversity"].set_index("statistic")["note"]
    assert notes["gradient_energy"] == "real: 0 images"
