"""The notebooks run from their first cell to their last, and show what they say."""

import nbformat
import pytest
from nbclient import NotebookClient


def texts(cell):
    """Return what a cell shows as text."""
    return "".join(output.get("data", {}).get("text/plain", "") for output in cell["outputs"])


@pytest.fixture
def executed(root, tmp_path):
    def execute(name):
        notebook = nbformat.read(root / "docs" / "notebooks" / name, as_version=4)
        folder = {"metadata": {"path": str(tmp_path)}}
        NotebookClient(notebook, timeout=300, resources=folder).execute()
        return [cell for cell in notebook.cells if cell.cell_type == "code"]

    return execute


def test_from_a_generator_to_volumes_numbers_and_pictures(executed, tmp_path):
    cells = executed("generator.ipynb")
    assert (tmp_path / "ceramic.pt").exists()
    assert texts(cells[2]).startswith("((64, 64, 64), ('pore', 'solid')")
    assert "image/png" in cells[3]["outputs"][0]["data"]
    assert "relative_diffusivity" in texts(cells[4])
    assert "mean_chord_length" in texts(cells[5])
