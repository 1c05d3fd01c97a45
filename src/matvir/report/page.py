"""The page: one self-contained HTML file that opens from disk without a network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

import matvir
from matvir.errors import InputError
from matvir.files import write_text
from matvir.measurement.tables import COLUMNS, dimensions, read_metrics
from matvir.processes import workers
from matvir.report.boxes import box_plots
from matvir.report.charts import chart_script
from matvir.report.classifier import show_classifier
from matvir.report.correlations import correlation_plots
from matvir.report.diversity import show_diversity
from matvir.report.inputs import show_inputs
from matvir.report.intervals import show_intervals
from matvir.report.latent import show_latent_spaces
from matvir.report.matrix import MatrixRow, matrix_row, models_of
from matvir.report.memorisation import show_memorisation
from matvir.report.provenance import show_provenance
from matvir.report.results import Material, MaterialFiles, RunFiles, read_material
from matvir.report.slices import slice_rows
from matvir.report.table import show_tables
from matvir.report.training import show_trainings
from matvir.report.verdict import Verdict, verdict
from matvir.report.viewer import interactive_view, viewer_script
from matvir.report.volumes import volume_views
from matvir.report.wording import dimension_name, dimension_title


@dataclass(frozen=True)
class Section:
    """One section of a material, drawn by ``sections/{name}.html`` from what ``view`` returns."""

    name: str
    title: str
    view: Callable[[Material], Any]


SECTIONS = (
    Section("viewer", "Interactive view", interactive_view),
    Section("input", "What went in", show_inputs),
    Section("training", "Training", show_trainings),
    Section("slices", "Slices", slice_rows),
    Section("volume", "Volume", volume_views),
    Section("intervals", "How sure the properties are", show_intervals),
    Section("classifier", "Classifier test", show_classifier),
    Section("correlation", "Two-point correlation", correlation_plots),
    Section("boxes", "Box plots", box_plots),
    Section("table", "Table", show_tables),
    Section("memorisation", "Memorisation", show_memorisation),
    Section("diversity", "Diversity", show_diversity),
    Section("latent", "Latent space", show_latent_spaces),
    Section("provenance", "Provenance", show_provenance),
)


@dataclass(frozen=True, kw_only=True)
class RunView:
    """What the summary says of one run."""

    name: str
    colour: str
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class MaterialView:
    """What the page shows of one material; ``views`` is by the name of the section."""

    name: str
    synthetic: bool
    has_reference: bool
    labelled: bool
    matrix: MatrixRow
    dimensions: list[tuple[str, str]]
    dimension_names: list[str]
    runs: list[RunView]
    views: dict[str, Any]


def build_report(
    runs: Sequence[RunFiles],
    materials: Sequence[MaterialFiles],
    *,
    out: Path,
    metrics_csv: Path,
    processes: int = 1,
) -> None:
    """Write the page and the table of all measurements.

    Parameters
    ----------
    runs : sequence of RunFiles
        Every trained model, in the order in which the page shows them.
    materials : sequence of MaterialFiles
        Every material of the runs.
    out : Path
        The HTML file to write; it needs no other file and no network.
    metrics_csv : Path
        The tidy table to write: the measurements of the real data and of all runs, with the
        columns :data:`matvir.measurement.tables.COLUMNS`.
    processes : int, optional
        How many draw materials at a time.

    Raises
    ------
    InputError
        If a run is of a material that is not given, or a file cannot be read.
    """
    names = [material.name for material in materials]
    for run in runs:
        if run.material not in names:
            raise InputError(
                f"run {run.model}, seed {run.seed}: expected one of the materials {names}, "
                f"got {run.material!r}. Give the files of its material too."
            )
    of_materials = [[run for run in runs if run.material == name] for name in names]
    with workers(max(min(processes, len(materials)), 1)) as run_all:
        views = list(run_all(_read_and_show, materials, of_materials))
    write_text(metrics_csv, collect_metrics([*materials, *runs]).to_csv(index=False))
    write_text(out, render(views))


def _read_and_show(files: MaterialFiles, runs: Sequence[RunFiles]) -> MaterialView:
    return show_material(read_material(files, runs))


def collect_metrics(files: Sequence[MaterialFiles | RunFiles]) -> pd.DataFrame:
    """Return all measurements as one tidy table, in the order of ``files``."""
    tables = [read_metrics(each.metrics) for each in files]
    if not tables:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(tables, ignore_index=True)


def render(materials: Sequence[MaterialView]) -> str:
    """Return the page's HTML; every text is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        materials=materials,
        models=models_of([material.matrix for material in materials]),
        sections=SECTIONS,
        chart_script=chart_script(),
        viewer_script=viewer_script(),
        version=matvir.__version__,
    )


def show_material(material: Material) -> MaterialView:
    """Make every figure and text of one material."""
    sides = [material.curves, *(run.curves for run in material.runs)]
    measured = [material.metrics, *(run.metrics for run in material.runs)]
    found = {dimension for groups in sides for dimension in groups}
    found |= {name for table in measured for name in dimensions(table["sample"])}
    views = {section.name: section.view(material) for section in SECTIONS}
    return MaterialView(
        name=material.name,
        matrix=matrix_row(material, views["slices"]),
        synthetic=material.synthetic,
        has_reference=material.reference is not None,
        labelled=material.kind.labelled,
        dimensions=[(name, dimension_title(name)) for name in sorted(found)],
        dimension_names=[dimension_name(name) for name in sorted(found)],
        runs=[
            RunView(name=run.name, colour=run.colour, verdict=verdict(material, run))
            for run in material.runs
        ],
        views=views,
    )
