import hashlib
import json

import h5py
import numpy as np
import pytest
import tifffile
import torch
import yaml

from matvir import cli
from matvir.generation import resume
from matvir.generation.sampling import sample_seeds
from matvir.models import build_network
from matvir.models.diffusion import Diffusion
from matvir.models.slicegan import Generator
from matvir.settings.build import from_dict, resolve
from matvir.settings.models import DiffusionNetworkConfig, ModelConfig
from matvir.settings.records import Config
from matvir.storage.samples import read_samples
from matvir.training.checkpoint import TrainedGenerator, save_generator
from matvir.training.seeding import seeded


@pytest.fixture
def generator(trained_slicegan, tmp_path):
    """Return the file of a small generator of two phases."""
    path = tmp_path / "generator.pt"
    save_generator(path, trained_slicegan({"material": "m", "seed": 7}))
    return path


def test_volumes_are_written_with_where_they_come_from(generator, tmp_path, capsys):
    out = tmp_path / "new" / "folder"
    size = ["--size", "32", "20", "64", "--periodic", "0"]
    assert cli.main(["generate", str(generator), "--out", str(out), "-n", "2", *size]) == 0
    assert capsys.readouterr().out == f"{out / 'volume.tif'}\n"
    with h5py.File(out / "samples.h5") as file:
        labels, attributes = file["labels"][()], dict(file.attrs)
    assert labels.shape == (2, 32, 20, 64)
    assert np.array_equal(tifffile.imread(out / "volume.tif"), labels[0])
    assert json.loads(attributes["seeds"]) == sample_seeds(7, 2)  # those of the pipeline
    origin = json.loads(attributes["provenance"])
    assert origin["material"] == "m"
    assert origin["generation"]["periodic"] == [0]


def test_a_volume_is_also_written_for_other_programs_and_replaces_none(generator, tmp_path, capsys):
    arguments = ["generate", str(generator), "--edge", "32", "--out", str(tmp_path / "new")]
    assert cli.main([*arguments, "--format", "npy", "tiff"]) == 0
    volume = np.load(tmp_path / "new/volume.npy")
    np.testing.assert_array_equal(volume, read_samples(tmp_path / "new/samples.h5").labels[0])
    assert cli.main([*arguments, "--format", "npy"]) == 1
    assert "volume.npy.json: there already" in capsys.readouterr().err
    assert cli.main([*arguments, "--edge", "204", "--format", "abaqus"]) == 1
    assert "a mesh of 8489664 elements is too large" in capsys.readouterr().err


def test_another_seed_gives_other_volumes(generator, tmp_path):
    found = []
    for seed in ("1", "2", "1"):
        out = tmp_path / "out"
        arguments = ["--size", "24", "24", "24", "--seed", seed, "--out", str(out)]
        assert cli.main(["generate", str(generator), *arguments]) == 0
        found.append(tifffile.imread(out / "volume.tif"))
    assert np.array_equal(found[0], found[2])
    assert not np.array_equal(found[0], found[1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--volume-fraction", "pore=0.4"], "makes those of its material only"),
        (["--size", "20", "20", "20", "--periodic", "1"], "a multiple of the 32 voxels"),
    ],
)
def test_errors_are_one_line(generator, tmp_path, capsys, arguments, message):
    assert cli.main(["generate", str(generator), "--out", str(tmp_path), *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("matvir: ")
    assert message in error
    assert not (tmp_path / "samples.h5").exists()


def test_a_gan3d_makes_nothing_larger_than_it_was_trained_for(root, tmp_path, capsys):
    values = yaml.safe_load((root / "config/default.yaml").read_text())
    values["models"]["gan3d"]["network"]["generator"]["channels"] = [4, 4, 4, 4]
    config = from_dict(Config, resolve(values)).models["gan3d"].network
    path = tmp_path / "generator.pt"
    save_generator(
        path,
        TrainedGenerator(
            network=Generator(config, 2).eval(),
            kind="gan3d",
            config=config,
            phases=("pore", "grain"),
            voxel_size_um=None,
            provenance={"seed": 7},
        ),
    )
    out = ["--out", str(tmp_path)]
    assert cli.main(["generate", str(path), *out]) == 1
    assert "at most 64 voxels along each axis" in capsys.readouterr().err
    assert cli.main(["generate", str(path), *out, "--size", "64", "40", "64"]) == 0


def test_a_file_that_is_missing_is_named(tmp_path, capsys):
    assert cli.main(["generate", str(tmp_path / "no.pt")]) == 1
    assert "no.pt" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["-n", "0"], "expected at least 1, got 0"), (["--periodic", "3"], "invalid choice: 3")],
)
def test_options_are_checked(generator, capsys, arguments, message):
    with pytest.raises(SystemExit):
        cli.main(["generate", str(generator), *arguments])
    assert message in capsys.readouterr().err


