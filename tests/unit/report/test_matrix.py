import numpy as np
import pytest

from matvir.comparison.tables import agreement
from matvir.report.matrix import _agree, _level, matrix_row, models_of
from matvir.report.page import build_report
from matvir.report.results import read_material
from matvir.report.slices import slice_rows


@pytest.fixture(scope="module")
def rows(results):
    runs, materials = results
    found = []
    for files in materials:
        material = read_material(files, [run for run in runs if run.material == files.name])
        found.append((material, matrix_row(material, slice_rows(material))))
    return found


def test_each_model_of_a_material_has_a_cell(rows):
    for material, row in rows:
        assert list(row.cells) == list(dict.fromkeys(run.model for run in material.runs))
        assert row.real.width == 1
        for cell in row.cells.values():
            assert cell.picture.uri.startswith("data:image/png")
    names = models_of([row for _, row in rows])
    assert len(names) == len(set(names))


def test_a_cell_counts_what_the_verdict_counts(rows):
    for material, row in rows:
        for run in material.runs:
            if sum(one.model == run.model for one in material.runs) == 1:
                within, judged = agreement(run.tables["comparison"])
                expected = f"{within} of {judged}" if judged else "not judged"
                assert row.cells[run.model].agree == expected


def test_agreement_leaves_out_what_has_no_floor(rows):
    table = rows[0][0].runs[0].tables["comparison"]
    within, judged = agreement(table)
    assert 0 <= within <= judged <= len(table)
    assert agreement(table.assign(w1_floor_high=np.nan)) == (0, 0)


@pytest.mark.parametrize(
    ("found", "text", "level"),
    [
        ([(58, 115)], "58 of 115", "off"),
        ([(9, 10), (8, 10), (10, 10)], "8 to 10 of 10", "within"),
        ([(1, 10), (6, 12)], "10.0 % to 50.0 %", "off"),
        ([(0, 0), (2, 10)], "2 of 10", "far"),
        ([(0, 0)], "not judged", "none"),
    ],
)
def test_several_seeds_give_a_range(found, text, level):
    assert (_agree(found), _level(found)) == (text, level)


def test_a_material_without_a_model_says_not_run(results, tmp_path):
    runs, materials = results
    build_report(runs, materials, out=tmp_path / "index.html", metrics_csv=tmp_path / "m.csv")
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    matrix = html[html.index('<div class="matrix">') : html.index("</table></div>")]
    models = {
        name: {run.model for run in runs if run.material == name}
        for name in (one.name for one in materials)
    }
    missing = sum(len(set.union(*models.values()) - one) for one in models.values())
    assert matrix.count("not run") == missing
    assert "<svg" not in matrix
