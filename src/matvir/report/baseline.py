"""How a model stands beside the classical one, Gaussian fields that are cut at thresholds."""

from collections.abc import Sequence

import pandas as pd

from matvir.comparison.tables import KEY
from matvir.report.results import Run
from matvir.report.wording import metric_name, percent

KIND = "gaussian-field"
# What correlations of each phase with itself do not determine; surface area is the slope of theirs.
PROPERTIES = ("tpb_density", "relative_diffusivity")


def baseline_sentences(run: Run, runs: Sequence[Run]) -> list[str]:
    """Say whether a model is closer to the material than Gaussian fields are.

    Of several such models the first of the run's seed is taken, else the first.

    Parameters
    ----------
    run : Run
        The model's.
    runs : sequence of Run
        All of the material.

    Returns
    -------
    list of str
        Two sentences at most; none without such fields, of themselves, and where both have no
        statistic in common.
    """
    fields = [other for other in runs if _made_of_fields(other)]
    if not fields or _made_of_fields(run):
        return []
    baseline = min(fields, key=lambda other: other.seed != run.seed)
    both = run.tables["comparison"].merge(
        baseline.tables["comparison"], on=KEY, suffixes=("", "_fields")
    )
    judged = both[both["w1_over_sd"].notna() & both["w1_over_sd_fields"].notna()]
    if judged.empty:
        return []
    closer = int((judged["w1_over_sd"] < judged["w1_over_sd_fields"]).sum())
    found = [
        f"In {closer} of {len(judged)} statistics this model is closer to the material than "
        f"Gaussian fields with its fractions and two-point correlations ({baseline.name})."
    ]
    errors = [fact for metric in PROPERTIES for fact in _errors(both, metric)]
    if errors:
        found.append(f"Largest errors, this model's and those of the fields: {'; '.join(errors)}.")
    return found


def _made_of_fields(run: Run) -> bool:
    return bool(run.config["config"]["kind"] == KIND)


def _errors(both: pd.DataFrame, metric: str) -> list[str]:
    """Return the largest relative error of a property on both sides, if both have it."""
    columns = ["relative_difference", "relative_difference_fields"]
    found = both.loc[both["metric"] == metric, columns].dropna().abs()
    if found.empty:
        return []
    ours, theirs = (percent(found[column].max()) for column in columns)
    return [f"{metric_name(metric)} {ours} and {theirs}"]
