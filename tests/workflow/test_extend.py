"""What docs/extend.md says, done to a copy of the source."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs/extend.md"
COPIED = ("Snakefile", "config", "pyproject.toml", "src", "tests/conftest.py", "tests/unit", "docs")
# A line that names a file, and the block of code after it.
CHANGE = re.compile(
    r"^`(?P<path>[^`\n]+)`, (?:new|(?P<side>before|after) (?P<ticks>`+)(?P<line>.+?) ?(?P=ticks)):"
    r"\n\n```\w+\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
# What is typed into a shell, and lines that it prints.
SHELL = re.compile(r"^```console\n\$ ([^\n]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(r"^```python\n(>>> .*?)^```$", re.MULTILINE | re.DOTALL)
MATVIR = "import sys, matvir.cli; sys.exit(matvir.cli.main())"
SECTIONS = dict(
    re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL)
)
# Tests of the house that a change of each kind has to pass as well.
ALSO = {
    "A metric": ("test_imports.py::test_imports_go_downstairs_only",),
    "A section of the page": (
        "report/test_page.py::test_every_section_of_every_material_exists_and_is_linked",
    ),
    "A reader of a file format": (),
    "A model": ("test_families.py", "settings/test_schema.py"),
}


@dataclass(frozen=True)
class Change:
    """Lines that are a new file, or that go before or after a line of a file."""

    path: str
    side: str | None
    line: str | None
    code: str

    def apply(self, root):
        path = root / self.path
        if self.side is None:
            assert not path.exists(), f"{self.path} is there already"
            path.write_text(self.code)
            return
        lines = path.read_text().splitlines(keepends=True)
        found = [n for n, line in enumerate(lines) if line.strip().startswith(self.line)]
        assert len(found) == 1, f"{len(found)} lines of {self.path} begin with {self.line}"
        lines.insert(found[0] + (self.side == "after"), self.code)
        path.write_text("".join(lines))


def changes_in(text):
    return [Change(m["path"], m["side"], m["line"], m["code"]) for m in CHANGE.finditer(text)]


@pytest.fixture
def copy(root, tmp_path):
    """Return a folder with a copy of the source."""
    own = shutil.ignore_patterns("__pycache__", "images", "config.yaml")
    for name in COPIED:
        place = tmp_path / "source" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if (root / name).is_dir():
            shutil.copytree(root / name, place, ignore=own)
        else:
            shutil.copy(root / name, place)
    return tmp_path / "source"


def run(folder, *command):
    """Run a program of this environment on the package of a folder."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(folder / "src")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_line_that_names_a_file_is_understood():
    text = PAGE.read_text()
    named = re.findall(r"^`[^`\n]+`, (?:new|before|after)\b", text, re.MULTILINE)
    assert len(changes_in(text)) == len(named) > 0


@pytest.mark.parametrize("title", ALSO)
def test_each_section_can_be_followed_alone_and_keeps_the_style(copy, title):
    changes = changes_in(SECTIONS[title])
    for change in changes:
        change.apply(copy)
    files = sorted({change.path for change in changes if change.path.endswith(".py")})
    assert files
    run(copy, "-m", "ruff", "check", "--no-cache", *files)
    run(copy, "-m", "ruff", "format", "--no-cache", "--check", *files)


def test_what_is_added_does_what_the_page_says(copy):
    tests = []
    for title, also in ALSO.items():
        for change in changes_in(SECTIONS[title]):
            change.apply(copy)
            if change.path.startswith("tests/"):
                tests.append(change.path)
        examples = f"examples-{len(tests)}.md"
        (copy / examples).write_text("".join(EXAMPLE.findall(SECTIONS[title])))
        tests += [examples, *(f"tests/unit/{one}" for one in also)]
    options = ["-p", "no:cacheprovider", "-o", "doctest_optionflags=NORMALIZE_WHITESPACE"]
    said = run(copy, "-m", "pytest", "-q", "--doctest-glob=examples-*.md", *options, *tests)
    assert " passed" in said
    for command, printed in SHELL.findall(PAGE.read_text()):
        name, *arguments = command.split()
        assert name == "matvir"
        said = run(copy, "-c", MATVIR, *arguments).splitlines()
        assert [line for line in printed.splitlines() if line not in (*said, "...")] == []
