"""Whether results are those that a run recorded, or that someone published.

A run ends with a record: the configuration, the SHA-256 of the images it was given and of each file
it made, and the versions of the packages. Numbers are in the table of all measurements beside it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from matvir.errors import InputError
from matvir.files import file_hash, read_json
from matvir.measurement.tables import dimensions, read_metrics
from matvir.storage import provenance

FORMAT = "matvir-record-1"
RECORD, METRICS = "record.json", "metrics.csv"
# How many standard errors the means of two sets of samples may be apart by chance.
STANDARD_ERRORS = 4.0
OF_EVERY_RUN = ("generation", "compare")
# Where files lie is another matter than what is in them.
PATHS = ("image", "dataset", "reference", "scribbles", "warm_start")
KEYS = ["material", "model", "seed", "dimension", "metric", "phase", "axis", "unit"]


def record(
    settings: Mapping[str, Any], inputs: Mapping[str, Path], results: Sequence[Path]
) -> dict[str, Any]:
    """Return what a later look at the results is compared with; plain JSON values.

    Parameters
    ----------
    settings : mapping
        What `settings_of_the_run` returned.
    inputs : mapping of str to Path
        Files that the run was given, by what they are.
    results : sequence of Path
        Files that it made.
    """
    return {
        "format": FORMAT,
        "configuration": settings,
        "inputs": {name: file_hash(path) for name, path in inputs.items()},
        "results": {str(path): file_hash(path) for path in results},
        "versions": provenance.versions() | provenance.package(),
    }


def settings_of_the_run(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a completed configuration that change what the run makes.

    What the run does not name is left out, and so is how its work is shared.
    """
    used = {key: settings[key] for key in ("run", *OF_EVERY_RUN)}
    used["measure"] = {key: v for key, v in settings["measure"].items() if key != "parts"}
    for kind in ("materials", "models"):
        used[kind] = {name: settings[kind][name] for name in settings["run"][kind]}
    return used


def read_record(folder: Path) -> dict[str, Any]:
    """Read the record in a folder.

    Raises
    ------
    InputError
        If there is none, or it is not one of this version of the format.
    """
    path = folder / RECORD
    try:
        found = read_json(path)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path}: expected the record that a finished run writes, got {error}. Run "
            "'snakemake' to its end first, or name the folder of a published report."
        ) from error
    parts = ("configuration", "inputs", "results", "versions")
    told = isinstance(found, dict) and all(isinstance(found.get(part), dict) for part in parts)
    if not told or found.get("format") != FORMAT:
        raise InputError(
            f"{path}: expected a record in the format {FORMAT!r}, got another one. Run "
            "'snakemake' to its end to write it."
        )
    return dict(found)


def changed_files(recorded: Mapping[str, str]) -> dict[str, str]:
    """Return the recorded files that are no longer what they were, each with what is wrong."""
    wrong = {}
    for name, expected in recorded.items():
        path = Path(name)
        if not path.is_file():
            wrong[name] = "missing"
        elif file_hash(path) != expected:
            wrong[name] = "changed"
    return wrong


