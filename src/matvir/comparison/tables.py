"""The comparison table: each statistic of generated samples against the same of real ones."""

import zlib
from collections.abc import Hashable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from matvir.comparison.groups import Groups, design_effect, sample_groups
from matvir.comparison.two_sample import (
    detectable_difference,
    holm,
    kolmogorov_smirnov,
    mean_difference_interval,
    wasserstein_floor,
    wasserstein_interval,
)
from matvir.errors import InputError
from matvir.measurement.representativity import FEW_SAMPLES, effective_sample_size
from matvir.measurement.tables import check_metrics, dimensions, no_reference
from matvir.settings.records import CompareConfig

Floats = NDArray[np.float64]

Intervals = Mapping[str, Mapping[str, tuple[float, float]]]

KEY = ["dimension", "metric", "phase", "axis"]
TABLE_COLUMNS = (
    *KEY,
    "unit",
    "n_real",
    "mean_real",
    "sd_real",
    "n_generated",
    "mean_generated",
    "sd_generated",
    "difference",
    "difference_low",
    "difference_high",
    "relative_difference",
    "detectable_difference",
    "sd_ratio",
    "w1_over_sd",
    "w1_low",
    "w1_high",
    "w1_floor",
    "w1_floor_high",
    "ks",
    "p",
    "p_holm",
    "effective_n_real",
    "fraction_low",
    "fraction_high",
    "note",
)
MIN_FOR_HALVES = 4


def agreement(comparison: pd.DataFrame) -> tuple[int, int]:
    """Return how many statistics are as close as more real data would be, and of how many."""
    table = comparison[comparison["difference"].notna()]
    within = table["w1_over_sd"] <= table["w1_floor_high"]
    return int(within.sum()), int(table["w1_floor_high"].notna().sum())


def compare_tables(
    real: pd.DataFrame,
    generated: pd.DataFrame,
    config: CompareConfig,
    *,
    observations: Mapping[str, float] | None = None,
    fraction_intervals: Intervals | None = None,
) -> pd.DataFrame:
    """Compare every statistic of generated samples with the same of real ones.

    Parameters
    ----------
    real, generated : DataFrame
        Tidy measurements (columns of :data:`matvir.measurement.tables.COLUMNS`) of one material's
        real data and of one trained model. What their samples are named tells the dimension
        (:data:`matvir.measurement.tables.DIMENSIONS`).
    config : CompareConfig
        Numbers of resamples, confidence and seed.
    observations : mapping, optional
        Independent observations that the real images hold, by dimension
        (:func:`matvir.measurement.representativity.effective_sample_size`).
    fraction_intervals : mapping, optional
        Confidence intervals of the real material's volume fractions, from the real image alone,
        by dimension and phase.

    Returns
    -------
    DataFrame
        One row per (dimension, metric, phase, axis), of the dimensions of the generated samples,
        with the columns ``TABLE_COLUMNS``: number, mean and standard deviation (n - 1) of both
        sides; ``difference`` of the means (generated minus real, in ``unit``) with its bootstrap
        interval, ``relative_difference`` (over the real mean's absolute value);
        ``detectable_difference`` (in ``unit``; the smallest that would be noticed, see
        :func:`matvir.comparison.two_sample.detectable_difference`); ``sd_ratio`` (generated over
        real; far below 1: mode collapse); ``w1_over_sd`` (Wasserstein-1 distance over the real sd)
        with interval; ``w1_floor`` and ``w1_floor_high``, the mean and the upper end of what real
        data has to more real data; Kolmogorov-Smirnov ``ks``, ``p`` and, corrected
        over all rows, ``p_holm``; for volume fractions ``fraction_low`` and ``fraction_high`` of
        ``fraction_intervals``. What could not be computed is NaN and ``note`` says why.

    Raises
    ------
    InputError
        If columns are missing, names of samples tell no dimension, or units contradict each other.
    """
    sides = {
        "real": _with_dimension(real, "real measurements"),
        "generated": _with_dimension(generated, "generated measurements"),
    }
    present, made = (set(side["dimension"]) for side in sides.values())
    counts = sides["real"].groupby("dimension")["sample"].nunique()
    effective = {
        name: effective_sample_size(int(counts.get(name, 0)), observations or {}, name)
        for name in sorted(present)
    }
    groups = {side: _by_key(table) for side, table in sides.items()}
    empty = sides["real"].iloc[:0]
    rows = [
        _compare_row(
            key,
            groups["real"].get(key, empty),
            groups["generated"].get(key, empty),
            config,
            reference=key[0] in present,
            effective_n=effective.get(key[0], np.nan),
        )
        for key in sorted(groups["real"].keys() | groups["generated"].keys())
        if key[0] in made  # of models of 2D images nothing is missing in 3D
    ]
    table = pd.DataFrame(rows, columns=list(TABLE_COLUMNS))
    table["p_holm"] = holm(table["p"].to_numpy(dtype=float))
    for index, row in table[table["metric"] == "volume_fraction"].iterrows():
        interval = (fraction_intervals or {}).get(row["dimension"], {}).get(row["phase"])
        if interval is not None:
            table.loc[index, ["fraction_low", "fraction_high"]] = interval
    return table


def row_generator(seed: int, key: Hashable) -> np.random.Generator:
    """Return a generator that depends on the seed and on one row alone.

    Thus a row's interval does not change when other rows come or go.
    """
    return np.random.default_rng([seed, zlib.crc32(repr(key).encode())])


def _with_dimension(table: pd.DataFrame, source: str) -> pd.DataFrame:
    table = check_metrics(table, source)
    return table.assign(dimension=dimensions(table["sample"]))


