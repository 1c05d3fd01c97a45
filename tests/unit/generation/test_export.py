"""Volumes for other programs, from files of MatVir and of anyone."""

import numpy as np
import pytest

from matvir import cli
from matvir.errors import ConfigError, InputError
from matvir.files import TARGET_NAMES
from matvir.formats import TARGETS
from matvir.generation.export import exported, require_exportable, write_exports
from matvir.micrograph.reading import read_micrograph
from matvir.storage.image_types import GREY
from matvir.storage.images import MaterialImage, write_image
from matvir.storage.samples import write_samples

EDGES = (0.5, 0.25, 0.125)


@pytest.fixture
def volumes(rng):
    """Two volumes of 4 planes, 6 rows and 9 columns with two phases."""
    return rng.integers(0, 2, (2, 4, 6, 9)).astype(np.uint8)


@pytest.fixture
def samples(tmp_path, volumes):
    """A file of generated samples."""
    path = tmp_path / "samples.h5"
    window = ((0, 4), (0, 6), (0, 9))
    write_samples(
        path,
        [(index, window, volume) for index, volume in enumerate(volumes)],
        size=(4, 6, 9),
        seeds=(7, 8),
        phases=("pore", "solid"),
        voxel_size_um=EDGES,
        provenance={"material": "m"},
    )
    return path


def test_the_formats_have_one_list():
    assert tuple(TARGETS) == TARGET_NAMES


def test_one_of_several_samples(samples, volumes):
    for number in (0, 1):
        found = exported(samples, number=number)
        np.testing.assert_array_equal(found.voxels, volumes[number])
        assert (found.phases, found.voxel_size_um) == (("pore", "solid"), EDGES)
        assert found.provenance == {"material": "m", "sample": number}
    with pytest.raises(ConfigError, match=r"--sample: expected 0 \.\. 1"):
        exported(samples, number=2)


def test_a_label_volume_of_a_run(tmp_path, volumes):
    image = MaterialImage(voxels=volumes[0], phases=("a", "b"), voxel_size_um=(1.0, 1.0, 1.0))
    write_image(tmp_path / "labels.h5", image)
    np.testing.assert_array_equal(exported(tmp_path / "labels.h5").voxels, volumes[0])


def test_values_and_images_are_refused(tmp_path, volumes):
    for image, expected in (
        (MaterialImage(voxels=volumes[0], phases=("grey",), kind=GREY), "got grey values"),
        (MaterialImage(voxels=volumes[0, 0], phases=("a", "b")), "got 2D images"),
    ):
        write_image(tmp_path / "labels.h5", image)
        with pytest.raises(InputError, match=expected):
            exported(tmp_path / "labels.h5")
    np.save(tmp_path / "a.npy", volumes[0, 0])
    with pytest.raises(InputError, match=r"expected a volume, got an image of shape \(6, 9\)"):
        exported(tmp_path / "a.npy")


def test_a_volume_of_anyone_gets_names_and_edges(tmp_path, volumes):
    np.save(tmp_path / "a.npy", volumes[0] * 255)
    found = exported(tmp_path / "a.npy")
    assert (found.phases, found.voxel_size_um) == (("phase-0", "phase-1"), None)
    found = exported(tmp_path / "a.npy", phases=["pore", "solid"], voxel_size_um=[0.5])
    np.testing.assert_array_equal(found.voxels, volumes[0])
    assert (found.phases, found.voxel_size_um) == (("pore", "solid"), (0.5,) * 3)
    with pytest.raises(ConfigError, match="--phases: expected 2 names"):
        exported(tmp_path / "a.npy", phases=["pore"])
    for edges in ([0.5, 0.5], [0.0], [float("nan")], [float("inf")]):
        with pytest.raises(ConfigError, match="--voxel-size-um: expected one positive number"):
            exported(tmp_path / "a.npy", voxel_size_um=edges)


def test_every_format_has_the_files_that_it_says(tmp_path, samples):
    write_exports(exported(samples), tmp_path / "out", "volume", TARGET_NAMES)
    expected = {f"volume{suffix}" for one in TARGETS.values() for suffix in one.suffixes}
    assert {path.name for path in (tmp_path / "out").iterdir()} == expected
    for one in TARGETS.values():
        assert (tmp_path / "out" / f"volume{one.suffix}").is_dir() == one.is_folder


def test_the_command_converts(tmp_path, samples, volumes, capsys):
    arguments = ["convert", str(samples), "--format", "nrrd", "ome-zarr", "--sample", "1"]
    assert cli.main([*arguments, "--out", str(tmp_path / "out"), "--name", "x"]) == 0
    assert capsys.readouterr().out.split() == [
        f"{tmp_path}/out/x.nrrd",
        f"{tmp_path}/out/x.ome.zarr",
    ]
    for name in ("x.nrrd", "x.ome.zarr"):
        read = read_micrograph(tmp_path / "out" / name, type="labels", voxel_size_um=None)
        np.testing.assert_array_equal(read.image, volumes[1])
        assert read.voxel_size_um == pytest.approx(EDGES)


def test_the_command_replaces_nothing_unless_it_is_told(tmp_path, samples, volumes, capsys):
    (tmp_path / "volume.raw").write_bytes(b"mine")
    (tmp_path / "volume-stl").mkdir()
    (tmp_path / "volume-stl/notes.txt").write_text("mine")
    arguments = ["convert", str(samples), "--format", "raw", "stl", "--out", str(tmp_path)]
    assert cli.main(arguments) == 1
    said = capsys.readouterr().err
    assert "volume.raw" in said
    assert "volume-stl: there already. Choose another folder" in said
    assert (tmp_path / "volume.raw").read_bytes() == b"mine"
    assert (tmp_path / "volume-stl/notes.txt").exists()
    assert cli.main([*arguments, "--force"]) == 0
    assert (tmp_path / "volume.raw").read_bytes() == volumes[0].tobytes()


@pytest.mark.parametrize("names", [["pore", "pore"], ["a/b", "c"], ["Ni, Co", "c"], ["", "c"]])
def test_names_that_no_program_takes_are_refused(samples, names):
    with pytest.raises(ConfigError, match="--phases: expected different names of letters"):
        exported(samples, phases=names)


def test_a_mesh_that_would_fill_the_disk_is_refused():
    with pytest.raises(ConfigError, match=r"abaqus: a mesh of 8000001 elements .* \(200 voxels"):
        require_exportable(["vti", "abaqus"], 8_000_001)
    require_exportable(["vti", "abaqus"], 8_000_000)


def test_the_command_says_what_is_wrong(tmp_path, capsys):
    assert cli.main(["convert", f"{tmp_path}/none.tif", "--format", "vti"]) == 1
    assert "there is no such file" in capsys.readouterr().err
