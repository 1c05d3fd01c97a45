import json

import numpy as np
import pandas as pd
import pytest
import yaml

from matvir.comparison.verification import (
    changed_files,
    compare_numbers,
    differing_keys,
    record,
    settings_of_the_run,
    verify,
)
from matvir.errors import InputError
from matvir.files import write_json
from matvir.measurement.tables import COLUMNS
from matvir.settings.build import merge, resolve


def table(values, name="volume", metric="volume_fraction", phase="pore"):
    """One row per value, as rule ``measure`` writes them."""
    rows = {column: "" for column in COLUMNS}
    rows |= {"material": "m", "model": "a", "seed": "0", "phase": phase, "metric": metric}
    samples = [{"sample": f"{name}-{n:03d}", "value": value} for n, value in enumerate(values)]
    return pd.DataFrame([rows | sample for sample in samples])


@pytest.fixture
def settings(root):
    return resolve(yaml.safe_load((root / "config/default.yaml").read_text()))


@pytest.fixture
def report(tmp_path, settings, monkeypatch):
    """The folder of a finished run's report, and a published copy of it."""
    monkeypatch.chdir(tmp_path)
    made, image = tmp_path / "results/m/labels.h5", tmp_path / "image.tif"
    made.parent.mkdir(parents=True)
    made.write_bytes(b"labels")
    image.write_bytes(b"pixels")
    for folder in ("report", "published"):
        metrics = tmp_path / folder / "metrics.csv"
        metrics.parent.mkdir()
        table([0.30, 0.32, 0.31]).to_csv(metrics, index=False)
    results = [made.relative_to(tmp_path), tmp_path / "report/metrics.csv"]
    ours = record(settings_of_the_run(settings), {"m-0": image}, results)
    for folder in ("report", "published"):
        write_json(tmp_path / folder / "record.json", ours)
    return tmp_path / "report"


def change(folder, **parts):
    path = folder / "record.json"
    write_json(path, json.loads(path.read_text()) | parts)


def test_a_record_holds_only_what_the_run_names(report, settings):
    recorded = json.loads((report / "record.json").read_text())["configuration"]
    assert list(recorded["models"]) == settings["run"]["models"]
    assert list(recorded["materials"]) == settings["run"]["materials"]
    assert recorded["generation"] == settings["generation"]
    assert "verify" not in recorded


def test_what_is_as_recorded_and_published_passes(report):
    said = "\n".join(verify(report, report.parent / "published", 0.05))
    assert "2 of 2 files as recorded" in said
    assert "2 of 2 files equal the published ones to the last bit" in said
    assert "1 of 1 numbers within 5.0%" in said
    assert "other versions: none" in said


@pytest.mark.parametrize(("content", "what"), [(b"label", "changed"), (None, "missing")])
def test_files_that_are_no_longer_those_of_the_run_are_named(report, content, what):
    path = report.parent / "results/m/labels.h5"
    path.unlink() if content is None else path.write_bytes(content)
    assert changed_files({"results/m/labels.h5": "0" * 64}) == {"results/m/labels.h5": what}
    with pytest.raises(InputError, match=rf"results/m/labels\.h5: {what} since the run"):
        verify(report, None, 0.05)


def test_other_images_and_settings_are_named_but_not_other_paths(report, settings):
    published = report.parent / "published"
    configuration = json.loads((published / "record.json").read_text())["configuration"]
    configuration["generation"]["n_volumes"] += 1
    next(iter(configuration["materials"].values())).update(image="elsewhere.tif", dataset="a-name")
    change(published, configuration=configuration, inputs={"m-0": "0" * 64})
    with pytest.raises(InputError, match="m-0: another image than the published one") as caught:
        verify(report, published, 0.05)
    assert "generation.n_volumes: set otherwise" in str(caught.value)
    assert ".image" not in str(caught.value)
    assert ".dataset" not in str(caught.value)


def test_other_numbers_are_named_with_both_values(report):
    published = report.parent / "published"
    table([0.40, 0.42, 0.41]).to_csv(published / "metrics.csv", index=False)
    expected = r"3d volume_fraction pore: 0\.31, published 0\.41, allowed \+-0\.0"
    with pytest.raises(InputError, match=expected):
        verify(report, published, 0.05)


def test_another_table_than_the_recorded_one_is_named(report):
    published = report.parent / "published"
    table([0.31, 0.31, 0.31]).to_csv(published / "metrics.csv", index=False)
    with pytest.raises(InputError, match=r"published/metrics\.csv: not the one that was recorded"):
        verify(report, published, 0.05)


def test_how_work_is_shared_is_no_setting_of_the_run(settings):
    other = merge(settings, {"measure": {"parts": 7}, "train": {"processes": 2}})
    assert settings_of_the_run(other) == settings_of_the_run(settings)
    assert settings_of_the_run(merge(settings, {"measure": {"max_samples": 7}})) != (
        settings_of_the_run(settings)
    )


def test_planes_elsewhere_are_the_same_settings():
    ours, theirs = ([{"image": name, "crop": 1}, None] for name in ("a", "b"))
    assert differing_keys({"planes": ours}, {"planes": theirs}) == ["planes.0.image"]


def test_other_versions_are_said_and_no_fault(report):
    published = report.parent / "published"
    versions = json.loads((published / "record.json").read_text())["versions"]
    change(published, versions=versions | {"torch": "1.0"})
    assert "other versions: torch" in verify(report, published, 0.05)


def test_the_allowed_difference_is_tolerance_and_standard_errors():
    """Two sets of four values, written out."""
    ours, theirs = [1.0, 2.0, 3.0, 4.0], [2.0, 2.0, 4.0, 4.0]
    found = compare_numbers(table(ours), table(theirs), 0.1).iloc[0]
    error = np.sqrt(np.var(ours, ddof=1) / 4 + np.var(theirs, ddof=1) / 4)
    assert found["allowed"] == pytest.approx(0.1 * 3 + 4 * error)
    assert found["holds"]
    assert not compare_numbers(table([1.0]), table([1.2]), 0.1)["holds"].item()
    assert compare_numbers(table([1.0]), table([1.1]), 0.1)["holds"].item()


def test_what_only_one_side_measured_does_not_hold():
    ours = table([1.0], metric="a")
    found = compare_numbers(ours, table([1.0], metric="b"), 0.1)
    assert len(found) == 2
    assert not found["holds"].any()


def test_keys_that_differ_are_dotted():
    assert differing_keys({"a": {"b": 1, "c": [1]}}, {"a": {"b": 1, "c": [2]}, "d": 3}) == [
        "a.c.0",
        "d",
    ]


@pytest.mark.parametrize(
    "content",
    [
        None,
        "{",
        pytest.param("[" * 9999, id="deep"),
        "[]",
        '{"format": "other"}',
        '{"format": "matvir-record-1"}',
    ],
)
def test_no_record_is_explained(tmp_path, content):
    if content is not None:
        (tmp_path / "record.json").write_text(content)
    with pytest.raises(InputError, match=r"record\.json: expected (the|a) record"):
        verify(tmp_path, None, 0.05)
