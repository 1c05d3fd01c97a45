"""What `matvir inspect` says of an image, and what `matvir init` writes."""

import h5py
import numpy as np
import pytest
import tifffile
import yaml
from PIL import Image
from scipy import ndimage

from matvir import cli
from matvir.errors import ConfigError, InputError
from matvir.micrograph import inspection
from matvir.micrograph.first_configuration import first_configuration, material_name
from matvir.micrograph.inspection import inspect, summary
from matvir.micrograph.planes import read_whole
from matvir.micrograph.segmentation import segment


@pytest.fixture
def labels(rng):
    """Three labels in blobs of several pixels, 120 rows and 160 columns: .5, .3, .2."""
    field = ndimage.gaussian_filter(rng.standard_normal((120, 160)), 3, mode="wrap")
    return np.digitize(field, np.quantile(field, (0.5, 0.8))).astype(np.uint8)


@pytest.fixture
def grey(labels, rng):
    """A noisy image of the labels."""
    image = np.array([40, 120, 210.0])[labels] + rng.normal(0, 8, labels.shape)
    return image.round().clip(0, 255).astype(np.uint8)


def save(path, image, **how):
    if path.suffix == ".tif":
        tifffile.imwrite(path, image, **how)
    else:
        Image.fromarray(image).save(path)
    return str(path)


def test_a_grey_image(tmp_path, grey):
    source = save(
        tmp_path / "a.tif", grey, resolution=(2e5, 1e5), resolutionunit="CENTIMETER", metadata=None
    )
    found = inspect(source)
    assert (found.type, found.shape, found.format) == ("grey", (120, 160), "TIFF")
    assert [phase.name for phase in found.phases] == ["dark", "grey", "bright"]
    fractions = [phase.interval.fraction for phase in found.phases]
    assert fractions == pytest.approx([0.5, 0.3, 0.2], abs=0.02)
    assert found.stored.voxel_size.edges_um == pytest.approx((0.1, 0.05))
    text = summary(found)
    for part in ("120 x 160, uint8", "0.1 x 0.05 um, stated by the TIFF resolution", "has 3 peaks"):
        assert part in text


def test_what_an_image_tells_of_a_fraction(tmp_path, labels):
    """Four times the area halves the interval, so it needs a fourth of the growth."""
    small = inspect(save(tmp_path / "a.png", labels)).phases[2]
    assert small.interval.fraction == pytest.approx(0.2, abs=0.001)
    half = 1.96 * small.interval.standard_error
    assert 0.005 < half < 0.1
    rows, columns = small.edges_wanted
    assert rows * columns == pytest.approx(labels.size * (half / 0.01) ** 2, rel=0.05)


@pytest.mark.parametrize(("n_phases", "levels"), [(2, (80, 160)), (3, (40, 120, 210))])
def test_how_many_phases_the_histogram_supports(tmp_path, labels, rng, n_phases, levels):
    image = np.array(levels)[np.minimum(labels, n_phases - 1)] + rng.normal(0, 8, labels.shape)
    found = inspect(save(tmp_path / "a.png", image.round().astype(np.uint8)))
    assert len(found.phases) == n_phases


def test_an_image_of_one_peak_is_doubted(tmp_path, rng):
    noise = rng.normal(120, 10, (100, 100)).round().astype(np.uint8)
    found = inspect(save(tmp_path / "a.png", noise))
    assert any("one peak" in doubt for doubt in found.doubts)


def test_labels_by_number_and_by_colour(tmp_path, labels):
    found = inspect(save(tmp_path / "a.png", labels * np.uint8(100)))
    assert (found.type, found.coloured) == ("labels", False)
    assert [phase.name for phase in found.phases] == ["0", "100", "200"]
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    found = inspect(save(tmp_path / "b.png", colours[labels]))
    assert (found.type, found.coloured) == ("labels", True)
    assert [phase.name for phase in found.phases] == ["#0000ff", "#00ff00", "#ff0000"]


