"""What identifies each run, what it cost, and all of its settings."""

from dataclasses import dataclass
from typing import Any

from matvir.report.embed import as_json
from matvir.report.results import Material, Run
from matvir.report.wording import duration, number

# What is shown of a dataset, by its names in the configuration.
FETCHED = ("citation", "licence", "url", "sha256")


@dataclass(frozen=True, kw_only=True)
class ProvenanceView:
    """Facts on one run as names and values, and its settings as JSON."""

    name: str
    facts: list[tuple[str, str]]
    settings: str


def show_provenance(material: Material) -> list[ProvenanceView]:
    """Return where each run comes from."""
    fetched = [(key, material.dataset[key]) for key in FETCHED] if material.dataset else []
    return [
        ProvenanceView(name=run.name, facts=fetched + _facts(run), settings=as_json(run.config))
        for run in material.runs
    ]


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
        ("training time", duration(seconds * steps)),
        ("hardware", _pairs(config["hardware"])),
        ("versions", _pairs(config["versions"])),
        (f"generated {what}", str(len(run.sample_seeds))),
        (f"seeds of the {what}", ", ".join(map(str, run.sample_seeds))),
    ]


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
