"""Files and settings at random: read as they were written, or refused by our own errors."""

import copy
import zipfile

import h5py
import numpy as np
import pytest
import tifffile
import torch
import yaml
from hypothesis import HealthCheck, given, settings, strategies
from hypothesis.extra import numpy as arrays

from matvir.errors import ConfigError, InputError
from matvir.micrograph.reading import read_micrograph
from matvir.settings.build import resolve, to_dict
from matvir.settings.check import check
from matvir.storage.images import MaterialImage, read_specimen, write_image
from matvir.storage.samples import read_samples, write_samples
from matvir.training import checkpoint

# The same examples in every run, however slow the machine is.
QUICK = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
IMAGES = arrays.arrays(
    strategies.sampled_from([np.uint8, np.uint16, np.float32]),
    arrays.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=7),
)


@QUICK
@given(image=IMAGES, suffix=strategies.sampled_from([".npy", ".tif"]))
def test_images_come_back_as_they_were_or_are_refused(tmp_path, image, suffix):
    path = tmp_path / f"a{suffix}"
    if suffix == ".npy":
        np.save(path, image)
    elif image.size and image.ndim > 1:
        tifffile.imwrite(path, image, photometric="minisblack")
    else:
        return
    try:
        found = read_micrograph(path, type="grey", voxel_size_um=None).image
    except InputError:
        finite = image.size and np.isfinite(image).all()
        usable = image.squeeze().ndim in (2, 3) and finite and image.min() < image.max()
        assert not usable or image.ndim not in (2, 3)
    else:
        np.testing.assert_array_equal(found.squeeze(), image.squeeze())


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """The bytes of a file of generated samples, and what is in it."""
    path = tmp_path_factory.mktemp("samples") / "s.h5"
    labels = np.random.default_rng(0).integers(0, 2, (3, 4, 5), dtype=np.uint8)
    write_samples(
        path,
        [(0, ((0, 3), (0, 4), (0, 5)), labels)],
        size=labels.shape,
        seeds=[7],
        phases=("a", "b"),
        voxel_size_um=None,
        provenance={"model": "m"},
    )
    return path.read_bytes(), labels


@QUICK
@given(data=strategies.data())
def test_a_changed_byte_of_samples_changes_nothing_or_is_noticed(tmp_path, samples, data):
    content, labels = samples
    place = data.draw(strategies.integers(0, len(content) - 1))
    value = data.draw(strategies.integers(0, 255))
    path = tmp_path / "s.h5"
    path.write_bytes(content[:place] + bytes([value]) + content[place + 1 :])
    try:
        found = read_samples(path)
    except InputError:
        pass
    else:
        np.testing.assert_array_equal(found.labels[0], labels)
        assert (found.seeds, found.phases) == ((7,), ("a", "b"))


@pytest.fixture(scope="module")
def tensors(tmp_path_factory):
    path = tmp_path_factory.mktemp("tensors") / "t.pt"
    checkpoint.save(path, {"a": torch.arange(40.0), "b": [1, "two"]})
    return path.read_bytes()


@QUICK
@given(data=strategies.data())
def test_a_changed_byte_of_tensors_changes_nothing_or_is_noticed(tmp_path, tensors, data):
    place = data.draw(strategies.integers(0, len(tensors) - 1))
    value = data.draw(strategies.integers(0, 255))
    path = tmp_path / "t.pt"
    path.write_bytes(tensors[:place] + bytes([value]) + tensors[place + 1 :])
    try:
        found = checkpoint.load(path)
    except InputError:
        pass
    else:
        assert torch.equal(found["a"], torch.arange(40.0))
        assert found["b"] == [1, "two"]


