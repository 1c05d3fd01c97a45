"""What is said of a model beside Gaussian fields, on planted comparisons."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from matvir.report.baseline import baseline_sentences

ROWS = [
    ("2d", "volume_fraction", "ore", "all"),
    ("3d", "tpb_density", "all", "all"),
    ("3d", "relative_diffusivity", "ore", "0"),
    ("3d", "relative_diffusivity", "ore", "1"),
]


def run(kind, distances, errors, *, seed=0):
    table = pd.DataFrame(ROWS, columns=["dimension", "metric", "phase", "axis"])
    table["w1_over_sd"], table["relative_difference"] = distances, errors
    config = {"config": {"kind": kind}}
    return SimpleNamespace(
        seed=seed, name=f"{kind}, seed {seed}", config=config, tables={"comparison": table}
    )


@pytest.fixture
def model():
    return run("slicegan", [0.4, 0.2, 0.3, np.nan], [0.01, -0.05, 0.1, -0.2])


def test_it_is_counted_how_often_a_model_is_closer(model):
    fields = run("gaussian-field", [0.1, 0.6, 0.9, 0.2], [0.0, 0.31, -0.5, 0.4])
    first, second = baseline_sentences(model, [model, fields])
    assert first.startswith("In 2 of 3 statistics this model is closer to the material than Gauss")
    assert first.endswith("(gaussian-field, seed 0).")
    assert second == (
        "Largest errors, this model's and those of the fields: triple-phase boundary density 5.0 % "
        "and 31.0 %; relative diffusivity 20.0 % and 50.0 %."
    )


def test_fields_of_the_same_seed_are_taken(model):
    better, worse = (
        run("gaussian-field", [w1] * 4, [0.0] * 4, seed=seed) for seed, w1 in ((1, 0.0), (0, 9.0))
    )
    assert "3 of 3" in baseline_sentences(model, [better, model, worse])[0]


def test_without_fields_and_of_them_nothing_is_said(model):
    fields = run("gaussian-field", [0.1] * 4, [0.0] * 4)
    assert baseline_sentences(model, [model]) == []
    assert baseline_sentences(fields, [model, fields]) == []


def test_of_what_only_one_side_has_nothing_is_said(model):
    fields = run("gaussian-field", [np.nan] * 4, [np.nan] * 4)
    assert baseline_sentences(model, [model, fields]) == []
    fields = run("gaussian-field", [0.5] * 4, [np.nan] * 4)
    assert len(baseline_sentences(model, [model, fields])) == 1