def differing_keys(ours: Any, theirs: Any, key: str = "") -> list[str]:
    """Return the keys, dotted, whose values differ."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        return [
            found
            for name in sorted(ours.keys() | theirs.keys())
            for found in differing_keys(
                ours.get(name), theirs.get(name), f"{key}.{name}" if key else str(name)
            )
        ]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [
            found
            for number, pair in enumerate(zip(ours, theirs, strict=True))
            for found in differing_keys(*pair, f"{key}.{number}")
        ]
    return [] if ours == theirs else [key]


def compare_numbers(ours: pd.DataFrame, theirs: pd.DataFrame, tolerance: float) -> pd.DataFrame:
    """Compare the means of measurements.

    Parameters
    ----------
    ours, theirs : DataFrame
        Tables of measurements, see `matvir.measurement.tables.read_metrics`.
    tolerance : float
        Difference of two means, relative to theirs, that is allowed besides
        ``STANDARD_ERRORS`` standard errors of the difference.

    Returns
    -------
    DataFrame
        One line per quantity that either has: the two means, the difference that is allowed, and
        whether it holds.
    """
    merged = (
        _means(ours).add_suffix(" ours").join(_means(theirs).add_suffix(" theirs"), how="outer")
    )
    error = np.hypot(merged["error ours"], merged["error theirs"])
    allowed = tolerance * merged["mean theirs"].abs() + STANDARD_ERRORS * error
    difference = (merged["mean ours"] - merged["mean theirs"]).abs()
    table = pd.DataFrame(
        {
            "ours": merged["mean ours"],
            "published": merged["mean theirs"],
            "allowed": allowed,
            "holds": difference <= allowed,
        }
    )
    return table.reset_index()


def _means(table: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of each quantity over samples, and its standard error, 0 of one sample."""
    table = table.assign(dimension=dimensions(table["sample"])).dropna(subset=["value"])
    groups = table.groupby(KEYS, sort=False)["value"]
    error: pd.Series = groups.std(ddof=1).fillna(0.0) / np.sqrt(groups.count())
    return pd.DataFrame({"mean": groups.mean(), "error": error})


def verify(report: Path, published: Path | None, tolerance: float) -> list[str]:
    """Check the results of a run, and compare them with published ones.

    Parameters
    ----------
    report : Path
        Folder of the report, with the record of the run.
    published : Path, optional
        Such a folder of someone else.
    tolerance : float
        See `compare_numbers`.

    Returns
    -------
    list of str
        What was found, line by line.

    Raises
    ------
    InputError
        With all that was found, if a file is not what the run recorded, or if images, settings or
        numbers are not those that were published.
    """
    ours = read_record(report)
    wrong = changed_files(ours["results"])
    said = [f"{len(ours['results']) - len(wrong)} of {len(ours['results'])} files as recorded"]
    faults = [f"{name}: {what} since the run" for name, what in wrong.items()]
    if published is not None:
        theirs = read_record(published)
        more, other = _against(ours, theirs, report, published, tolerance)
        said, faults = said + more, faults + other
    if faults:
        raise InputError("\n  ".join(["the results could not be verified:", *faults, *said]))
    return said


def _against(
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    report: Path,
    published: Path,
    tolerance: float,
) -> tuple[list[str], list[str]]:
    """Return what was found beside a published record, and what of it is wrong."""
    faults = [
        f"{name}: another image than the published one"
        for name in differing_keys(ours["inputs"], theirs["inputs"])
    ]
    faults += [
        f"{key}: set otherwise than in the published run"
        for key in differing_keys(ours["configuration"], theirs["configuration"])
        if key.rpartition(".")[2] not in PATHS
    ]
    if theirs["results"].get(f"{report}/{METRICS}") != file_hash(published / METRICS):
        faults.append(f"{published / METRICS}: not the one that was recorded beside it")
    versions = differing_keys(ours["versions"], theirs["versions"])
    table = compare_numbers(
        read_metrics(report / METRICS), read_metrics(published / METRICS), tolerance
    )
    for row in table[~table["holds"]].itertuples():
        name = " ".join(str(getattr(row, key)) for key in KEYS if getattr(row, key) != "")
        faults.append(
            f"{name}: {row.ours:.4g}, published {row.published:.4g}, allowed +-{row.allowed:.2g}"
        )
    shared = ours["results"].keys() & theirs["results"].keys()
    equal = sum(ours["results"][name] == theirs["results"][name] for name in shared)
    return [
        f"{equal} of {len(theirs['results'])} files equal the published ones to the last bit",
        f"{int(table['holds'].sum())} of {len(table)} numbers within {tolerance:.1%} and "
        f"{STANDARD_ERRORS:g} standard errors of the published ones",
        f"other versions: {', '.join(versions) or 'none'}",
    ], faults
