"""How sure a property of the material is that generated volumes show: value, interval, and why.

A model learns from one micrograph, so its volumes cannot know the material better than that does.
What makes the mean over its volumes differ from the material's property is added up as variances:

volumes
    There are only so many of them: s^2 / n, s being the standard deviation over volumes.
training
    Another training would have ended elsewhere: the variance of the means of seeds, over their
    number; unknown where there is one seed.
micrograph
    Another micrograph of the same size would have shown other fractions and shapes. Over volumes
    of one size a property varies by s and the fraction of a phase by s_phi. A micrograph tells that
    fraction to a standard error e (Lu and Torquato, J. Chem. Phys. 93 (1990) 3452), so it stands
    for as much of the material as (s_phi / e)^2 volumes, and tells the property to s e / s_phi.
    That takes variances of averages to fall alike for all properties with the material that is
    seen.
segmentation
    Thresholds could lie a little elsewhere: the change of fractions with them times the slope of
    the property over the fractions of the volumes.

How well a model keeps shapes is not among them: that is what the comparison with real samples says.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student_t

from matvir.measurement.tables import dimensions
from matvir.metrics import SHARES, SIGNED

Floats = NDArray[np.float64]

INTERVAL_COLUMNS = (
    "metric",
    "phase",
    "axis",
    "unit",
    "n_seeds",
    "n_volumes",
    "value",
    "low",
    "high",
    "sd_volumes",
    "sd_training",
    "sd_micrograph",
    "sd_segmentation",
    "times_to_halve",
    "note",
)
PARTS = ("volumes", "training", "micrograph", "segmentation")
FRACTION = "volume_fraction"
AXES, MEAN = ("0", "1", "2"), "mean"
# With fewer volumes a slope over their fractions says nothing.
FEWEST_VOLUMES = 6
# Volumes whose fractions vary less were made with given fractions.
LEAST_SPREAD = 1e-3


def property_intervals(
    seeds: Sequence[pd.DataFrame],
    fraction_errors: Mapping[str, float],
    sensitivity: Mapping[str, Mapping[str, float]],
    *,
    isotropic: bool,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return every property of the volumes of one model with its interval and what makes it.

    Parameters
    ----------
    seeds : sequence of DataFrame
        Tidy measurements of the volumes of each training seed (columns of
        :data:`matvir.measurement.tables.COLUMNS`).
    fraction_errors : mapping of str to float
        Standard error of each phase's volume fraction, as the micrograph alone tells it.
    sensitivity : mapping of str to mapping
        Change of each phase's volume fraction with each change of the thresholds; empty if the
        micrograph was not segmented by thresholds.
    isotropic : bool
        Whether all axes of the material are alike: then the mean over the axes of a volume counts,
        and the axis is ``mean``.
    confidence : float
        Probability that the interval is to hold the property of the material, in 0 .. 1.

    Returns
    -------
    DataFrame
        A row for each metric, phase and axis, with the columns ``INTERVAL_COLUMNS``; the standard
        deviations are in ``unit``. ``times_to_halve`` is how many times the pixels of the
        micrograph, and the volumes, would halve the interval; NaN if none would. ``note`` says what
        is not known; a part that is not known does not count in the interval. Without volumes there
        is no row.
    """
    volumes = [table[dimensions(table["sample"]) == "3d"] for table in seeds]
    tables = [table for table in volumes if len(table)]
    if not tables:
        return pd.DataFrame(columns=list(INTERVAL_COLUMNS))
    every = pd.concat([table.assign(of_seed=seed) for seed, table in enumerate(tables)])
    fractions = _fractions(every)
    if isotropic:
        every = _mean_of_axes(every)
    rows = [
        _row(group, fractions, fraction_errors, sensitivity, confidence)
        | dict(zip(("metric", "phase", "axis", "unit"), map(str, key), strict=True))
        for key, group in every.groupby(["metric", "phase", "axis", "unit"], sort=True)
    ]
    return pd.DataFrame(rows, columns=list(INTERVAL_COLUMNS))


