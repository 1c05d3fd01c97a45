import subprocess

from matvir.files import file_hash
from matvir.storage import provenance


def test_hash_does_not_depend_on_the_order_of_keys_but_on_every_value():
    first = provenance.config_hash({"a": 1, "b": {"c": [1, 2]}})
    assert first == provenance.config_hash({"b": {"c": [1, 2]}, "a": 1})
    assert first != provenance.config_hash({"a": 1, "b": {"c": [2, 1]}})
    assert len(first) == 12


def test_file_hash_is_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-4
    assert file_hash(tmp_path / "a") == expected


def test_revision_is_that_of_the_checkout(root):
    git = ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"]
    head = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    assert provenance.git_revision().removesuffix("+changes") == head


def test_versions_and_hardware_are_named():
    assert provenance.versions()["torch"].startswith("2.")
    machine = provenance.hardware("cpu", 3)
    assert machine["threads"] == 3
    assert machine["processor"]
