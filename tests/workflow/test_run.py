"""The whole pipeline at toy size: every stage runs, and nothing is lost when it is killed."""

import json
import os
import re
import shutil

import h5py
import numpy as np
import pandas as pd
import pytest
import tifffile
import torch

from matvir.measurement.curves import read_curves

pytestmark = pytest.mark.slow

GENERATOR = "results/tiny/{}/seed-0/train/generator.pt"


def text(run):
    return run.stdout + run.stderr


def test_from_raw_image_to_report(finished):
    results = finished / "results"
    page = (results / "report/index.html").read_text()
    assert "tiny-swd" in page
    assert "http" not in re.findall(r'(?:src|href)="(\w+):', page)

    table = pd.read_csv(results / "report/metrics.csv")
    columns = "material model seed sample phase axis metric value unit note"
    assert list(table.columns) == columns.split()
    assert set(table["model"]) == {"real", "tiny-swd", "tiny-gan", "tiny-diffusion"}
    fractions = table[
        (table.metric == "volume_fraction") & table["sample"].str.startswith("volume")
    ]
    sums = fractions.groupby(["model", "sample"])["value"].sum()
    assert sums.between(0.999999, 1.000001).all()

    # The table agrees with the volumes it is about, through another way of counting.
    with h5py.File(results / "tiny/tiny-swd/seed-0/generate/samples.h5") as file:
        volumes = file["labels"][()]
        provenance = json.loads(file.attrs["provenance"])
    assert provenance["precision"] == "float32"
    assert provenance["generation"]["periodic"] == [1]
    assert volumes.shape == (3, 40, 32, 48)
    # Its last rows are as unlike its first ones as neighbours are: it is periodic along them.
    unlike = [(np.roll(volumes, 1, axis=2) != volumes)[:, :, k].mean() for k in range(32)]
    assert unlike[0] < 1.2 * max(unlike[1:])
    row = fractions[(fractions.model == "tiny-swd") & (fractions["sample"] == "volume-001")]
    assert row[row.phase == "ceramic"]["value"].item() == pytest.approx((volumes[1] == 2).mean())
    stack = tifffile.imread(results / "tiny/tiny-swd/seed-0/generate/volume.tif")
    assert (stack == volumes[0]).all()


def test_volumes_are_written_for_other_programs(finished):
    import SimpleITK as sitk

    for model in ("tiny-swd", "tiny-gan", "tiny-diffusion"):
        folder = finished / f"results/tiny/{model}/seed-0"
        with h5py.File(folder / "generate/samples.h5") as file:
            volume = file["labels"][0]
        for name in ("volume.nrrd", "volume.mhd"):
            image = sitk.ReadImage(str(folder / "export" / name))
            np.testing.assert_array_equal(sitk.GetArrayFromImage(image), volume)
            assert image.GetSpacing() == pytest.approx((0.4,) * 3)
        surfaces = {path.stem for path in (folder / "export/volume-stl").glob("*.stl")}
        assert surfaces <= {"pore", "polymer", "ceramic"}


