"""The page: one self-contained HTML file that opens from disk without a network."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from matplotlib.figure import Figure

import matvir
from matvir.comparison.memorisation import memorisation_verdict
from matvir.errors import InputError
from matvir.files import write_text
from matvir.measurement.tables import COLUMNS, dimensions, read_metrics
from matvir.report.boxes import BoxPlot, box_plots
from matvir.report.correlations import CurvePlot, correlation_plots
from matvir.report.diversity import COLUMNS as DIVERSITY_COLUMNS
from matvir.report.diversity import UNSURE, DiversityRow, diversity_rows
from matvir.report.embed import csv_uri, figure_uri, png_file_uri
from matvir.report.inputs import Inputs, show_inputs
from matvir.report.memorisation import distances_figure
from matvir.report.palette import REAL_COLOUR
from matvir.report.results import Material, MaterialFiles, Run, RunFiles, read_material
from matvir.report.slices import Row, slice_rows
from matvir.report.table import HEADERS, TableRow, not_computed, table_rows
from matvir.report.training import (
    density_figure,
    fractions_figure,
    losses_figure,
    validation_figure,
)
from matvir.report.verdict import Verdict, verdict
from matvir.report.volumes import VolumeView, volume_views
from matvir.report.wording import dimension_name, dimension_title, number

SECTIONS = (
    ("input", "What went in"),
    ("training", "Training"),
    ("slices", "Slices"),
    ("volume", "Volume"),
    ("correlation", "Two-point correlation"),
    ("boxes", "Box plots"),
    ("table", "Table"),
    ("memorisation", "Memorisation"),
    ("diversity", "Diversity"),
    ("latent", "Latent space"),
    ("provenance", "Provenance"),
)


@dataclass(frozen=True, kw_only=True)
class RunView:
    """What the page shows of one run; pictures and tables are data URIs."""

    name: str
    colour: str
    verdict: Verdict
    losses: str | None
    densities: str | None
    validations: str | None
    fractions: str | None
    rows: list[TableRow]
    not_computed: list[str]
    csv: str
    memorisation: str
    distances: str | None
    latent: str | None
    regressions: list[tuple[str, str]]
    facts: list[tuple[str, str]]
    settings: str


@dataclass(frozen=True, kw_only=True)
class MaterialView:
    """What the page shows of one material."""

    name: str
    synthetic: bool
    has_reference: bool
    labelled: bool
    dimensions: list[tuple[str, str]]
    dimension_names: list[str]
    inputs: Inputs
    slices: list[Row]
    volumes: list[VolumeView]
    correlations: list[CurvePlot]
    boxes: list[BoxPlot]
    segmentation: str
    runs: list[RunView]
    diversity: list[DiversityRow]


def build_report(
    runs: Sequence[RunFiles],
    materials: Sequence[MaterialFiles],
    *,
    out: Path,
    metrics_csv: Path,
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
    views = []
    for files in materials:
        mine = [run for run in runs if run.material == files.name]
        views.append(show_material(read_material(files, mine)))
    write_text(metrics_csv, collect_metrics([*materials, *runs]).to_csv(index=False))
    write_text(out, render(views))


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
        sections=SECTIONS,
        headers=HEADERS,
        diversity_headers=[*DIVERSITY_COLUMNS.values(), UNSURE],
        real_colour=REAL_COLOUR,
        version=matvir.__version__,
    )


def show_material(material: Material) -> MaterialView:
    """Make every figure and text of one material."""
    sides = [material.curves, *(run.curves for run in material.runs)]
    measured = [material.metrics, *(run.metrics for run in material.runs)]
    found = {dimension for groups in sides for dimension in groups}
    found |= {name for table in measured for name in dimensions(table["sample"])}
    return MaterialView(
        name=material.name,
        synthetic=material.synthetic,
        has_reference=material.reference is not None,
        labelled=material.kind.labelled,
        dimensions=[(name, dimension_title(name)) for name in sorted(found)],
        dimension_names=[dimension_name(name) for name in sorted(found)],
        inputs=show_inputs(material),
        slices=slice_rows(material),
        volumes=volume_views(material),
        correlations=correlation_plots(material),
        boxes=box_plots(material),
        segmentation=_json(material.segmentation),
        runs=[_show_run(material, run) for run in material.runs],
        diversity=diversity_rows(material.runs),
    )


def _show_run(material: Material, run: Run) -> RunView:
    losses = losses_figure(run.history)
    real = material.specimen.volume_fractions().tolist()
    fractions = fractions_figure(run.history, material.phases, real)
    distances = distances_figure(run.tables["memorisation"], run.colour)
    return RunView(
        name=run.name,
        colour=run.colour,
        verdict=verdict(material, run),
        losses=_uri(losses),
        fractions=_uri(fractions),
        densities=_uri(density_figure(run.history, material.phases)),
        validations=_uri(validation_figure(run.history)),
        rows=table_rows(run.tables["comparison"]),
        not_computed=not_computed(run.tables["comparison"]),
        csv=csv_uri(run.tables["comparison"].to_csv(index=False)),
        memorisation=memorisation_verdict(run.tables["memorisation"])[0],
        distances=_uri(distances),
        latent=None if run.latent is None else png_file_uri(run.latent / "latent.png"),
        regressions=_regressions(run),
        facts=_facts(run),
        settings=_json(run.config),
    )


def _regressions(run: Run) -> list[tuple[str, str]]:
    """Return how well each property follows from a code, as names and values."""
    if run.latent is None:
        return []
    table = pd.read_csv(run.latent / "latent.csv", keep_default_na=False, na_values={"r2": [""]})
    return [
        (
            f"{row['property'].replace('_', ' ')}, {row['phase']}",
            "; ".join(filter(None, (number(row["r2"], 2), row["note"]))),
        )
        for _, row in table.iterrows()
    ]


def _uri(figure: Figure | None) -> str | None:
    return None if figure is None else figure_uri(figure)


def _facts(run: Run) -> list[tuple[str, str]]:
    """Return what identifies a run and what it cost, as names and values."""
    config = run.config
    seconds, steps = float(config["seconds_per_step"]), int(config["steps"])
    what = "images" if run.volume is None else "volumes"
    return [
        ("model", run.model),
        ("training seed", str(run.seed)),
        ("configuration hash", str(config["config_hash"])),
        ("MatVir", str(config["matvir"])),
        ("git revision", str(config["git_revision"] or "not run from a git checkout")),
        ("steps", str(steps)),
        ("precision", str(config["precision"])),
        ("time per step", f"{number(seconds)} s"),
        ("training time", _duration(seconds * steps)),
        ("hardware", _pairs(config["hardware"])),
        ("versions", _pairs(config["versions"])),
        (f"generated {what}", str(len(run.sample_seeds))),
        (f"seeds of the {what}", ", ".join(map(str, run.sample_seeds))),
    ]


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"about {seconds:.0f} s"
    if seconds < 7200:
        return f"about {seconds / 60:.0f} min"
    return f"about {seconds / 3600:.1f} h"


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