@pytest.fixture
def images(root, tmp_path):
    """Return the file of a small model of 2D images."""
    values = resolve(yaml.safe_load((root / "config/default.yaml").read_text()))["models"]
    config = from_dict(ModelConfig, values["vae-64"]).network
    network = build_network("vae", config, 2)
    network.initialise(seeded(0))
    path = tmp_path / "images.pt"
    save_generator(
        path,
        TrainedGenerator(
            network=network.eval(),
            kind="vae",
            config=config,
            phases=("pore", "grain"),
            voxel_size_um=None,
            provenance={"material": "m", "seed": 7, "image_axis": None},
        ),
    )
    return path


def test_images_are_written_to_both_files(images, tmp_path):
    arguments = ["generate", str(images), "--out", str(tmp_path), "-n", "5"]
    assert cli.main([*arguments, "--edge", "48"]) == 0
    made = read_samples(tmp_path / "samples.h5")
    assert made.labels.shape == (5, 48, 48)
    assert 0.5 < made.provenance["certainty"] < 1
    assert np.array_equal(tifffile.imread(tmp_path / "volume.tif"), made.labels)
    assert cli.main(arguments) == 0
    assert read_samples(tmp_path / "samples.h5").labels.shape == (5, 64, 64)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--size", "64", "64", "64"], "--size: got 64 64 64 where one number is expected"),
        (["--edge", "65"], "square images of at most 64 pixels"),
        (["--periodic", "1"], "none of them periodic"),
        (["--format", "vti"], "--format: expected a model of volumes of labels, got a vae"),
        (["--volume-fraction", "pore=0.4"], "a vae makes the fractions of its material only"),
    ],
)
def test_what_a_model_of_images_cannot_make_is_refused(images, tmp_path, capsys, more, message):
    assert cli.main(["generate", str(images), "--out", str(tmp_path / "no"), *more]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "no/samples.h5").exists()


def test_volumes_of_gaussian_fields_have_any_size_and_period(root, tmp_path, capsys):
    values = yaml.safe_load((root / "config/default.yaml").read_text())
    values["models"]["gaussian-field"]["network"]["radius"] = 4
    config = from_dict(Config, resolve(values)).models["gaussian-field"].network
    network = build_network("gaussian-field", config, 2)
    network.initialise(seeded(0))
    network.cut_at((0.25, 0.75), (0, 1))
    path = tmp_path / "field.pt"
    save_generator(
        path,
        TrainedGenerator(
            network=network.eval(),
            kind="gaussian-field",
            config=config,
            phases=("pore", "grain"),
            voxel_size_um=None,
            provenance={"seed": 7},
        ),
    )
    arguments = ["generate", str(path), "--out", str(tmp_path), "--precision", "bfloat16"]
    assert cli.main([*arguments, "--size", "61", "40", "70", "--periodic", "0"]) == 0
    made = read_samples(tmp_path / "samples.h5")
    assert made.labels.shape == (1, 61, 40, 70)
    assert made.provenance["precision"] == "float32"
    assert (made.labels == 0).mean() == pytest.approx(0.25, abs=0.02)
    planes = made.labels[0]
    # The last plane is followed by the first as by a neighbour.
    seam, inside = (planes[-1] != planes[0]).mean(), (planes[30] != planes[31]).mean()
    assert seam == pytest.approx(inside, abs=0.04)
    # As planes do that know nothing of each other.
    assert (planes[0] != planes[30]).mean() == pytest.approx(2 * 0.25 * 0.75, abs=0.04)
    assert cli.main([*arguments, "--volume-fraction", "pore=0.4"]) == 1
    assert "a gaussian-field makes the fractions of its material only" in capsys.readouterr().err


def test_an_edge_is_that_of_a_cube(generator, tmp_path, capsys):
    arguments = ["generate", "--out", str(tmp_path / "out"), "--edge", "24", str(generator)]
    assert cli.main(arguments) == 0
    assert read_samples(tmp_path / "out/samples.h5").labels.shape == (1, 24, 24, 24)
    assert cli.main([*arguments, "--size", "24", "24", "32"]) == 1
    assert (
        "--size: got 24 24 32 where one number is expected; use --edge" in capsys.readouterr().err
    )