def test_a_finished_run_makes_again_what_is_missing_alone(tiny):
    again = tiny()
    assert "Nothing to be done" in text(again), text(again)

    # An update of scripts does not throw results away, but for those that are made in seconds.
    for name in ("segment", "train", "generate", "measure"):
        with open(tiny.folder / f"workflow/scripts/{name}.py", "a") as script:
            script.write("# changed\n")
    assert "Nothing to be done" in text(tiny())
    with open(tiny.folder / "workflow/scripts/report.py", "a") as script:
        script.write("# changed\n")
    planned = dict(re.findall(r"^(\w+) +(\d+)$", text(tiny("-n")), re.MULTILINE))
    assert planned == {"report": "1", "record": "1", "all": "1", "total": "3"}

    (tiny.folder / "results/report/index.html").unlink()
    rebuilt = tiny("report")
    assert rebuilt.returncode == 0, text(rebuilt)
    ran = set(re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", text(rebuilt)))
    assert ran == {"report"}

    snakemake_report = tiny("--report", "report.html")
    assert snakemake_report.returncode == 0, text(snakemake_report)
    content = (tiny.folder / "report.html").read_text()
    assert "Segmentation" in content
    assert "Comparison" in content


def test_another_metric_hides_no_other_changed_setting(tiny):
    """What measures the real material anew must not keep models or samples of other settings."""
    settings = tiny.folder / "tiny.yaml"
    changed = settings.read_text().replace("steps: 8", "steps: 10")
    settings.write_text(changed.replace("measure:", "measure:\n  metrics: [volume-fraction]"))
    planned = dict(re.findall(r"^(\w+) +(\d+)$", text(tiny("-n")), re.MULTILINE))
    assert planned["measure_real"] == "1"
    assert planned["train"] == planned["generate"] == "1"
    assert planned["measure"] == "3"


def test_the_real_material_is_measured_before_anything_is_trained(tiny):
    for made in ("real", "tiny-gan", "compare"):
        shutil.rmtree(tiny.folder / "results/tiny" / made)
    run = tiny("results/tiny/compare/comparison.csv")
    assert run.returncode == 0, text(run)
    ran = re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", text(run))
    assert ran.index("measure_real") < ran.index("train")
    assert ran.count("train") == 1


def test_a_finished_run_has_figures_for_papers(tiny):
    run = tiny("figures")
    assert run.returncode == 0, text(run)
    assert set(re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", text(run))) == {"figures"}
    folder = tiny.folder / "results/report/figures/tiny"
    names = {path.stem for path in folder.glob("*.pdf")}
    assert {"slices", "boxes-3d-part-1", "box-3d-volume-fraction"} <= names
    caption = (folder / "box-3d-volume-fraction.txt").read_text()
    assert "tiny-gan, seed 0" in caption
    assert "95 %" in caption.replace("\N{NO-BREAK SPACE}", " ")
    assert "Nothing to be done" in text(tiny("figures"))


def test_a_run_is_verified_against_its_record_and_a_published_copy(tiny):
    results = tiny.folder / "results"
    shutil.copytree(results / "report", tiny.folder / "published")
    verify = ("verify", "--config", "verify={published: published}")
    verified = tiny(*verify)
    assert verified.returncode == 0, text(verified)
    assert re.search(r"(\d+) of \1 numbers within 5\.0%", text(verified)), text(verified)

    table = pd.read_csv(results / "report/metrics.csv")
    table.loc[table.metric == "volume_fraction", "value"] *= 1.3
    table.to_csv(tiny.folder / "published/metrics.csv", index=False)
    generator = results / "tiny/tiny-swd/seed-0/train/generator.pt"
    times = generator.stat()
    generator.write_bytes(b"half")
    os.utime(generator, ns=(times.st_atime_ns, times.st_mtime_ns))
    verified = tiny(*verify)
    assert verified.returncode == 1
    assert "tiny-swd/seed-0/train/generator.pt: changed since the run" in text(verified)
    assert "3d volume_fraction pore" in text(verified)
    assert "Traceback" not in text(verified)


def test_measured_in_parts_by_several_jobs_it_is_the_same(tiny):
    measured = [tiny.folder / f"results/tiny/{of}/measure" for of in ("real", "tiny-swd/seed-0")]
    before = [content_of(one) for one in measured]
    for one in measured:
        shutil.rmtree(one)
    settings = tiny.folder / "tiny.yaml"
    settings.write_text(settings.read_text().replace("measure:", "measure:\n  parts: 2"))
    parted = tiny(*(str(one.relative_to(tiny.folder) / "metrics.csv") for one in measured))
    assert parted.returncode == 0, text(parted)
    assert text(parted).count("(Rule: measure_part)") == 2
    assert [content_of(one) for one in measured] == before  # and nothing is left of the parts


def content_of(measured):
    """Return what is in a folder of measurements: its files, the table, and the curves."""
    curves = {
        (dimension, name): curve.values.tobytes()
        for dimension, of_dimension in read_curves(measured / "curves.h5").items()
        for name, curve in of_dimension.items()
    }
    files = sorted(path.name for path in measured.iterdir())
    return files, (measured / "metrics.csv").read_bytes(), curves


def weights(folder, model):
    return torch.load(folder / GENERATOR.format(model), weights_only=True)["state"]


@pytest.mark.parametrize(
    ("model", "saved", "how"),
    [
        ("tiny-swd", 2, {"save": 2, "early": False}),
        ("tiny-gan", 4, {"save": 5, "early": True}),  # with the file beside its place
    ],
)
def test_a_training_killed_at_any_step_ends_with_the_same_bits(
    tiny, finished, killing, model, saved, how
):
    target = tiny.folder / GENERATOR.format(model)
    target.unlink()
    environment = killing({model: {**how, "command": "kill -KILL $PPID"}})
    killed = tiny(GENERATOR.format(model), environment=environment)
    assert killed.returncode != 0
    state = target.with_name("state.pt")
    assert torch.load(state, weights_only=True)["step"] == saved

    again = tiny(GENERATOR.format(model))
    assert again.returncode == 0, text(again)
    assert f"continuing after step {saved}" in text(again)
    assert not state.exists()
    whole, resumed = weights(finished, model), weights(tiny.folder, model)
    assert whole.keys() == resumed.keys()
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name