def test_compressed_tensors_are_refused(tmp_path, tensors):
    """A few bytes could be gigabytes."""
    (tmp_path / "t.pt").write_bytes(tensors)
    with (
        zipfile.ZipFile(tmp_path / "t.pt") as source,
        zipfile.ZipFile(tmp_path / "c.pt", "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in source.namelist():
            archive.writestr(name, source.read(name))
    with pytest.raises(InputError, match=r"c\.pt: .*a part is compressed"):
        checkpoint.load(tmp_path / "c.pt")


def test_a_tensor_larger_than_its_file_is_refused(tmp_path):
    checkpoint.save(tmp_path / "t.pt", {"a": torch.zeros(1).expand(10**9)})
    with pytest.raises(InputError, match=r"a tensor of shape \(1000000000,\) in \d+ bytes"):
        checkpoint.load(tmp_path / "t.pt")


def test_lists_that_hold_each_other_are_refused_at_once(tmp_path):
    """Sixty of them, each with the one before twice: 2^60 values."""
    doubled = ["a"]
    for _ in range(60):
        doubled = [doubled, doubled]
    checkpoint.save(tmp_path / "t.pt", {"a": doubled})
    with pytest.raises(InputError, match="containers that hold each other again and again"):
        checkpoint.load(tmp_path / "t.pt")


def archive_of(path, pickled, name="archive/data.pkl"):
    """Write a file of tensors that says ``pickled`` of them, and has none."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, pickled)
        archive.writestr("archive/version", b"3")


def test_descriptions_that_torch_does_not_write_are_refused(tmp_path):
    archive_of(tmp_path / "t.pt", b"\x80\x02X\x02\x00\x00\x00osX\x06\x00\x00\x00system\x93.")
    with pytest.raises(InputError, match="it calls something by STACK_GLOBAL"):
        checkpoint.load(tmp_path / "t.pt")


def test_a_pickle_of_former_times_before_an_archive_is_refused(tmp_path):
    path = tmp_path / "t.pt"
    torch.save({"a": Memory()}, path, _use_new_zipfile_serialization=False)
    archive_of(tmp_path / "harmless.pt", b"\x80\x02}.")
    path.write_bytes(path.read_bytes() + (tmp_path / "harmless.pt").read_bytes())
    assert zipfile.is_zipfile(path)  # what this test is about
    with pytest.raises(InputError, match="no archive from its first byte on"):
        checkpoint.load(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ["archive/data.pkl", "archive/DATA.PKL"])
def test_two_descriptions_are_refused(tmp_path, name):
    archive_of(tmp_path / "t.pt", b"\x80\x02}.")
    with zipfile.ZipFile(tmp_path / "t.pt", "a") as archive:
        archive.writestr(name, b"\x80\x02}.")
    with pytest.raises(InputError, match="two parts of one name"):
        checkpoint.load(tmp_path / "t.pt")


class Memory:
    """Asks for a gigabyte when it is unpickled."""

    def __reduce__(self):
        return bytearray, (10**9,)


def test_nothing_but_tensors_is_put_together(tmp_path):
    checkpoint.save(tmp_path / "t.pt", {"a": Memory()})
    with pytest.raises(InputError, match=r"it calls .*bytearray"):
        checkpoint.load(tmp_path / "t.pt")


def test_a_dataset_that_is_compressed_twice_is_refused(tmp_path):
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((64, 64))
    properties.set_deflate(9)
    properties.set_deflate(9)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        space = h5py.h5s.create_simple((64, 64))
        h5py.h5d.create(file.id, b"a", h5py.h5t.NATIVE_UINT8, space, properties)
    with pytest.raises(InputError, match="'/a', which is compressed more than once"):
        read_micrograph(f"{tmp_path / 'a.h5'}:/a", type="grey", voxel_size_um=None)


def test_a_group_of_another_file_is_not_read(tmp_path):
    image = MaterialImage(voxels=np.eye(4, dtype=np.uint8), phases=("a", "b"))
    write_image(tmp_path / "secret.h5", image)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["axis-0"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/")
    with pytest.raises(InputError, match="'axis-0', which lies in another file"):
        read_specimen(tmp_path / "a.h5")


OME = """<?xml version="1.0" encoding="UTF-8"?>
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:1">
<Image ID="Image:0">
<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="5" SizeY="4" SizeZ="2" SizeC="1"
SizeT="1"><TiffData IFD="0" FirstZ="0" PlaneCount="1"><UUID FileName="secret.tif">urn:uuid:2</UUID>
</TiffData><TiffData IFD="0" FirstZ="1" PlaneCount="1"><UUID FileName="a.ome.tif">urn:uuid:1</UUID>
</TiffData></Pixels></Image></OME>"""


def test_a_tiff_shows_nothing_of_the_files_that_its_metadata_name(tmp_path, rng):
    secret = rng.integers(200, 250, (4, 5), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "secret.tif", secret, metadata=None)
    shown = rng.integers(0, 50, (4, 5), dtype=np.uint8)
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, shown, description=OME, metadata=None)
    assert tifffile.imread(path).max() >= 200  # what this test is about
    with pytest.raises(InputError, match=r"names secret\.tif .* does not say that it is"):
        read_micrograph(path, type="grey", voxel_size_um=None)


def test_texts_that_could_hang_the_library_are_refused(tmp_path, samples):
    path = tmp_path / "s.h5"
    path.write_bytes(samples[0])
    with h5py.File(path, "r+") as file:
        file.attrs["phases"] = '["a", "b"]'  # of a length that varies
    with pytest.raises(InputError, match="the attribute 'phases' of object in place of a text"):
        read_samples(path)


@pytest.fixture(scope="module")
def defaults(request):
    return yaml.safe_load((request.config.rootpath / "config/default.yaml").read_text())


VALUES = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers(-(2**70), 2**70)
    | strategies.floats()
    | strategies.text(max_size=8),
    lambda inner: (
        strategies.lists(inner, max_size=3)
        | strategies.dictionaries(strategies.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(values, path=()):
    """Return the keys of every value in nested mappings."""
    found = [path] if path else []
    if isinstance(values, dict):
        for key, value in values.items():
            found += places(value, (*path, key))
    return found


@QUICK
@given(data=strategies.data())
def test_any_value_of_any_setting_is_used_or_refused_by_name(defaults, data):
    config = copy.deepcopy(defaults)
    *path, last = data.draw(strategies.sampled_from(places(defaults)))
    part = config
    for key in path:
        part = part[key]
    part[last] = value = data.draw(VALUES)
    found, message = checked(config)
    if message:
        assert any(str(key) in message for key in (last, *path[-1:])), message
    elif last != "based_on":  # which is followed and gone
        for key in (*path, last):
            found = found[key]
        assert found == value or (found != found and value != value)


def checked(config):
    """Return the configuration as it is used, or what is wrong with it."""
    try:
        return to_dict(check(resolve(config))), ""
    except ConfigError as error:
        return None, str(error)
