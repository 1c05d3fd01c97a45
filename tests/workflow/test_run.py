"""The whole pipeline at toy size: every stage runs, and nothing is lost when it is killed."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import tifffile
import torch

from matvir.measurement.curves import read_curves

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
GENERATOR = "results/tiny/{}/seed-0/train/generator.pt"


def text(run):
    return run.stdout + run.stderr


def test_from_raw_image_to_report(tiny):
    first = tiny()
    assert first.returncode == 0, text(first)
    results = tiny.folder / "results"
    page = (results / "report/index.html").read_text()
    assert "tiny-swd" in page
    assert "http" not in re.findall(r'(?:src|href)="(\w+):', page)

    table = pd.read_csv(results / "report/metrics.csv")
    columns = "material model seed sample phase axis metric value unit note"
    assert list(table.columns) == columns.split()
    assert set(table["model"]) == {"real", "tiny-swd", "tiny-gan"}
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
    assert row[row.phase == "nmc"]["value"].item() == pytest.approx((volumes[1] == 2).mean())
    stack = tifffile.imread(results / "tiny/tiny-swd/seed-0/generate/volume.tif")
    assert (stack == volumes[0]).all()

    again = tiny()
    assert "Nothing to be done" in text(again), text(again)

    (results / "report/index.html").unlink()
    rebuilt = tiny("report")
    assert rebuilt.returncode == 0, text(rebuilt)
    ran = set(re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", text(rebuilt)))
    assert ran == {"report"}

    # What was made is what was recorded, and equals a published copy until a number is another.
    assert tiny().returncode == 0
    shutil.copytree(results / "report", tiny.folder / "published")
    verify = ("verify", "--config", "verify={published: published}")
    verified = tiny(*verify)
    assert verified.returncode == 0, text(verified)
    assert re.search(r"(\d+) of \1 numbers within 5\.0%", text(verified)), text(verified)
    table.loc[table.metric == "volume_fraction", "value"] *= 1.3
    table.to_csv(tiny.folder / "published/metrics.csv", index=False)
    generator = results / "tiny/tiny-swd/seed-0/train/generator.pt"
    whole, times = generator.read_bytes(), generator.stat()
    generator.write_bytes(b"half")
    verified = tiny(*verify)
    generator.write_bytes(whole)
    os.utime(generator, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert verified.returncode == 1
    assert "tiny-swd/seed-0/train/generator.pt: changed since the run" in text(verified)
    assert "3d volume_fraction pore" in text(verified)
    assert "Traceback" not in text(verified)

    # Measured in parts by several jobs it is the same, and nothing is left of the parts.
    measured = [results / f"tiny/{of}/measure" for of in ("real", "tiny-swd/seed-0")]
    before = [content_of(one) for one in measured]
    for one in measured:
        shutil.rmtree(one)
    settings = (tiny.folder / "tiny.yaml").read_text()
    (tiny.folder / "tiny.yaml").write_text(settings.replace("measure:", "measure:\n  parts: 3"))
    parted = tiny(*(str(one.relative_to(tiny.folder) / "metrics.csv") for one in measured))
    assert parted.returncode == 0, text(parted)
    assert text(parted).count("(Rule: measure_part)") == 3
    assert [content_of(one) for one in measured] == before
    (tiny.folder / "tiny.yaml").write_text(settings)

    snakemake_report = tiny("--report", "report.html")
    assert snakemake_report.returncode == 0, text(snakemake_report)
    content = (tiny.folder / "report.html").read_text()
    assert "Segmentation" in content
    assert "Comparison" in content


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


@pytest.mark.parametrize("model", ["tiny-swd", "tiny-gan"])
def test_a_training_killed_at_any_step_ends_with_the_same_bits(tiny, model):
    target = GENERATOR.format(model)
    assert tiny(target).returncode == 0
    whole = weights(tiny.folder, model)
    (tiny.folder / target).unlink()

    kill_training_after_some_steps(tiny.folder, target)
    state = (tiny.folder / target).with_name("state.pt")
    step = torch.load(state, weights_only=True)["step"]
    assert 0 < step < {"tiny-swd": 20, "tiny-gan": 6}[model]

    again = tiny(target)
    assert again.returncode == 0, text(again)
    assert f"continuing after step {step}" in text(again)
    assert not state.exists()
    resumed = weights(tiny.folder, model)
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name


def kill_training_after_some_steps(folder, target):
    """Start the pipeline and kill its training process once the second checkpoint is there."""
    command = [str(Path(sys.executable).with_name("snakemake")), target]
    command += ["--cores", "2", "--configfile", "tiny.yaml"]
    state = (folder / target).with_name("state.pt")
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as run:
        deadline = time.monotonic() + 120
        seen = set()
        while len(seen) < 2 and time.monotonic() < deadline:
            if state.exists():
                seen.add(state.stat().st_mtime_ns)
            time.sleep(0.01)
        assert len(seen) == 2, "no checkpoint appeared"
        os.kill(training_process(run.pid), signal.SIGKILL)
        run.communicate(timeout=60)
    assert run.returncode != 0


def training_process(parent):
    """Return the process below ``parent`` that runs the training script."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            command = (path / "cmdline").read_bytes().decode()
            ancestor = int((path / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if "train.py" in command and "python" in command and descends(ancestor, parent):
            return int(path.name)
    raise AssertionError("the training process was not found")


def descends(process, ancestor):
    while process > 1:
        if process == ancestor:
            return True
        process = int(Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[1])
    return False
