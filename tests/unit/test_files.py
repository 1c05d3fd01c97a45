import errno
import os
import re
import socket
import subprocess
import sys

import numpy as np
import pytest
import torch

from matvir.files import (
    OutputError,
    atomic_folder,
    atomic_path,
    link_or_copy,
    read_json,
    require_space,
    require_writable,
    split_dataset,
    write_json,
    write_text,
)
from matvir.storage.samples import write_tiff
from matvir.training import checkpoint


def write_then_raise(path, error):
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        raise error


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError, match="stop"):
        write_then_raise(path, RuntimeError("stop"))
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from matvir.files import atomic_path
with atomic_path(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_removed_by_the_next_that_writes(tmp_path):
    path, other = tmp_path / "a.txt", tmp_path / "a.h5"
    for killed in (path, other):
        subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, str(killed)], check=False)
    of_path, of_other = sorted(os.listdir(tmp_path), key=lambda name: name.endswith(".h5"))
    running = re.sub(r"\d+\.part", f"{os.getppid()}.part", of_path)
    (tmp_path / running).write_text("half")
    write_text(path, "whole")
    assert set(os.listdir(tmp_path)) == {"a.txt", running, of_other}
    assert path.read_text() == "whole"


def test_a_folder_takes_its_place_whole_or_not_at_all(tmp_path):
    left = tmp_path / f".a.{re.sub(chr(92) + 'W', '-', socket.gethostname())}-999999999.part.zarr"
    left.mkdir()
    (left / "half").write_text("of a process that is gone")
    path = tmp_path / "a.zarr"
    with atomic_folder(path) as temporary:
        (temporary / "x").write_text("old")
    with pytest.raises(KeyError), atomic_folder(path):
        raise KeyError
    assert os.listdir(tmp_path) == ["a.zarr"]
    assert (path / "x").read_text() == "old"
    with atomic_folder(path) as temporary:
        (temporary / "y").write_text("new")
    assert os.listdir(path) == ["y"]


def test_the_folder_is_created_and_the_suffix_kept(tmp_path):
    with atomic_path(tmp_path / "b" / "a.tif") as temporary:
        assert temporary.suffix == ".tif"
        temporary.write_bytes(b"x")
    assert (tmp_path / "b" / "a.tif").read_bytes() == b"x"


def test_a_full_disk_is_explained_and_the_old_file_kept(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(OutputError, match=r"a.txt: no space left .* run the same command again"):
        write_then_raise(path, OSError(errno.ENOSPC, "No space left on device"))
    assert path.read_text() == "old"


def fill_a_full_device(path):
    with atomic_path(path), open("/dev/full", "wb") as full:
        full.write(b"x" * 100_000)


def test_a_truly_full_device_is_explained(tmp_path):
    with pytest.raises(OutputError, match="no space left"):
        fill_a_full_device(tmp_path / "a")


def test_a_folder_without_permission_is_explained(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with pytest.raises(OutputError, match="the folder cannot be written"):
        write_text(tmp_path / "b" / "a.txt", "x")


def test_json_round_trip(tmp_path):
    write_json(tmp_path / "a.json", {"b": [1, None], "a": "ä"})
    assert read_json(tmp_path / "a.json") == {"a": "ä", "b": [1, None]}


def test_too_little_space_is_found_before_the_work(tmp_path):
    require_space(tmp_path / "new" / "s.h5", 1000)
    with pytest.raises(OutputError, match=r"s.h5: needs about 1000000000000 MB, but the disk has"):
        require_space(tmp_path / "new" / "s.h5", 1e18)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 kB; mounting it needs rights that not everyone has."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no mount command")
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted: {done.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def write_tensors(path):
    checkpoint.save(path, {"x": torch.rand(200_000)})


def write_tiff_stack(path):
    noise = np.random.default_rng(0).integers(0, 256, (100, 100, 100), dtype=np.uint8)
    write_tiff(path, noise, size=noise.shape, voxel_size_um=None, provenance={})


def assert_kept(path):
    assert path.read_text() == "the last good state"
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("write", [write_tensors, write_tiff_stack])
def test_a_full_disk_leaves_the_last_good_file(small_disk, write):
    path = small_disk / "a.tif"
    path.write_text("the last good state")
    with pytest.raises(OutputError, match=r"a.tif: no space left on the disk"):
        write(path)
    assert_kept(path)


WRITE_HDF5 = """
import sys
from pathlib import Path
import numpy as np
from matvir.storage.images import (MaterialImage, write_image)
noise = np.random.default_rng(0).integers(0, 256, (100, 100, 100), dtype=np.uint8)
write_image(Path(sys.argv[1]), MaterialImage(voxels=noise, phases=("a",)))
"""


WRITE_SAMPLES = """
import sys
from pathlib import Path
import numpy as np
from matvir.storage.samples import write_samples
rng = np.random.default_rng(0)
noise = rng.integers(0, 256, (128, 128, 128), dtype=np.uint8)
blocks = [(n, ((0, 128), (0, 128), (0, 128)), noise) for n in range(2)]
described = {"phases": ("a",), "voxel_size_um": None, "provenance": {}}
write_samples(Path(sys.argv[1]), blocks, size=noise.shape, seeds=[1, 2], **described)
"""


@pytest.mark.parametrize("script", [WRITE_HDF5, WRITE_SAMPLES])
def test_a_full_disk_leaves_the_last_good_hdf5_file(small_disk, script):
    """In a process of its own: HDF5 cannot close a file that it failed to write."""
    path = small_disk / "a.h5"
    path.write_text("the last good state")
    command = [sys.executable, "-c", script, str(path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "a.h5: no space left on the disk" in run.stderr
    assert_kept(path)


def test_a_file_in_the_way_of_a_folder_is_explained(tmp_path):
    (tmp_path / "results").write_text("x")
    for use in (
        lambda: require_writable(tmp_path / "results"),
        lambda: require_writable(tmp_path / "results" / "a"),
        lambda: write_text(tmp_path / "results" / "a.txt", "x"),
    ):
        with pytest.raises(OutputError, match="the folder cannot be written"):
            use()


def test_a_writable_folder_is_created(tmp_path):
    require_writable(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize(
    ("source", "file", "data_set"),
    [
        ("folder/a.h5:/images/0", "folder/a.h5", "/images/0"),
        ("folder/a.h5:images/0", "folder/a.h5", "images/0"),
        ("a.HDF5:/b", "a.HDF5", "/b"),
        ("a.h5", "a.h5", None),
        ("folder/a.tif", "folder/a.tif", None),
        ("odd:name.tif", "odd:name.tif", None),
    ],
)
def test_a_data_set_stands_behind_the_file(source, file, data_set):
    path, found = split_dataset(source)
    assert (path.as_posix(), found) == (file, data_set)


def test_a_file_is_linked_and_copied_where_it_cannot_be(tmp_path, monkeypatch):
    source, linked, copied = (tmp_path / name for name in ("a.tif", "b/a.tif", "c/a.tif"))
    source.write_bytes(b"voxels")
    link_or_copy(source, linked)
    assert linked.samefile(source)

    def refuse(*args):
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(os, "link", refuse)
    link_or_copy(source, copied)
    assert copied.read_bytes() == b"voxels"
    assert not copied.samefile(source)
