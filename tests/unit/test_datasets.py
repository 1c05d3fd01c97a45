"""Files are fetched once, checked, and found where an error says that they can be put."""

import hashlib
import logging
import re
from pathlib import Path

import pytest

from matvir.datasets import fetch
from matvir.errors import InputError
from matvir.settings.records import DatasetConfig

CONTENT = b"a rock, voxel by voxel"


@pytest.fixture
def rock(mirror):
    """The entry of a file on the local mirror."""
    (mirror.folder / "rock.tif").write_bytes(CONTENT)
    return DatasetConfig(
        url=f"{mirror.address}/rock.tif",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        file="rock.tif",
        licence="CC BY 4.0",
        citation="A. Author, Rocks 1, 2 (2003)",
        description="a rock",
        type=None,
        phases=None,
        voxel_size_um=None,
    )


def files_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_file_is_fetched_once_and_whose_it_is_is_said(rock, mirror, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        first = fetch("my-rock", rock, tmp_path)
        second = fetch("my-rock", rock, tmp_path)
    assert first == second == tmp_path / "my-rock/rock.tif"
    assert first.read_bytes() == CONTENT
    assert mirror.asked == ["/rock.tif"]
    for text in ("a rock", "CC BY 4.0", "A. Author, Rocks 1, 2 (2003)", "there already"):
        assert text in caplog.text


def test_of_another_file_nothing_is_kept(rock, mirror, tmp_path):
    (mirror.folder / "rock.tif").write_bytes(b"another rock")
    other = hashlib.sha256(b"another rock").hexdigest()
    message = rf"datasets.my-rock: expected the SHA-256 {rock.sha256}, got {other}: the file at"
    with pytest.raises(InputError, match=message):
        fetch("my-rock", rock, tmp_path)
    assert files_in(tmp_path) == []


def test_of_half_a_file_nothing_is_kept(rock, mirror, tmp_path):
    mirror.send_half = True
    with pytest.raises(InputError, match=r"rock\.tif could not be fetched .*broken"):
        fetch("my-rock", rock, tmp_path)
    assert files_in(tmp_path) == []


def test_an_address_that_leads_nowhere_is_named(rock, mirror, tmp_path):
    (mirror.folder / "rock.tif").unlink()
    with pytest.raises(InputError, match=r"rock\.tif could not be fetched \(404"):
        fetch("my-rock", rock, tmp_path)


def test_without_a_network_the_advice_of_the_error_works(rock, mirror, tmp_path):
    mirror.close()
    with pytest.raises(InputError, match=r"could not be fetched .* network") as raised:
        fetch("my-rock", rock, tmp_path)
    assert rock.url in str(raised.value)
    assert rock.sha256 in str(raised.value)
    place = Path(re.search(r"put it at (\S+),", str(raised.value))[1])
    place.write_bytes(b"the wrong one")
    wrong = hashlib.sha256(b"the wrong one").hexdigest()
    with pytest.raises(InputError, match=rf"The file that is there now has {wrong}\."):
        fetch("my-rock", rock, tmp_path)
    place.write_bytes(CONTENT)
    assert fetch("my-rock", rock, tmp_path) == place