def _by_key(table: pd.DataFrame) -> dict[tuple[str, ...], pd.DataFrame]:
    return {tuple(map(str, key)): rows for key, rows in table.groupby(KEY)}


def _compare_row(
    key: tuple[str, ...],
    real: pd.DataFrame,
    generated: pd.DataFrame,
    config: CompareConfig,
    *,
    reference: bool,
    effective_n: float,
) -> dict[str, object]:
    row: dict[str, object] = dict.fromkeys(TABLE_COLUMNS, np.nan)
    row.update(zip(KEY, key, strict=True), unit=_unit(key, real, generated))
    notes = [
        _missing_note("real", real) if reference else no_reference(key[0]),
        _missing_note("generated", generated),
    ]
    known = [side.dropna(subset="value") for side in (real, generated)]
    x, y = (side["value"].to_numpy(dtype=float) for side in known)
    for name, values in (("real", x), ("generated", y)):
        row[f"n_{name}"] = len(values)
        row[f"mean_{name}"] = values.mean() if len(values) else np.nan
        row[f"sd_{name}"] = values.std(ddof=1) if len(values) > 1 else np.nan
    if len(x) and len(y):
        groups = sample_groups(known[0]["sample"]), sample_groups(known[1]["sample"])
        notes += _compare_values(row, x, y, groups, config, effective_n)
    row["note"] = "; ".join(note for note in notes if note)
    return row


def _unit(key: tuple[str, ...], real: pd.DataFrame, generated: pd.DataFrame) -> str:
    units = sorted({*real["unit"], *generated["unit"]})
    if len(units) > 1:
        raise InputError(
            f"{' '.join(key)}: expected one unit in the real and the generated measurements, "
            f"got {units}. Give both the same voxel size and measure again."
        )
    return units[0]


def _missing_note(side: str, rows: pd.DataFrame) -> str:
    """Say how many values are missing and the most frequent reason."""
    missing = rows[rows["value"].isna()]
    if rows.empty:
        return f"{side}: not measured"
    if missing.empty:
        return ""
    reason = missing["note"].mode().iloc[0] or "no reason given"
    return f"{side}: {len(missing)} of {len(rows)} values missing ({reason})"


def _compare_values(
    row: dict[str, object],
    x: Floats,
    y: Floats,
    groups: tuple[Groups, Groups],
    config: CompareConfig,
    effective_n: float,
) -> list[str]:
    """Fill what compares real ``x`` with generated ``y``; return notes on what stays empty."""
    row["effective_n_real"] = effective_n
    difference = y.mean() - x.mean()
    row["difference"] = difference
    if x.mean() != 0:
        row["relative_difference"] = difference / abs(x.mean())
    if min(len(x), len(y)) < 2:
        return ["one sample only: no spread, interval or test"]
    rng = row_generator(config.seed, tuple(row[name] for name in KEY))
    row["difference_low"], row["difference_high"] = mean_difference_interval(
        x,
        y,
        confidence=config.confidence,
        resamples=config.bootstrap_samples,
        rng=rng,
        groups=groups,
    )
    notes = _distances(row, x, y, groups, config, rng)
    return notes + _test(row, x, y, groups, effective_n)


def _distances(
    row: dict[str, object],
    x: Floats,
    y: Floats,
    groups: tuple[Groups, Groups],
    config: CompareConfig,
    rng: np.random.Generator,
) -> list[str]:
    """Fill the ratio of the sds and the Wasserstein columns, in units of the real sd."""
    from scipy.stats import wasserstein_distance

    sd = x.std(ddof=1)
    # Equal values may keep a spread of the size of their rounding.
    if sd <= 1e-12 * max(1e-300, np.abs(x).max()):
        return ["all real values are equal: no distance in units of their sd"]
    row["sd_ratio"] = y.std(ddof=1) / sd
    row["w1_over_sd"] = wasserstein_distance(x, y) / sd
    low, high = wasserstein_interval(
        x,
        y,
        confidence=config.confidence,
        resamples=config.bootstrap_samples,
        rng=rng,
        groups=groups,
    )
    row["w1_low"], row["w1_high"] = low / sd, high / sd
    if len(np.unique(groups[0])) < MIN_FOR_HALVES:
        return [f"fewer than {MIN_FOR_HALVES} real samples: no real-against-real floor"]
    # What the generated values are worth, in real ones.
    worth = len(y) * design_effect(x, groups[0]) / design_effect(y, groups[1])
    floor = wasserstein_floor(x, worth, repeats=config.bootstrap_samples, rng=rng, groups=groups[0])
    floor = floor / sd
    row["w1_floor"] = floor.mean()
    row["w1_floor_high"] = np.quantile(floor, config.confidence)
    return []


def _test(
    row: dict[str, object],
    x: Floats,
    y: Floats,
    groups: tuple[Groups, Groups],
    effective_n: float,
) -> list[str]:
    """Fill the Kolmogorov-Smirnov columns; what needs samples enough only if there are."""
    row["ks"], p = kolmogorov_smirnov(x, y, groups)
    if not effective_n >= FEW_SAMPLES:
        count = "unknown" if np.isnan(effective_n) else f"about {effective_n:.0f}"
        return [f"no test: {count} independent real samples, fewer than {FEW_SAMPLES}"]
    row["p"] = p
    row["detectable_difference"] = detectable_difference(
        x,
        y,
        effective_n_real=min(effective_n, len(x) / design_effect(x, groups[0])),
        effective_n_generated=len(y) / design_effect(y, groups[1]),
    )
    return []