def test_labels_that_a_jpeg_has_blurred_are_grey_values(tmp_path, labels):
    Image.fromarray((labels > 0) * np.uint8(255)).save(tmp_path / "a.jpg", quality=95)
    assert inspect(str(tmp_path / "a.jpg")).type == "grey"


def test_photographs_and_detectors(tmp_path, rng, grey):
    photograph = rng.integers(0, 255, (60, 80, 3)).astype(np.uint8)
    assert inspect(save(tmp_path / "a.png", photograph)).type == "rgb"
    channels = np.stack([grey, 255 - grey])
    found = inspect(save(tmp_path / "a.tif", channels, imagej=True, metadata={"axes": "CYX"}))
    assert found.type is None
    with pytest.raises(ConfigError, match="2 channels: set 'channel' to the one to use"):
        first_configuration(found)


def test_a_data_bar_is_said_and_left_out_of_the_configuration(tmp_path, grey, material_of):
    bar = np.zeros((16, 160), np.uint8)
    bar[5:11, 10:70:2] = 255
    source = save(tmp_path / "a.png", np.vstack([grey, bar]))
    found = inspect(source)
    assert found.left.region == ((0, 120), (0, 160))
    assert "rows 120 to 135 are a border or data bar of the grey value 0" in summary(found)
    written = yaml.safe_load(first_configuration(found))["materials"]["a"]
    material = material_of(**written)
    image = segment(read_whole(material.image, material), material).image
    assert image.shape == (120, 160)
    np.testing.assert_allclose(image.volume_fractions(), (0.5, 0.3, 0.2), atol=0.02)


@pytest.mark.parametrize("name", ["a.tif", "a.npy"])
def test_of_a_large_stack_some_planes_are_read(tmp_path, rng, monkeypatch, name):
    monkeypatch.setattr(inspection, "MOST_BYTES", 10_000)
    volume = rng.integers(0, 255, (40, 30, 50)).astype(np.uint8)
    if name == "a.tif":
        tifffile.imwrite(tmp_path / name, volume, photometric="minisblack", compression="zlib")
    else:
        np.save(tmp_path / name, volume)
    found = inspect(str(tmp_path / name))
    assert found.shape == (40, 30, 50)
    assert found.stored.array.shape == (6, 30, 50)
    np.testing.assert_array_equal(found.stored.array[0], volume[3])
    np.testing.assert_array_equal(found.stored.array[-1], volume[36])
    assert "6 of its planes were looked at" in summary(found)


def test_datasets_and_what_cannot_be_read(tmp_path, grey):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = grey
    assert inspect(f"{tmp_path}/a.h5:/x").type == "grey"
    with pytest.raises(InputError, match="the file holds"):
        inspect(f"{tmp_path}/a.h5")


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[0.0, np.nan], [1, 2]]), "1 of 4 values are NaN"),
        (np.arange(12.0), "got 1 axes"),
        (np.zeros((2, 3, 4, 5)), "got 4 axes"),
        (np.ones((6, 7)), "all 42 values are 1"),
    ],
)
def test_what_no_image_can_be_is_refused_at_once(tmp_path, array, expected):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(InputError, match=expected):
        inspect(f"{tmp_path}/a.npy")


def test_a_phase_that_the_middle_plane_lacks_is_in_the_configuration(tmp_path, rng, material_of):
    volume = rng.integers(0, 3, (9, 20, 24)).repeat(2, 1).repeat(2, 2).astype(np.uint8)
    volume[3:6][volume[3:6] == 2] = 1
    np.save(tmp_path / "a.npy", volume)
    written = yaml.safe_load(first_configuration(inspect(f"{tmp_path}/a.npy")))
    material = material_of(**written["materials"]["a"])
    image = segment(read_whole(material.image, material), material).image
    np.testing.assert_array_equal(image.voxels, volume)


