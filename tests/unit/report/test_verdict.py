"""The verdict in plain words on planted comparisons."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from matvir.report.verdict import verdict
from matvir.report.wording import MINUS
from matvir.storage.image_types import PHASES


def row(metric, phase, difference, **columns):
    filled = {"dimension": "2d", "axis": "all", "mean_real": 0.5, "w1_floor": 0.2}
    filled |= {"w1_floor_high": 0.4, "w1_over_sd": 0.3, "sd_ratio": 1.0}
    filled |= {"n_real": 100, "n_generated": 32, "effective_n_real": 100.0}
    filled |= {"detectable_difference": 0.01}
    filled |= {"relative_difference": difference / 0.5, "difference": difference}
    return filled | {"metric": metric, "phase": phase, **columns}


def told(*pairs):
    """Return a table of the classifier test: kind, size and area under the curve of each row."""
    columns = ["dimension", "kind", "size", "auc", "note"]
    found = [("3d", *pair, "fewer than 4 samples" if np.isnan(pair[-1]) else "") for pair in pairs]
    return pd.DataFrame(found, columns=columns).astype({"auc": float})


def run(rows, *, s2_error=0.03, distances=(0.3, 0.31), volume=object, pairs=()):
    s2 = [
        {"dimension": "2d", "phase": "ore", "axis": "radial", "max_error_over_fraction": s2_error}
    ]
    kinds = ["generated", "held-out"]
    return SimpleNamespace(
        volume=volume,
        config={"config": {"kind": "slicegan"}},
        tables={
            "comparison": pd.DataFrame(rows),
            "s2": pd.DataFrame(s2),
            "memorisation": pd.DataFrame({"kind": kinds, "distance": distances}),
            "classifier": told(*pairs),
        },
    )


def judge(a_run, reference=None):
    material = SimpleNamespace(reference=reference, kind=PHASES, runs=[a_run])
    result = verdict(material, a_run)
    return [tile.value for tile in result.tiles], " ".join(result.sentences)


def test_the_headline_numbers_are_the_largest_errors():
    rows = [row("volume_fraction", "ore", -0.02), row("volume_fraction", "pore", 0.004)]
    tiles, text = judge(run(rows))
    assert tiles == ["0.020", "3.0 %", "2 of 2", "not judged", "no sign"]
    assert "On slices, mean volume fractions differ by up to 0.020 (ore)" in text
    assert "by up to 3.0 % of the fraction (ore, radial average)" in text
    assert "What differs most" not in text


def test_what_is_beyond_the_floor_is_named_worst_first():
    rows = [
        row("volume_fraction", "ore", 0.0),
        row("mean_chord_length", "ore", 0.1, axis="0", w1_over_sd=1.0),
        row("interfacial_length", "ore+pore", 0.2, w1_over_sd=2.0),
    ]
    tiles, text = judge(run(rows))
    assert tiles[2] == "1 of 3"
    assert text.index("interfacial length of ore and pore in 2D (2.0 real") < text.index(
        "mean chord length of ore along axis 0 in 2D (1.0 real standard deviations, 5.0 times"
    )


def test_three_dimensional_properties_are_stated_where_there_is_a_reference():
    rows = [
        row("tpb_density", "all", 0.05, dimension="3d"),
        row("relative_diffusivity", "ore", 0.1, dimension="3d", axis="1"),
        row("relative_diffusivity", "ore", -0.2, dimension="3d", axis="2"),
    ]
    text = judge(run(rows), reference=object())[1]
    assert "In volumes, the triple-phase boundary density by +10.0 %" in text
    assert f"the relative diffusivity by up to {MINUS}40.0 % (ore along axis 2)" in text
    assert "no reference" not in text


def test_without_a_reference_the_verdict_says_so():
    assert "have no reference" in judge(run([row("volume_fraction", "ore", 0.0)]))[1]


def test_of_images_nothing_is_said_about_volumes():
    text = judge(run([row("volume_fraction", "ore", 0.0)], volume=None))[1]
    assert "makes 2D images: nothing is known of volumes" in text
    assert "reference" not in text


def test_how_small_a_difference_would_be_noticed_is_said_of_the_worst_phase():
    rows = [
        row("volume_fraction", "ore", 0.0, dimension="3d", detectable_difference=0.015),
        row("volume_fraction", "pore", 0.0, dimension="3d"),
        row("specific_surface_area", "ore", 0.0, dimension="3d"),
        row("volume_fraction", "ore", 0.0, detectable_difference=0.4),
    ]
    assert (
        "With 100 real and 32 generated volumes, a change of the volume fraction of ore by 3.0 % "
        "or the specific surface area of ore by 2.0 % would be noticed in 80 of 100 comparisons"
    ) in judge(run(rows))[1]


def test_slices_worth_fewer_are_said_and_unknown_ones_are_not():
    (worth,) = rows = [row("volume_fraction", "ore", 0.0, effective_n_real=41.4)]
    assert (
        "With 100 real (worth 41 independent ones) and 32 generated slices" in judge(run(rows))[1]
    )
    nothing = worth | {"detectable_difference": np.nan}
    assert "would be noticed" not in judge(run([nothing]))[1]


def test_narrow_samples_are_called_a_sign_of_mode_collapse():
    text = judge(run([row("volume_fraction", "ore", 0.0, sd_ratio=0.3)]))[1]
    assert "vary 0.30 times as much as real ones (median ratio): they are too much alike" in text


def test_copying_is_reported():
    tiles, text = judge(run([row("volume_fraction", "ore", 0.0)], distances=(0.01, 0.3)))
    assert tiles[4] == "suspected"
    assert "copying is suspected" in text


def test_what_was_not_compared_is_not_invented():
    nothing = row(
        "tpb_density", "all", np.nan, w1_over_sd=np.nan, w1_floor_high=np.nan, sd_ratio=np.nan
    )
    tiles, text = judge(run([nothing], s2_error=np.nan, distances=(0.3, np.nan)))
    assert tiles == ["not compared", "not compared", "0 of 0", "not judged", "not judged"]
    assert "vary" not in text


def test_how_often_slices_are_told_apart_is_stated_beside_the_floor():
    rows = [row("volume_fraction", "ore", 0.0)]
    pairs = [("generated", 64, 0.83), ("generated", 32, 0.61), ("real", 64, 0.52)]
    tiles, text = judge(run(rows, pairs=pairs))
    assert tiles[3] == "83 of 100"
    assert "in 83 at 64 pixels, 61 at 32 pixels, of 100 pairs each (50 is chance" in text
    assert "two real ones in 52" in text
    assert "segmentation" not in text


def test_a_training_image_that_differs_from_the_reference_excuses_the_model():
    pairs = [("generated", 64, 0.9), ("section", 64, 0.89)]
    _, text = judge(run([row("volume_fraction", "ore", 0.0)], pairs=pairs))
    assert "from the reference in 89: what the segmentation changed" in text


def test_too_few_samples_for_a_classifier_are_said():
    tiles, text = judge(
        run([row("volume_fraction", "ore", 0.0)], pairs=[("generated", 64, np.nan)])
    )
    assert tiles[3] == "not judged"
    assert "was not judged: fewer than 4 samples" in text
