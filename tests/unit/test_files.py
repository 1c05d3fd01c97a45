import errno
import os

import pytest

from matvir.files import OutputError, atomic_path, read_json, write_json, write_text


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