def sensitivity_of(summary: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return the change of each phase's fraction with each change of thresholds.

    Parameters
    ----------
    summary : mapping
        What the segmentation says of one micrograph, or of several planes by their names.

    Returns
    -------
    dict of str to dict
        By phase; empty without thresholds.
    """
    found: dict[str, dict[str, float]] = {}
    planes = {"": summary} if "sensitivity" in summary else summary
    for plane, one in planes.items():
        for phase, changes in (one["sensitivity"] or {}).items():
            named = {f"{plane} {change}": by for change, by in changes.items()}
            found.setdefault(phase, {}).update(named)
    return found


def fraction_errors(
    intervals: Mapping[str, Mapping[str, tuple[float, float]]], confidence: float
) -> dict[str, float]:
    """Return the standard error of each phase's volume fraction that all micrographs tell together.

    It is half of the interval over the normal quantile: more than the root of the variance where an
    image holds few features, as its interval allows for how little it tells of the variance.

    Parameters
    ----------
    intervals : mapping
        (low, high) of each phase's fraction, by dimension and phase, as
        :func:`matvir.measurement.representativity.limits` returns them; those of 2D images count.
    confidence : float
        Of the intervals.

    Returns
    -------
    dict of str to float
        By phase; a phase whose interval no image tells is left out.
    """
    quantile = float(student_t.ppf((1 + confidence) / 2, np.inf))
    found: dict[str, float] = {}
    images = [of_image for name, of_image in intervals.items() if name.startswith("2d")]
    for phase in {phase for of_image in images for phase in of_image}:
        pairs = [of_image[phase] for of_image in images if phase in of_image]
        errors = [(high - low) / 2 / quantile for low, high in pairs]
        weights = [1 / error**2 for error in errors if error > 0]
        if weights:
            found[phase] = float(np.sum(weights) ** -0.5)
    return found


def _fractions(every: pd.DataFrame) -> pd.DataFrame:
    """Return the volume fractions of each volume, a column for each phase."""
    rows = every[(every["metric"] == FRACTION) & every["value"].notna()]
    return rows.pivot_table(index=["of_seed", "sample"], columns="phase", values="value")


def _mean_of_axes(every: pd.DataFrame) -> pd.DataFrame:
    """Return measurements with the mean over the axes in place of what is measured along each."""
    renamed = every.assign(axis=every["axis"].where(~every["axis"].isin(AXES), MEAN))
    key = ["of_seed", "sample", "metric", "phase", "axis", "unit"]
    # A volume that has no value along one axis has no mean.
    values = renamed.groupby(key, sort=False)["value"].agg(lambda one: one.mean(skipna=False))
    return values.reset_index()


def _row(
    group: pd.DataFrame,
    fractions: pd.DataFrame,
    errors: Mapping[str, float],
    sensitivity: Mapping[str, Mapping[str, float]],
    confidence: float,
) -> dict[str, object]:
    """Return what is known of one property."""
    known = group.dropna(subset="value").set_index(["of_seed", "sample"])["value"]
    row: dict[str, object] = dict.fromkeys(INTERVAL_COLUMNS, np.nan)
    row |= {"n_volumes": len(known), "n_seeds": known.index.get_level_values(0).nunique()}
    missing = len(group) - len(known)
    notes = [f"{missing} of {len(group)} volumes without a value"] if missing else []
    if len(known) < 2:
        return row | {"note": "; ".join([*notes, "fewer than two volumes: no interval"])}
    means = known.groupby("of_seed").mean()
    value = float(means.mean())
    freedom = len(known) - len(means)
    spread = float(np.sqrt(known.groupby("of_seed").var(ddof=1).fillna(0.0).mean()))
    parts = {"volumes": spread / np.sqrt(len(known))}
    parts["training"], note = _training(means, spread**2 / (len(known) / len(means)))
    notes.append(note)
    chosen = fractions.reindex(known.index).dropna()
    phases = _phases(str(group["phase"].iloc[0]), list(fractions.columns))
    parts["micrograph"], note = _micrograph(spread, chosen, phases, errors)
    notes.append(note)
    parts["segmentation"], note = _segmentation(known, chosen, sensitivity)
    notes.append(note)
    variances = {name: sd**2 for name, sd in parts.items() if np.isfinite(sd)}
    half = float(student_t.ppf((1 + confidence) / 2, max(freedom, 1))) * np.sqrt(
        sum(variances.values())
    )
    low, high = _possible(str(group["metric"].iloc[0]), value - half, value + half)
    row |= {f"sd_{name}": sd for name, sd in parts.items()}
    row |= {"value": value, "low": low, "high": high, "note": "; ".join(n for n in notes if n)}
    return row | {"times_to_halve": _to_halve(variances)}


def _training(means: pd.Series, of_volumes: float) -> tuple[float, str]:
    """Return the standard deviation of the mean of seeds beyond that of their few volumes."""
    if len(means) < 2:
        return np.nan, "one seed: what another training would give is not known"
    beyond = max(float(means.var(ddof=1)) - of_volumes, 0.0)
    return float(np.sqrt(beyond / len(means))), ""


def _phases(text: str, names: Sequence[str]) -> list[str]:
    """Return the phases that a property is of; all of them if it names none."""
    named = [name for name in text.split("+") if name in names]
    return named or list(names)


def _micrograph(
    spread: float, fractions: pd.DataFrame, phases: Sequence[str], errors: Mapping[str, float]
) -> tuple[float, str]:
    """Return the standard deviation of a property over micrographs of the size of the one."""
    if not phases:
        return np.nan, "what another micrograph would give is known of phases alone"
    if not set(phases) <= set(errors):
        return np.nan, "what another micrograph would give is not known: it is too small to tell"
    spreads = fractions[list(phases)].std(ddof=1)
    if len(fractions) < 2 or (spreads < LEAST_SPREAD).any():
        return np.nan, "volumes of given fractions do not tell what another micrograph would give"
    return spread * max(errors[phase] / spreads[phase] for phase in phases), ""


def _segmentation(
    known: pd.Series, fractions: pd.DataFrame, sensitivity: Mapping[str, Mapping[str, float]]
) -> tuple[float, str]:
    """Return the largest change of a property with the thresholds, by its slope over fractions."""
    if not sensitivity:
        return np.nan, ""
    if len(fractions) < FEWEST_VOLUMES:
        return np.nan, f"fewer than {FEWEST_VOLUMES} volumes do not tell how thresholds matter"
    centred = fractions - fractions.mean()
    values = known.loc[fractions.index] - known.loc[fractions.index].mean()
    slopes, *_ = np.linalg.lstsq(centred.to_numpy(), values.to_numpy(), rcond=1e-6)
    variants = {name for change in sensitivity.values() for name in change}
    changes = [
        [sensitivity.get(phase, {}).get(variant, 0.0) for phase in fractions.columns]
        for variant in sorted(variants)
    ]
    return float(np.abs(np.asarray(changes) @ slopes).max()), ""


def _possible(metric: str, low: float, high: float) -> tuple[float, float]:
    """Return an interval without values that a property cannot have."""
    if metric not in SIGNED:
        low = max(low, 0.0)
    if metric in SHARES:
        high = min(high, 1.0)
    return low, high


def _to_halve(variances: Mapping[str, float]) -> float:
    """Return how many times the pixels of the micrograph, and the volumes, halve the interval."""
    falling = variances.get("micrograph", 0.0) + variances["volumes"]
    total = sum(variances.values())
    left = total / 4 - (total - falling)
    return falling / left if left > 0 else np.nan
