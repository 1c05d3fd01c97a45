"""The comparison in plain words: what agrees, what does not, and what nobody can say."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from matvir.comparison.memorisation import memorisation_verdict
from matvir.comparison.tables import agreement
from matvir.report.baseline import baseline_sentences
from matvir.report.classifier import classifier_sentences, classifier_tile
from matvir.report.results import Material, Run
from matvir.report.wording import (
    axis_name,
    dimension_name,
    dimension_title,
    metric_name,
    number,
    percent,
)

# Below this ratio of the standard deviations, samples vary clearly less than real ones.
NARROW = 0.6
N_WORST = 3
# What is named first, of phases and of images that keep their values.
FRACTION, MEAN = "volume_fraction", "mean_value"


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One headline number with what it says."""

    value: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Headline numbers and sentences on one run."""

    tiles: list[Tile]
    sentences: list[str]


def verdict(material: Material, run: Run) -> Verdict:
    """Judge one run against the real material."""
    table = _compared(run.tables["comparison"])
    copied = memorisation_verdict(run.tables["memorisation"])[1]
    within, judged = agreement(run.tables["comparison"])
    labelled = material.kind.labelled
    first = table[table["metric"] == (FRACTION if labelled else MEAN)]
    what = "a volume fraction" if labelled else "a mean value"
    of = "S₂ error over the fraction" if labelled else "autocovariance error over the variance"
    told, telling = classifier_tile(run.tables["classifier"])
    tiles = [
        Tile(value=_largest(first["difference"]), label=f"largest error of {what}"),
        Tile(value=_s2_error(run.tables["s2"]), label=f"largest {of}"),
        Tile(
            value=f"{within} of {judged}",
            label="statistics as close as real data to real data",
        ),
        Tile(value=told, label=telling),
        Tile(
            value={True: "suspected", False: "no sign", None: "not judged"}[copied],
            label="copying of the training image",
        ),
    ]
    sentences = [
        *_dimension_sentences(material, run, table),
        *_worst_sentence(table),
        *_detectable_sentence(table),
        *_spread_sentence(table),
        *classifier_sentences(run.tables["classifier"]),
        *baseline_sentences(run, material.runs),
        memorisation_verdict(run.tables["memorisation"])[0],
    ]
    return Verdict(tiles=tiles, sentences=sentences)


def _compared(comparison: pd.DataFrame) -> pd.DataFrame:
    """Pick the rows where real and generated means exist."""
    return comparison[comparison["difference"].notna()]


def _largest(differences: pd.Series) -> str:
    return number(differences.abs().max(), 2) if len(differences) else "not compared"


def _s2_error(s2: pd.DataFrame) -> str:
    error = s2["max_error_over_fraction"].max()
    return "not compared" if np.isnan(error) else percent(error)


def _dimension_sentences(material: Material, run: Run, table: pd.DataFrame) -> list[str]:
    sentences = []
    for dimension in sorted(set(table["dimension"])):
        rows = table[table["dimension"] == dimension]
        curves = run.tables["s2"][run.tables["s2"]["dimension"] == dimension]
        facts = [*_fraction_fact(rows), *_s2_fact(curves, material), *_density_facts(rows)]
        if facts:
            sentences.append(f"{dimension_title(dimension)}, {_listed(facts)}.")
    if run.volume is None:
        sentences.append("The model makes 2D images: nothing is known of volumes.")
    elif material.reference is None:
        sentences.append(
            "The real material is known in 2D only: the three-dimensional properties of the "
            "generated volumes are shown but have no reference."
        )
    return sentences


def _fraction_fact(rows: pd.DataFrame) -> list[str]:
    found = rows[rows["metric"].isin((FRACTION, MEAN))]
    if found.empty:
        return []
    worst = found.iloc[int(found["difference"].abs().argmax())]
    what = "mean volume fractions" if worst["metric"] == FRACTION else "mean values"
    return [f"{what} differ by up to {number(abs(worst['difference']), 2)} ({worst['phase']})"]


def _s2_fact(curves: pd.DataFrame, material: Material) -> list[str]:
    errors = curves["max_error_over_fraction"]
    if errors.isna().all():
        return []
    worst = curves.iloc[int(errors.argmax())]
    what, share = "two-point correlations", "fraction"
    if not material.kind.labelled:
        what, share = "autocovariances", "variance"
    return [
        f"mean {what} by up to {percent(worst['max_error_over_fraction'])} of the {share} "
        f"({worst['phase']}, {axis_name(worst['axis'])})"
    ]


def _density_facts(rows: pd.DataFrame) -> list[str]:
    """State the largest relative difference of what a materials scientist asks for first."""
    facts = []
    for metric in ("tpb_density", "specific_surface_area", "relative_diffusivity"):
        found = rows[(rows["metric"] == metric) & rows["relative_difference"].notna()]
        if found.empty:
            continue
        worst = found.iloc[int(found["relative_difference"].abs().argmax())]
        share = percent(worst["relative_difference"], sign=True)
        if len(found) == 1:
            facts.append(f"the {metric_name(metric)} by {share}")
        else:
            facts.append(f"the {metric_name(metric)} by up to {share} ({_place(worst)})")
    return facts


def _worst_sentence(table: pd.DataFrame) -> list[str]:
    """Name what is furthest from the real data, in multiples of the floor."""
    ratio = (table["w1_over_sd"] / table["w1_floor"]).replace(np.inf, np.nan).dropna()
    ratio = ratio[table.loc[ratio.index, "w1_over_sd"] > table.loc[ratio.index, "w1_floor_high"]]
    if ratio.empty:
        return []
    chosen = table.assign(ratio=ratio).loc[ratio.nlargest(N_WORST).index]
    worst = [
        f"{metric_name(row['metric'])} of {_place(row)} in {dimension_name(row['dimension'])} "
        f"({number(row['w1_over_sd'], 2)} real standard deviations, "
        f"{number(row['ratio'], 2)} times the floor)"
        for _, row in chosen.iterrows()
    ]
    return [f"What differs most: {'; '.join(worst)}."]


def _detectable_sentence(table: pd.DataFrame) -> list[str]:
    """State how small a difference these numbers of samples would show, of the worst phase."""
    known = table[table["detectable_difference"].notna() & table["mean_real"].abs().gt(0)]
    if known.empty:
        return []
    # Volumes where there are any: the properties that one wants are theirs.
    dimension = "3d" if (known["dimension"] == "3d").any() else known["dimension"].min()
    known = known[known["dimension"] == dimension]
    share = known["detectable_difference"] / known["mean_real"].abs()
    found = []
    for metric in (FRACTION, MEAN, "specific_surface_area", "perimeter_density", "tpb_density"):
        rows, shares = known[known["metric"] == metric], share[known["metric"] == metric]
        if len(rows) and shares.max() >= 5e-4:  # values that hardly vary would read 0.0 %
            phase = rows["phase"].iloc[int(shares.argmax())]
            whose = "" if phase == "all" else f" of {phase}"
            found.append(f"{metric_name(metric)}{whose} by {percent(shares.max())}")
    if not found:
        return []
    first = known.iloc[0]
    what = "volumes" if dimension == "3d" else "slices"
    n_real, worth = int(first["n_real"]), first["effective_n_real"]
    of_them = f" (worth {worth:.0f} independent ones)" if round(worth) < n_real else ""
    return [
        f"With {n_real} real{of_them} and {int(first['n_generated'])} generated {what}, a change "
        f"of the {' or the '.join(found)} would be noticed in 80 of 100 comparisons; smaller ones "
        "may be missed."
    ]


def _spread_sentence(table: pd.DataFrame) -> list[str]:
    ratio = table["sd_ratio"].median()
    if np.isnan(ratio):
        return []
    text = f"Generated samples vary {number(ratio, 2)} times as much as real ones (median ratio)"
    if ratio < NARROW:
        return [f"{text}: they are too much alike, a sign of mode collapse."]
    return [f"{text}."]


def _place(row: pd.Series) -> str:
    phase = "all phases" if row["phase"] == "all" else row["phase"].replace("+", " and ")
    return phase if row["axis"] == "all" else f"{phase} along {axis_name(row['axis'])}"


def _listed(facts: list[str]) -> str:
    return facts[0] if len(facts) == 1 else f"{', '.join(facts[:-1])} and {facts[-1]}"
