"""The code that cheap results depend on is found from the imports of scripts."""

import subprocess
import sys

import pytest

from matvir.storage import code

CHEAP_RULES = {
    "compare": (),
    "report": (),
    "figures": (),
    "gallery": (),
    "latent": ("generation/latent_space.py",),
}
LOADED = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("script", sys.argv[1])
spec.loader.exec_module(importlib.util.module_from_spec(spec))
print(*sorted(m.__file__ for n, m in sys.modules.items() if n.startswith("matvir.")), sep="\\n")
"""


def written(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_imports_are_followed_to_the_last_also_within_functions(tmp_path, monkeypatch):
    package = tmp_path / "matvir"
    written(
        package,
        {
            "report/page.py": "from matvir.comparison import tables\n",
            "report/page.html": "",
            "report/unused.py": "",
            "comparison/tables.py": "def f():\n    import matvir.metrics.area\n",
            "metrics/area.py": "from matvir.storage.files import read\n",
            "storage/files.py": "from matvir.report.unused import nothing\n",
            "training/loop.py": "",
        },
    )
    script = tmp_path / "script.py"
    script.write_text(
        "import os\nfrom matvir.report.page import build\nimport matvir.training.loop\n"
    )
    monkeypatch.setattr(code, "PACKAGE", package)
    names = ["comparison/tables.py", "metrics/area.py", "report/page.html", "report/page.py"]
    expected = {str(package / name) for name in (*names, "report/unused.py")}
    assert set(code.code_of(script)) == {str(script), *expected}
    found = code.code_of(script, "training/loop.py")
    assert str(package / "training/loop.py") in found


@pytest.mark.parametrize("rule", CHEAP_RULES)
def test_everything_that_a_script_loads_is_found(root, rule):
    script = root / f"workflow/scripts/{rule}.py"
    command = [sys.executable, "-c", LOADED, str(script)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    rooms = tuple(f"{code.PACKAGE}/{room}/" for room in code.CHEAP)
    loaded = {
        path
        for path in run.stdout.split()
        if path.startswith(rooms) and not path.endswith("/__init__.py")
    }
    found = code.code_of(script, *CHEAP_RULES[rule])
    assert loaded
    assert loaded <= set(found)


def test_how_samples_are_compared_is_code_of_the_comparison_and_measuring_is_not(root):
    found = code.code_of(root / "workflow/scripts/compare.py")
    names = [path.removeprefix(f"{code.PACKAGE}/") for path in found]
    assert "measurement/representativity.py" in names
    assert "metrics/fraction_interval.py" in names
    # What is measured again only with a new revision must not make comparisons anew.
    assert "measurement/measure.py" not in names
    assert "metrics/relative_diffusivity.py" not in names