@pytest.fixture
def diffusion(tmp_path):
    config = DiffusionNetworkConfig(channels=(8,), levels=3, lattices=1)
    network = Diffusion(config, 2)
    network.initialise(seeded(0))
    network.fractions.copy_(torch.tensor([0.3, 0.7]))
    path = tmp_path / "diffusion.pt"
    save_generator(
        path,
        TrainedGenerator(
            network=network.eval(),
            kind="diffusion",
            config=config,
            phases=("pore", "grain"),
            voxel_size_um=(0.5, 0.5, 0.5),
            provenance={"seed": 7},
        ),
    )
    return path


def test_a_killed_generation_goes_on_and_leaves_nothing_behind(diffusion, tmp_path, monkeypatch):
    monkeypatch.setattr(resume, "SAVE_EVERY", 0.0)
    command = ["generate", str(diffusion), "-n", "2", "--size", "16", "12", "20", "--threads", "1"]
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    assert cli.main([*command, "--out", str(undisturbed)]) == 0
    finish = resume.VolumeState.finish

    def die(self, voxels):
        if list(self.folder.glob("*-finished.npy")):
            raise KeyboardInterrupt  # before the second volume is kept
        finish(self, voxels)

    with monkeypatch.context() as patch:
        patch.setattr(resume.VolumeState, "finish", die)
        with pytest.raises(KeyboardInterrupt):
            cli.main([*command, "--out", str(killed)])
    left = sorted(path.name.split("-", 1)[1] for path in killed.glob("*.unfinished/*"))
    assert left == ["finished.npy", "step-2.npy"]
    assert cli.main([*command, "--out", str(killed)]) == 0
    made = [read_samples(folder / "samples.h5").labels for folder in (undisturbed, killed)]
    np.testing.assert_array_equal(*made)
    assert sorted(path.name for path in killed.iterdir()) == ["samples.h5", "volume.tif"]


def test_a_diffusion_model_makes_what_is_asked_for(diffusion, tmp_path):
    plane = tmp_path / "plane.tif"
    known = (np.indices((16, 20)).sum(axis=0) // 4 % 2).astype(np.uint8)
    tifffile.imwrite(plane, known)
    size = ["--size", "20", "16", "20", "--out", str(tmp_path)]
    profile = ["--profile", "pore=0.2:0.6", "--axis", "0"]
    through = ["--through", str(plane), "--position", "3"]
    assert cli.main(["generate", str(diffusion), *size, *profile, *through]) == 0
    labels = tifffile.imread(tmp_path / "volume.tif")
    assert np.array_equal(labels[3], known)
    pores = (labels == 0).mean(axis=(1, 2))
    assert pores[:3].mean() == pytest.approx(0.23, abs=0.06)
    assert pores[-5:].mean() == pytest.approx(0.55, abs=0.06)
    with h5py.File(tmp_path / "samples.h5") as file:
        origin = json.loads(file.attrs["provenance"])
    assert (origin["profile"], origin["position"]) == (["pore=0.2:0.6"], 3)
    whole = ["--volume-fraction", "pore=0.45"]
    assert cli.main(["generate", str(diffusion), *size, *whole]) == 0
    assert (tifffile.imread(tmp_path / "volume.tif") == 0).mean() == pytest.approx(0.45, abs=0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--profile", "pore=0.2:0.6", "--volume-fraction", "pore=0.4"], "give one of the two"),
        (["--profile", "pores=0.2:0.6"], "there is no phase 'pores'"),
        (["--profile", "no.csv"], "no.csv: expected a CSV table"),
        (["--through", "no.tif"], "no.tif"),
        (["--volume-fraction", "pore=1.2"], "within 0 .. 1"),
    ],
)
def test_what_a_diffusion_model_cannot_make_is_refused(
    diffusion, tmp_path, capsys, arguments, message
):
    out = ["--edge", "16", "--out", str(tmp_path)]
    assert cli.main(["generate", str(diffusion), *out, *arguments]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "samples.h5").exists()


def test_only_diffusion_models_are_told_what_planes_have(generator, tmp_path, capsys):
    profile = ["--profile", "pore=0.2:0.6", "--out", str(tmp_path)]
    assert cli.main(["generate", str(generator), *profile]) == 1
    assert "a slicegan cannot be told what planes are to have" in capsys.readouterr().err


def test_a_generator_has_a_card(generator, tmp_path, capsys):
    assert cli.main(["card", str(generator)]) == 0
    said = capsys.readouterr().out
    assert "slicegan), makes volumes of any size" in said
    assert "pore, grain" in said
    assert "0.5 x 0.5 x 0.5 um" in said
    assert hashlib.sha256(generator.read_bytes()).hexdigest() in said
    (tmp_path / "other.pt").write_bytes(b"something")
    assert cli.main(["card", str(tmp_path / "other.pt")]) == 1
    assert "other.pt" in capsys.readouterr().err