def test_labels_three_voxels_wide_and_deep_colours(tmp_path, labels, material_of):
    np.save(tmp_path / "a.npy", labels.reshape(40, 160, 3))
    assert inspect(f"{tmp_path}/a.npy").shape == (40, 160, 3)
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint16)[labels] * np.uint16(257)
    tifffile.imwrite(tmp_path / "b.tif", colours, photometric="rgb")
    found = inspect(f"{tmp_path}/b.tif")
    assert [phase.name for phase in found.phases] == ["#0000ff", "#00ff00", "#ff0000"]
    np.save(tmp_path / "c.npy", (colours >> 8).astype(np.uint8))
    written = yaml.safe_load(first_configuration(inspect(f"{tmp_path}/c.npy")))
    material = material_of(**written["materials"]["c"])
    image = segment(read_whole(material.image, material), material).image
    np.testing.assert_array_equal(image.voxels, 2 - labels)


def test_of_large_planes_two_are_read(tmp_path, rng, monkeypatch):
    monkeypatch.setattr(inspection, "MOST_BYTES", 1000)
    volume = rng.integers(0, 255, (3, 70, 50)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", volume, photometric="minisblack", compression="zlib")
    assert inspect(str(tmp_path / "a.tif")).shape == (3, 70, 50)


def test_names_of_materials():
    assert material_name("in/My Scan_2.ome.tif") == "my-scan-2"
    assert material_name("a.h5:/data") == "a"
    assert material_name("___.png") == "material"
    for name in ("0001.png", "no.png", "null.png", "2024-01-05.png"):
        assert material_name(name) == f"material-{name.split('.')[0]}"


@pytest.mark.parametrize("kind", ["grey", "labels", "colours"])
def test_the_written_configuration_runs(tmp_path, labels, grey, material_of, kind, capsys):
    image = {
        "grey": grey,
        "labels": labels,
        "colours": np.array([[0, 0, 255], [255, 0, 0], [0, 255, 0]], np.uint8)[labels],
    }[kind]
    source = save(tmp_path / "electrode 1.png", image)
    out = tmp_path / "a.yaml"
    names = ["nmc", "pore", "binder"]
    assert cli.main(["init", source, "--out", str(out), "--phases", *names]) == 0
    assert "next: snakemake --cores 2 --configfile" in capsys.readouterr().out
    config = yaml.safe_load(out.read_text())
    assert config["run"]["materials"] == ["electrode-1"]
    material = material_of(**config["materials"]["electrode-1"])
    found = segment(read_whole(material.image, material), material).image
    assert found.phases == tuple(names)
    by_code = (0.5, 0.2, 0.3) if kind == "colours" else (0.5, 0.3, 0.2)
    np.testing.assert_allclose(found.volume_fractions(), by_code, atol=0.02)


def test_a_configuration_that_is_there_stays(tmp_path, grey, capsys):
    source, out = save(tmp_path / "a.png", grey), tmp_path / "a.yaml"
    out.write_text("mine")
    assert cli.main(["init", source, "--out", str(out)]) == 1
    assert out.read_text() == "mine"
    assert "Use --force to replace it" in capsys.readouterr().err
    assert cli.main(["init", source, "--out", str(out), "--force"]) == 0
    assert "materials" in out.read_text()


def test_a_wrong_number_of_names_is_refused(tmp_path, labels, capsys):
    source = save(tmp_path / "a.png", labels)
    out = str(tmp_path / "a.yaml")
    assert cli.main(["init", source, "--out", out, "--phases", "a", "b"]) == 1
    assert "--phases: expected 3 names, one per label (0, 1, 2)" in capsys.readouterr().err


def test_the_command_says_what_it_sees_and_draws_it(tmp_path, grey, capsys):
    source, picture = save(tmp_path / "a.png", grey), tmp_path / "seen.png"
    assert cli.main(["inspect", source, "--picture", str(picture)]) == 0
    said = capsys.readouterr().out
    assert f"matvir init {source}" in said
    with Image.open(picture) as drawn:
        assert drawn.size[0] > 1000
