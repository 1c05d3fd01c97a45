"""The page from small fake results: complete, self-contained, escaped."""

import os
import pickle
import re
import shutil
import subprocess
import sys
from dataclasses import fields, is_dataclass
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from matvir.errors import InputError
from matvir.measurement.tables import COLUMNS, read_metrics
from matvir.report.page import SECTIONS, build_report
from matvir.report.wording import duration

EVIL = "<svg onload=document.title=1>"


class Collector(HTMLParser):
    def __init__(self):
        super().__init__()
        self.ids, self.links, self.images, self.tags = set(), [], [], []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        if "id" in attrs:
            self.ids.add(attrs["id"])
        if "src" in attrs:
            self.images.append(attrs["src"])
        if "href" in attrs:
            self.links.append(attrs["href"])


@pytest.fixture(scope="module")
def built(results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    build_report(*results, out=folder / "index.html", metrics_csv=folder / "metrics.csv")
    return folder


@pytest.fixture(scope="module")
def html(built):
    return (built / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def parsed(html):
    collector = Collector()
    collector.feed(html)
    return collector


def test_every_section_of_every_material_exists_and_is_linked(parsed):
    for number in (1, 2):
        for key in (section.name for section in SECTIONS):
            assert f"m{number}-{key}" in parsed.ids
            assert f"#m{number}-{key}" in parsed.links


def test_the_page_needs_no_other_file(parsed, html):
    assert all(source.startswith("data:image/") for source in parsed.images)
    assert all(link.startswith(("#", "data:")) for link in parsed.links)
    assert len(parsed.images) > 40
    assert not re.search(r"https?://", re.sub(r"data:[^\"]*", "", html))
    assert "default-src 'none'; img-src data:" in html


def test_every_name_is_escaped(parsed, html):
    assert EVIL not in html
    assert html.count(escape(EVIL)) > 20
    assert not [attrs for _, attrs in parsed.tags if any(name.startswith("on") for name in attrs)]


def test_a_synthetic_material_is_called_so_once(html):
    assert html.count("This material is <b>synthetic</b>") == 1


def test_without_a_3d_reference_the_page_says_so(html):
    assert html.count("The real material is known in 2D only") == 2
    assert html.count("The three-dimensional curves have no reference") == 1
    assert "Three-dimensional statistics have no reference" in html


def test_provenance_names_what_made_the_run(html):
    for text in ("abc123", "not run from a git checkout", "numpy 2.4", "device cpu", "0.200 s"):
        assert text in html
    assert "about 13 min" in html
    assert ", ".join(map(str, range(100, 124))) in html


def test_all_measurements_are_in_one_tidy_table(built, results):
    table = read_metrics(built / "metrics.csv")
    assert tuple(table.columns) == COLUMNS
    parts = [read_metrics(files.metrics) for files in (*results[1], *results[0])]
    assert len(table) == sum(map(len, parts))
    assert set(table["model"]) == {"real", "swd", EVIL}
    assert (table.loc[table["value"].isna(), "note"] == "needs a 3D sample").all()


BUILD = """
import pickle, sys
from pathlib import Path
from matvir.report.page import build_report
runs, materials = pickle.load(sys.stdin.buffer)
build_report(runs, materials, out=Path("index.html"), metrics_csv=Path("metrics.csv"), processes=2)
"""


def test_the_same_results_give_the_same_bytes_wherever_whenever_and_in_processes(
    built, results, tmp_path
):
    runs, materials = results
    home = materials[0].labels.parents[2]
    copy, work = tmp_path / "elsewhere" / "results", tmp_path / "work"
    shutil.copytree(home, copy, copy_function=shutil.copyfile)
    work.mkdir()
    (work / "matplotlibrc").write_text("font.size: 20\nlines.linewidth: 5\nsvg.fonttype: none\n")
    moved = pickle.dumps((_moved(runs, home, copy), _moved(materials, home, copy)))
    # Matplotlib takes the date from SOURCE_DATE_EPOCH.
    other = {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "SOURCE_DATE_EPOCH": "86400", "LC_ALL": "C"}
    command = [sys.executable, "-c", BUILD]
    subprocess.run(command, cwd=work, env=os.environ | other, input=moved, check=True)
    for name in ("index.html", "metrics.csv"):
        assert (work / name).read_bytes() == (built / name).read_bytes(), name


def _moved(value, home, copy):
    """Return records of files with every path in ``home`` leading to ``copy``."""
    if isinstance(value, Path):
        return copy / value.relative_to(home)
    if isinstance(value, list):
        return [_moved(one, home, copy) for one in value]
    if isinstance(value, dict):
        return {name: _moved(one, home, copy) for name, one in value.items()}
    if is_dataclass(value):
        found = {each.name: getattr(value, each.name) for each in fields(value)}
        return type(value)(**_moved(found, home, copy))
    return value


def test_a_run_without_its_material_is_rejected(results, tmp_path):
    runs, materials = results
    with pytest.raises(InputError, match=rf"run swd, seed 0: .*\['{EVIL}'\], got 'grown'"):
        build_report(runs, materials[1:], out=tmp_path / "a", metrics_csv=tmp_path / "b")


def test_no_results_give_an_empty_page(tmp_path):
    build_report([], [], out=tmp_path / "a.html", metrics_csv=tmp_path / "m.csv")
    assert "Virtual material" in (tmp_path / "a.html").read_text(encoding="utf-8")
    assert read_metrics(tmp_path / "m.csv").empty


@pytest.mark.parametrize(
    ("seconds", "text"), [(90, "about 90 s"), (600, "about 10 min"), (9000, "about 2.5 h")]
)
def test_durations_are_in_a_handy_unit(seconds, text):
    assert duration(seconds) == text


def test_the_report_does_not_import_torch():
    code = "import sys, matvir.report.page; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
