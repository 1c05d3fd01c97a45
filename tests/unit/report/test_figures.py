"""Figures for papers: widths, letters, scale, captions, and equal bytes."""

import re
from dataclasses import replace

import numpy as np
import pytest

from matvir.measurement.tables import read_metrics
from matvir.report.boxes import boxes_of
from matvir.report.captions import NAMES, WHAT, box_caption
from matvir.report.correlations import FUNCTIONS, Curves
from matvir.report.figures import figures_of, save_figure, write_figures
from matvir.report.paper import MM, MOST_HEIGHT, box_sheets, curve_sheets, slice_sheets
from matvir.report.results import read_material
from matvir.report.slices import Picture, Row, ScaleBar, slice_rows
from matvir.report.volumes import TIMES
from matvir.settings.records import FiguresConfig

CONFIG = FiguresConfig(one_column_mm=85, two_columns_mm=178)


@pytest.fixture(scope="module")
def materials(results):
    runs, files = results
    return [read_material(f, [run for run in runs if run.material == f.name]) for f in files]


@pytest.fixture(scope="module")
def written(results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures") / "figures"
    write_figures(*results, folder, CONFIG, 0.9)
    return folder


def test_every_figure_has_two_vector_files_and_a_caption(written, results):
    files = {path.name for path in (written / "grown").iterdir()}
    names = {name.rpartition(".")[0] for name in files}
    assert files == {f"{name}.{suffix}" for name in names for suffix in ("pdf", "svg", "txt")}
    assert names >= {"slices", "boxes-2d", "boxes-3d", "box-3d-tpb-density", "s2-3d-pore-radial"}
    assert sorted(path.name for path in written.iterdir()) == sorted(f.name for f in results[1])


def test_figures_are_as_wide_as_columns(written):
    for path in written.glob("*/*.svg"):
        width, height = (
            float(points) / 72 * 25.4
            for points in re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', path.read_text())
            .groups()
        )  # fmt: skip
        wide = "boxes" in path.name or path.stem == "slices" or re.fullmatch(r"s2-.d", path.stem)
        assert width == pytest.approx(178 if wide else 85, abs=1e-3), path.name
        assert height < MOST_HEIGHT + 10


def test_letters_are_letters_and_large_enough(written):
    for path in written.glob("*/*.svg"):
        sizes = {float(size) for size in re.findall(r"font-size: ([\d.]+)px", path.read_text())}
        assert sizes, path.name
        assert min(sizes) >= 7, path.name
    svg = (written / "grown/box-3d-volume-fraction.svg").read_text()
    assert ">swd, seed 9</text>" in svg
    assert ">volume fraction</text>" in svg
    pdf = (written / "grown/box-3d-volume-fraction.pdf").read_bytes()
    assert b"/FontFile2" in pdf  # TrueType
    assert b"/Type3" not in pdf


def test_equal_results_give_equal_figures(written, results, tmp_path, monkeypatch):
    # Matplotlib takes the date from there.
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    runs, (files, _) = results
    material = read_material(files, [run for run in runs if run.material == files.name])
    again = {"slices", "boxes-3d", "s2-3d-pore-radial"}
    for name, figure, caption in figures_of(material, CONFIG, 0.9):
        if name in again:
            again.remove(name)
            save_figure(figure, tmp_path / name)
            first = written / files.name / name
            for suffix in (".pdf", ".svg"):
                path = tmp_path / f"{name}{suffix}"
                assert path.read_bytes() == first.with_suffix(suffix).read_bytes(), path.name
            assert caption == first.with_suffix(".txt").read_text()
    assert not again


def test_a_caption_says_how_many_how_sure_and_how_made(written, results):
    caption = (written / "grown/box-3d-volume-fraction.txt").read_text()
    table = read_metrics(results[1][0].metrics)
    rows = table[(table.metric == "volume_fraction") & table["sample"].str.startswith("volume")]
    real = rows[rows.phase == "pore"]["value"]
    words = " ".join(caption.split())
    assert f"- pore; real: {real.mean():.3f} ± {real.std():.3f} (n = 24); swd, seed 0:" in words
    assert "in brackets its 90 % bootstrap interval" in words
    assert re.search(
        r"difference [+\u2212][\d.]+ % \([+\u2212][\d.]+ % to [+\u2212][\d.]+ %\)\.", words
    )
    assert "Numbers of samples: 24 (real), 24 (swd, seed 0), 24 (swd, seed 9)." in words
    assert "swd, seed 9: kind slicegan, 4000 steps, configuration abc123, MatVir 0.1.0" in words
    assert f"24 volumes of 10{TIMES}12{TIMES}14 voxels" in words
    assert "Drawn by MatVir" in words


def test_a_caption_of_curves_says_what_the_band_is_and_the_largest_error(written):
    words = " ".join((written / "grown/s2-3d-pore-radial.txt").read_text().split())
    assert "bands one standard deviation of the samples. Numbers of samples: 24 (real)" in words
    assert re.search(r"- swd, seed 0, pore, radial average: largest error [\d.]+ % of the", words)


def test_boxes_of_volumes_leave_no_room_for_a_model_of_images(materials):
    grown = materials[0]
    run = grown.runs[1]
    flat = run.metrics[~run.metrics["sample"].str.startswith("volume")]
    material = replace(grown, runs=[grown.runs[0], replace(run, metrics=flat)])
    deep = [one for one in boxes_of(material) if one.dimension == "3d"]
    (figure, shown) = box_sheets(deep, 178)[0]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["real", "swd, seed 0"]
    words = box_caption(material, shown, 0.95)
    assert "24 (real), 24 (swd, seed 0).\n" in words


def test_phases_stay_in_their_order(materials):
    one = next(one for one in boxes_of(materials[0]) if one.metric == "volume_fraction")
    figure, _ = box_sheets([one], 178)[0]
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels == list(materials[0].phases)


def test_more_panels_than_fit_on_a_page_become_several_figures(materials):
    boxes = boxes_of(materials[0])[:1] * 17
    sheets = box_sheets(boxes, 178)
    assert sum(len(shown) for _, shown in sheets) == 17
    assert len(sheets) > 1
    assert all(figure.get_figheight() / MM < MOST_HEIGHT + 10 for figure, _ in sheets)
    assert sheets[0][0].axes[1].get_title(loc="left") == "(b)"


def test_spectra_have_no_small_exponents(materials):
    curves = [("real", "black", materials[0].curves["3d"]["s2/pore/radial"])]
    names = {"dimension": "3d", "phase": "pore", "axis": "radial"}
    one = Curves(**names, function="power_spectrum", first=True, sides=curves)
    figure, _ = curve_sheets([one], 85)[0]
    figure.draw_without_rendering()
    texts = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert texts
    assert not any("$" in text for text in texts)


def picture(height, width, edges):
    pixels = np.zeros((height, width, 3), np.uint8)
    return Picture(
        pixels=pixels, edges=edges, caption="x", scale_bar=ScaleBar(share=0.25, text="5 µm")
    )


def test_slices_are_all_at_one_scale_also_of_unequal_voxels(materials):
    rows = [
        Row(
            name="real", pictures=[picture(20, 40, (0.5, 0.5)), picture(30, 20, (0.25, 0.5)), None]
        ),
        Row(name="made", pictures=[picture(10, 30, (1.0, 0.5)), None, None]),
    ]
    ((figure, _),) = slice_sheets(rows, materials[0], 178)
    width, height = figure.get_size_inches() / MM
    shown = [axes for axes in figure.axes if axes.images]
    sizes = [(10.0, 20.0), (7.5, 10.0), (10.0, 15.0)]
    places = [axes.get_position() for axes in shown]
    scale = places[0].width * width / 20
    for place, (tall, wide) in zip(places, sizes, strict=True):
        assert place.height * height == pytest.approx(scale * tall)
        assert place.width * width == pytest.approx(scale * wide)
    bar = next(axes for axes in figure.axes if axes.get_facecolor() == (0, 0, 0, 1))
    assert bar.get_position().width * width == pytest.approx(scale * 5)


def test_slices_of_many_models_are_several_figures_each_with_the_real_ones(materials):
    real, made, _ = slice_rows(materials[0])
    sheets = slice_sheets([real, *[made] * 9], materials[0], 178)
    assert len(sheets) > 1
    assert all(rows[0] is real for _, rows in sheets)
    assert sum(len(rows) - 1 for _, rows in sheets) == 9
    assert all(figure.get_figheight() / MM <= MOST_HEIGHT for figure, _ in sheets)


def test_every_function_that_is_drawn_has_words():
    assert set(FUNCTIONS) == set(NAMES) == set(WHAT)
