"""The notebooks run from their first cell to their last, and show what they say."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient


def texts(cell):
    """Return what a cell shows or prints as text."""
    shown = [
        one.get("text") or one.get("data", {}).get("text/plain", "") for one in cell["outputs"]
    ]
    return "".join(shown)


@pytest.fixture
def executed(root, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")

    def execute(name, without=()):
        notebook = nbformat.read(root / "docs" / "notebooks" / name, as_version=4)
        left_out = [c for c in notebook.cells if set(without) & set(c.metadata.get("tags", ()))]
        notebook.cells = [cell for cell in notebook.cells if cell not in left_out]
        folder = {"metadata": {"path": str(tmp_path)}}
        NotebookClient(notebook, timeout=600, resources=folder).execute()
        return [cell for cell in notebook.cells if cell.cell_type == "code"]

    return execute


def test_from_a_generator_to_volumes_numbers_and_pictures(executed, tmp_path):
    cells = executed("generator.ipynb")
    assert (tmp_path / "ceramic.pt").exists()
    assert texts(cells[2]).startswith("((64, 64, 64), ('pore', 'solid')")
    assert "image/png" in cells[3]["outputs"][0]["data"]
    assert "relative_diffusivity" in texts(cells[4])
    assert "mean_chord_length" in texts(cells[5])


def test_from_a_micrograph_to_the_parameters_of_a_battery_model(executed):
    there = find_spec("pybamm") is not None
    cells = executed("battery.ipynb", without=() if there else ("needs-pybamm",))
    assert "image/png" in cells[2]["outputs"][0]["data"]
    assert "page " in texts(cells[4])
    for name in ("Porosity", "Transport efficiency"):
        assert name in texts(cells[5])
    if there:
        assert [line.split()[0] for line in texts(cells[6]).splitlines()] == [
            "low",
            "value",
            "high",
        ]
