"""Reading the files of a run."""

from dataclasses import replace

import pytest

from matvir.errors import InputError
from matvir.report.results import read_material


def test_tables_hold_only_the_run_itself(results):
    runs, (grown, _) = results
    material = read_material(grown, runs[:2])
    assert [run.name for run in material.runs] == ["swd, seed 0", "swd, seed 9"]
    first, second = (run.tables["comparison"].set_index("metric") for run in material.runs)
    assert "seed" not in first.columns
    fractions = [t.loc["volume_fraction", "mean_generated"].mean() for t in (first, second)]
    assert fractions[1] - fractions[0] == pytest.approx(0.09, abs=0.02)


def test_a_3d_image_is_its_own_reference(results):
    _, (grown, _) = results
    volume = replace(grown, labels=grown.reference, reference=None)
    material = read_material(volume, [])
    assert material.reference is material.specimen.volume


def test_samples_that_cannot_be_read_are_named(results, tmp_path):
    runs, (grown, _) = results
    broken = tmp_path / "samples.h5"
    broken.write_bytes(b"no HDF5")
    with pytest.raises(InputError, match=r"samples\.h5: expected a file of generated volumes"):
        read_material(grown, [replace(runs[0], samples=broken)])


def test_a_history_that_is_not_json_is_named(results, tmp_path):
    runs, (grown, _) = results
    broken = tmp_path / "history.jsonl"
    broken.write_text("{'step': 1}\n")
    with pytest.raises(InputError, match=r"history\.jsonl: expected one JSON object a line"):
        read_material(grown, [replace(runs[0], history=broken)])
