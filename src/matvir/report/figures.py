"""Figures for papers as vector files, each with a caption (`matvir.report.paper`)."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from matvir.files import atomic_folder
from matvir.report.boxes import boxes_of
from matvir.report.captions import box_caption, curve_caption, slice_caption
from matvir.report.correlations import curves_of
from matvir.report.paper import PAPER_STYLE, box_sheets, box_width, curve_sheets, slice_sheets
from matvir.report.results import Material, MaterialFiles, RunFiles, read_material
from matvir.report.slices import slice_rows
from matvir.settings.records import FiguresConfig

# Name of a figure's files without suffix, the figure, its caption.
Named = tuple[str, Figure, str]


def write_figures(
    runs: Sequence[RunFiles],
    materials: Sequence[MaterialFiles],
    folder: Path,
    config: FiguresConfig,
    confidence: float,
) -> None:
    """Write the figures of all materials, each as PDF, as SVG and with its caption as text.

    Parameters
    ----------
    runs, materials : sequence of RunFiles, sequence of MaterialFiles
        As `matvir.report.page.build_report` takes them.
    folder : Path
        Folder to write, one folder in it per material; what was in it is replaced.
    config : FiguresConfig
        Widths.
    confidence : float
        Level of the intervals of the comparison.

    Raises
    ------
    InputError
        If a file cannot be read.
    OutputError
        If the folder cannot be written.
    """
    with atomic_folder(folder) as temporary:
        for files in materials:
            material = read_material(files, [run for run in runs if run.material == files.name])
            (temporary / files.name).mkdir()
            for name, figure, caption in figures_of(material, config, confidence):
                save_figure(figure, temporary / files.name / name)
                (temporary / files.name / f"{name}.txt").write_text(caption, encoding="utf-8")


def figures_of(material: Material, config: FiguresConfig, confidence: float) -> Iterator[Named]:
    """Yield the figures of a material: slices, box plots and curves, together and one by one."""
    sheets = slice_sheets(slice_rows(material), material, config.two_columns_mm)
    for number, (figure, rows) in enumerate(sheets):
        yield _numbered("slices", number, len(sheets)), figure, slice_caption(material, rows)
    yield from _boxes(material, config, confidence)
    yield from _curves(material, config)


def _boxes(material: Material, config: FiguresConfig, confidence: float) -> Iterator[Named]:
    for dimension, group in groupby(boxes_of(material), key=lambda one: one.dimension):
        boxes = list(group)
        sheets = box_sheets(boxes, config.two_columns_mm) if len(boxes) > 1 else []
        for number, (figure, shown) in enumerate(sheets):
            name = _numbered(f"boxes-{dimension}", number, len(sheets))
            yield name, figure, box_caption(material, shown, confidence)
        for one in boxes:
            fits = box_width(one) <= config.one_column_mm
            width = config.one_column_mm if fits else config.two_columns_mm
            name = f"box-{dimension}-{one.metric.replace('_', '-')}"
            yield name, box_sheets([one], width)[0][0], box_caption(material, [one], confidence)


def _curves(material: Material, config: FiguresConfig) -> Iterator[Named]:
    told = [one for one in curves_of(material) if one.first]
    for (dimension, function), group in groupby(told, lambda one: (one.dimension, one.function)):
        curves = list(group)
        sheets = curve_sheets(curves, config.two_columns_mm) if len(curves) > 1 else []
        what = f"{function.replace('_', '-')}-{dimension}"
        for number, (figure, shown) in enumerate(sheets):
            yield _numbered(what, number, len(sheets)), figure, curve_caption(material, shown)
        for one in curves:
            figure = curve_sheets([one], config.one_column_mm)[0][0]
            yield f"{what}-{one.phase}-{one.axis}", figure, curve_caption(material, [one])


def _numbered(name: str, number: int, n: int) -> str:
    return f"{name}-part-{number + 1}" if n > 1 else name


@mpl.rc_context(PAPER_STYLE)
def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PDF and SVG whose letters can be edited; equal ones give equal bytes.

    Parameters
    ----------
    figure : Figure
        Drawn in ``PAPER_STYLE``.
    path : Path
        Name of the files without suffix.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # that of the panels is found once, not for each file
    figure.savefig(path.with_name(f"{path.name}.pdf"), metadata={"CreationDate": None})
    figure.savefig(path.with_name(f"{path.name}.svg"), metadata={"Date": None})
