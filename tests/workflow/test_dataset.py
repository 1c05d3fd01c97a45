"""A material whose image is fetched by name, from its address to labels."""

import hashlib
import json
import re

import numpy as np
import pytest
import tifffile
import yaml

LABELS = "results/{}/segmented/labels.h5"


def text(run):
    return run.stdout + run.stderr


def hash_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def rock(workflow, mirror):
    """Return a function that makes the labels of materials whose image is on the mirror."""
    squares = np.kron(np.random.default_rng(0).integers(0, 2, (16, 20)), np.ones((4, 4)))
    tifffile.imwrite(mirror.folder / "rock.tif", (255 * squares).astype(np.uint8))
    entry = {
        "url": f"{mirror.address}/rock.tif",
        "sha256": hash_of(mirror.folder / "rock.tif"),
        "licence": "CC BY 4.0",
        "citation": "A. Author, Rocks 1, 2 (2003)",
        "type": "labels",
        "phases": ["pore", "grain"],
        "voxel_size_um": 2.5,
    }

    def run(*options, materials=("rock",), **changes):
        settings = {
            "datasets": {"my-rock": entry | changes},
            "materials": {name: {"dataset": "my-rock"} for name in materials},
            "run": {"materials": list(materials)},
        }
        (workflow.folder / "config/config.yaml").write_text(yaml.safe_dump(settings))
        targets = [] if "-n" in options else map(LABELS.format, materials)
        return workflow("--cores", "1", *options, *targets)

    run.folder = workflow.folder
    return run


def test_it_is_planned_before_all_that_needs_it(rock):
    run = rock("-n")
    assert run.returncode == 0, text(run)
    planned = dict(re.findall(r"^(\w+) +(\d+)$", text(run), re.MULTILINE))
    assert planned["dataset"] == planned["segment"] == planned["report"] == "1"


def test_it_is_fetched_once_and_segmented_as_the_dataset_states(rock, mirror):
    run = rock()
    assert run.returncode == 0, text(run)
    folder = rock.folder / "results/rock"
    found = json.loads((folder / "segmented/segmentation.json").read_text())
    assert found["phases"] == ["pore", "grain"]
    assert found["voxel_size_um"] == [2.5, 2.5]
    assert found["provenance"]["source"]["sha256"] == hash_of(mirror.folder / "rock.tif")
    log = next((rock.folder / "logs/rock/dataset").iterdir()).read_text()
    assert "licence: CC BY 4.0; please cite: A. Author, Rocks 1, 2 (2003)" in log

    # Another material has it from the cache; other words on the data make nothing anew.
    run = rock(materials=["rock", "other"], licence="CC0")
    assert run.returncode == 0, text(run)
    assert mirror.asked == ["/rock.tif"]
    ran = re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", text(run))
    assert sorted(ran) == ["dataset", "dataset", "segment"]


def test_without_a_network_it_says_where_to_put_the_file(rock, mirror):
    mirror.close()
    run = rock()
    assert run.returncode == 1
    place = re.search(r"put it at (\S+),", text(run))[1]
    kept = rock.folder / "resources/datasets/my-rock/rock.tif"
    assert place == str(kept)
    kept.write_bytes((mirror.folder / "rock.tif").read_bytes())
    run = rock()
    assert run.returncode == 0, text(run)
    # What was made of it does not need it any more.
    kept.unlink()
    assert "Nothing to be done" in text(rock())
