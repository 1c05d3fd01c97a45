"""The verbs that run the workflow: what they write, and what they refuse before they start."""

import numpy as np
import pytest
import tifffile
import yaml

from matvir import cli, workflow
from matvir.commands import run as run_command
from matvir.errors import MatvirError
from matvir.workflow import WorkflowStopped, run_workflow, snakefile


@pytest.fixture
def image(tmp_path, monkeypatch):
    """Return the name of an image of labels in the folder where commands are given."""
    monkeypatch.chdir(tmp_path)
    squares = np.kron(np.random.default_rng(0).integers(0, 2, (24, 24)), np.ones((4, 4)))
    tifffile.imwrite("My Scan.tif", squares.astype(np.uint8))
    return "My Scan.tif"


@pytest.fixture
def asked(monkeypatch):
    """Record what the workflow is asked for, in place of running it."""
    calls = []

    def record(folder, targets, *, configuration, cores):
        calls.append((folder, targets, yaml.safe_load(configuration.read_text()), cores))

    monkeypatch.setattr(run_command, "run_workflow", record)
    return calls


def test_an_image_gets_a_folder_with_its_configuration(image, asked, tmp_path, capsys):
    command = ["run", image, "--phases", "solid", "pore", "--cores", "1", "--minutes", "5"]
    assert cli.main(command) == 0
    ((folder, targets, settings, cores),) = asked
    assert (str(folder), targets, cores) == ("my-scan", [], 1)
    material = settings["materials"]["my-scan"]
    assert material["image"] == str(tmp_path / image)
    assert material["phases"] == {"solid": 0, "pore": 1}
    assert settings["run"] == {"materials": ["my-scan"], "models": ["diffusion"]}
    assert settings["models"]["diffusion"]["training"] == {"steps": None, "budget": "5min"}
    said = capsys.readouterr().out
    assert f"{tmp_path}/my-scan/results/report/index.html" in said
    assert "matvir generate my-scan/results/my-scan/diffusion/seed-0/train/generator.pt" in said


@pytest.mark.parametrize(
    ("verb", "target"),
    [
        ("segment", "results/my-scan/segmented/sheet.png"),
        ("train", "results/my-scan/slicegan-swd/seed-0/train/generator.pt"),
    ],
)
def test_the_first_steps_are_part_of_the_run(image, asked, verb, target, capsys):
    common = [image, "--out", "here"]
    assert cli.main([verb, *common, "--model", "slicegan-swd"]) == 0
    assert cli.main(["run", *common]) == 0  # goes on
    assert [targets for _, targets, _, _ in asked] == [[target], []]
    assert "next" in capsys.readouterr().out


def test_a_folder_of_another_run_is_left_alone(image, asked, capsys):
    assert cli.main(["segment", image, "--phases", "solid", "pore", "--out", "here"]) == 0
    for option, told in (
        (["--phases", "a", "b"], r"expected --phases to be ['a', 'b'], got ['solid', 'pore']"),
        (["--minutes", "7"], "expected --minutes to be 7min, got None"),
        (["--model", "slicegan-swd"], "expected --model to be slicegan-swd, got diffusion"),
    ):
        assert cli.main(["run", image, "--out", "here", *option]) == 1
        assert told in capsys.readouterr().err
    tifffile.imwrite("other.tif", np.eye(64, dtype=np.uint8))
    assert cli.main(["run", "other.tif", "--out", "here"]) == 1
    assert "expected image to be" in capsys.readouterr().err
    assert len(asked) == 1


def test_results_without_a_configuration_are_somebody_elses(image, asked, tmp_path, capsys):
    (tmp_path / "there/results").mkdir(parents=True)
    assert cli.main(["run", image, "--out", "there"]) == 1
    assert "expected a new folder or that of a run of this command" in capsys.readouterr().err
    assert not (tmp_path / "there/config.yaml").exists()


def test_an_image_that_is_doubtful_waits_for_a_word(tmp_path, monkeypatch, asked, capsys):
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0).normal(120, 12, (128, 128)).clip(0, 255)
    tifffile.imwrite("noise.tif", noise.astype(np.uint8))
    assert cli.main(["run", "noise.tif"]) == 1
    said = capsys.readouterr().err
    assert "the histogram has one peak" in said
    assert "--accept" in said
    assert (tmp_path / "noise/inspection.png").exists()
    assert not asked
    assert cli.main(["run", "noise.tif", "--accept"]) == 0
    assert len(asked) == 1


def test_models_and_verbs_that_do_not_exist_have_near_names(image, asked, capsys):
    assert cli.main(["run", image, "--model", "difusion"]) == 1
    assert "did you mean 'diffusion'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["trian", image])
    assert "did you mean 'train'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["run", image, "--minutes", "0"])
    assert "expected more than 0 minutes" in capsys.readouterr().err


def test_a_page_is_made_of_a_run_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["report", "nowhere"]) == 1
    assert "expected the configuration of a run" in capsys.readouterr().err


def test_a_workflow_that_stops_says_what_is_kept(tmp_path, capfd):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("run: {materials: [nothing]}")
    with pytest.raises(WorkflowStopped, match="the same command goes on from there"):
        run_workflow(tmp_path, [], configuration=wrong, cores=1)
    assert "'nothing' is not defined under materials" in capfd.readouterr().err


def test_a_package_without_its_workflow_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(workflow.matvir, "__file__", str(tmp_path / "matvir/__init__.py"))
    with pytest.raises(MatvirError, match=r"the package is incomplete. Install MatVir again"):
        snakefile()


def test_values_of_a_file_are_measured(image, tmp_path, capsys):
    command = ["measure", image, "--phases", "solid", "pore", "--voxel-size-um", "0.5"]
    assert cli.main([*command, "--metrics", "volume-fraction", "--out", "values.csv"]) == 0
    said = capsys.readouterr().out
    solid = (tifffile.imread(image) == 0).mean()
    assert f"{solid:.4g}" in said
    assert (tmp_path / "values.csv").read_text().startswith("sample,phase,axis,metric,value")
    assert cli.main(["measure", image, "--phases", "one"]) == 1
    assert "expected 2 names, one per label" in capsys.readouterr().err


def test_two_files_are_compared(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0).random((2, 48, 48, 48)) < 0.4
    for name, volume in zip(("real.tif", "made.tif"), random, strict=True):
        tifffile.imwrite(name, volume[:, :, : 48 if name == "real.tif" else 24].astype(np.uint8))
    command = ["compare", "real.tif", "made.tif", "--metrics", "volume-fraction", "--cores", "1"]
    assert cli.main(command) == 0
    assert "statistics are as close to the real ones" in capsys.readouterr().out
    assert "volume_fraction" in (tmp_path / "comparison.csv").read_text()


def test_the_machine_is_described(capsys):
    assert cli.main(["doctor"]) == 0
    said = capsys.readouterr().out
    for name in ("matvir", "packages", "cores", "GPU", "memory", "disk", "mind"):
        assert name in said
