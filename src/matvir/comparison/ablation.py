"""What normalisation, spectral normalisation and batch size do to a GAN of 2D images.

The question is that of a report on such GANs: is batch normalisation better than instance
normalisation once a batch has more than 16 images?
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from matvir.errors import InputError
from matvir.settings.build import from_dict
from matvir.settings.models import Gan2dNetworkConfig, ModelConfig
from matvir.settings.objectives import Gan2dConfig

KEY = ["material", "model", "seed"]
FACTORS = ["normalisation", "spectral_norm", "batch"]
DISTANCES = ("pixel_distance", "s2_distance")
RATIOS = (*DISTANCES, "gradient_energy")
# Of the report's finding.
LARGE_BATCH = 16
# Diversity that a setting has to keep before its quality counts.
DIVERSE = 0.8


def ablation_table(
    runs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]],
    comparison: pd.DataFrame,
    s2: pd.DataFrame,
    diversity: pd.DataFrame,
) -> pd.DataFrame:
    """Return a row for each run: its factors, its quality and its diversity.

    Parameters
    ----------
    runs : sequence of (mapping, mapping)
        Names of each run (``material``, ``model``, ``seed``) and the settings of its model.
    comparison, s2, diversity : DataFrame
        The tables of all materials, see `matvir.comparison.run.compare_run`.

    Returns
    -------
    DataFrame
        ``material``, ``model``, ``seed``, ``normalisation``, ``spectral_norm``, ``batch``; in
        percent the largest ``fraction_error`` of a phase (points) and the largest ``s2_error`` of
        a phase along an axis, over the fraction; generated over real ``pixel_distance``,
        ``s2_distance`` and ``gradient_energy`` (`matvir.comparison.diversity.diversity`). Sorted by
        the factors.

    Raises
    ------
    InputError
        If a run is not of a ``gan2d``, or the tables have no rows of it.
    """
    rows = []
    for names, settings in runs:
        of_run = [_of_run(table, names) for table in (comparison, s2, diversity)]
        if any(part.empty for part in of_run):
            raise InputError(f"the comparison has no rows of {dict(names)}. Compare again.")
        rows.append({**names, **_factors(settings), **_scores(*of_run)})
    return pd.DataFrame(rows).sort_values([*KEY[:1], *FACTORS, "seed"], ignore_index=True)


def _of_run(table: pd.DataFrame, names: Mapping[str, Any]) -> pd.DataFrame:
    return table[np.logical_and.reduce([table[key].astype(str) == str(names[key]) for key in KEY])]


def _factors(settings: Mapping[str, Any]) -> dict[str, Any]:
    model = from_dict(ModelConfig, settings)
    network, objective = model.network, model.training.objective
    if not (isinstance(network, Gan2dNetworkConfig) and isinstance(objective, Gan2dConfig)):
        raise InputError(f"expected a model of the kind gan2d, got one of {model.kind}.")
    return {
        "normalisation": network.normalisation,
        "spectral_norm": network.discriminator.spectral_norm,
        "batch": objective.batch,
    }


def _scores(comparison: pd.DataFrame, s2: pd.DataFrame, diversity: pd.DataFrame) -> dict[str, Any]:
    fractions = comparison[comparison["metric"] == "volume_fraction"]["difference"]
    ratios = diversity.groupby("statistic")["ratio"].min()
    return {
        "fraction_error": 100 * fractions.abs().max(),
        "s2_error": 100 * s2["max_error_over_fraction"].max(),
        **{name: ratios[name] for name in RATIOS},
    }


def finding(table: pd.DataFrame) -> list[str]:
    """Return what a table says, a sentence each: about each batch size, and which model is best.

    Parameters
    ----------
    table : DataFrame
        What `ablation_table` returned, of one material. Seeds of a model are averaged.
    """
    means = table.groupby(["model", *FACTORS], as_index=False)[["s2_error", *DISTANCES]].mean()
    return [*_normalisations(means.dropna(subset="s2_error")), _best(means)]


def _normalisations(means: pd.DataFrame) -> list[str]:
    """Compare models that differ in their normalisation alone."""
    by_factors = means.groupby(["batch", "spectral_norm", "normalisation"])["s2_error"].mean()
    pairs = by_factors.unstack()
    if not {"batch", "instance"} <= set(pairs.columns):
        return []
    sentences = []
    for batch, group in pairs.dropna().groupby(level="batch"):
        row = group.mean()
        better = "batch" if row["batch"] < row["instance"] else "instance"
        verdict = ""
        if int(str(batch)) > LARGE_BATCH:
            verdict = ", as reported" if better == "batch" else ", unlike what was reported"
        sentences.append(
            f"In batches of {batch} the two-point correlation is off by {row['batch']:.1f} % with "
            f"batch normalisation and by {row['instance']:.1f} % with instance normalisation: "
            f"{better} normalisation is better{verdict}."
        )
    return sentences


def _best(means: pd.DataFrame) -> str:
    diverse = means[means[list(DISTANCES)].min(axis=1) >= DIVERSE].dropna(subset="s2_error")
    if diverse.empty:
        return f"No model keeps {DIVERSE:.0%} of the real diversity."
    best = diverse.nsmallest(1, "s2_error").iloc[0]
    return (
        f"Of the models that keep {DIVERSE:.0%} of the real diversity, {best['model']} is best: "
        f"its two-point correlation is off by {best['s2_error']:.1f} %."
    )
