"""Correlation curves of generated samples against those of real ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from matvir.comparison.groups import Groups, halved
from matvir.comparison.tables import MIN_FOR_HALVES, row_generator
from matvir.comparison.two_sample import floor_scale, holm, maximum_mean_discrepancy
from matvir.errors import InputError
from matvir.measurement.representativity import FEW_SAMPLES, effective_sample_size
from matvir.measurement.tables import no_reference
from matvir.settings.records import CompareConfig

Floats = NDArray[np.float64]

CURVE_COLUMNS = (
    "dimension",
    "phase",
    "axis",
    "n_real",
    "n_generated",
    "fraction_real",
    "mean_absolute_error",
    "mean_absolute_error_floor",
    "max_error_over_fraction",
    "max_error_lag",
    "lag_unit",
    "mmd2",
    "p",
    "p_holm",
    "effective_n_real",
    "note",
)


class SampledCurve(Protocol):
    """A function of distance on several samples, as `matvir.measurement.curves` reads it."""

    @property
    def lags(self) -> Floats:
        """Distances of shape (n_lags,) in ``unit``, ascending."""

    @property
    def values(self) -> Floats:
        """One row a sample, shape (n_samples, n_lags)."""

    @property
    def unit(self) -> str:
        """Unit of the distances."""


Curves = Mapping[str, Mapping[str, SampledCurve]]
SampleGroups = Mapping[str, Groups]


def compare_curves(
    real: Curves,
    generated: Curves,
    config: CompareConfig,
    *,
    observations: Mapping[str, float] | None = None,
    groups: tuple[SampleGroups, SampleGroups] | None = None,
) -> pd.DataFrame:
    """Compare the two-point correlation S2 of generated samples with that of real ones.

    Parameters
    ----------
    real, generated : mapping
        By dimension the curves by their key ``s2/{phase}/{axis}``, or of images that keep their
        values ``autocovariance/{channel}/{axis}``, whose value at the lag zero is the variance in
        place of the fraction; other keys are not compared.
    config : CompareConfig
        Number of permutations and of halvings, and the seed.
    observations : mapping, optional
        As in :func:`matvir.comparison.tables.compare_tables`.
    groups : tuple of two mapping, optional
        By dimension the group of each real and of each generated sample
        (:func:`matvir.comparison.groups.sample_groups`); without it all are independent.

    Returns
    -------
    DataFrame
        One row per (dimension, phase, axis), of the dimensions of the generated samples, with the
        columns ``CURVE_COLUMNS``: mean absolute error of the mean curve and its floor (two random
        halves of the real curves, scaled as in
        :func:`matvir.comparison.two_sample.wasserstein_floor`); the largest error of the mean
        curve over the real fraction S2(0) and the lag where it is; squared maximum mean
        discrepancy of the curves with its permutation p value. One more row per dimension, phase
        and axis ``"all"``, has the discrepancy of all curves of a sample stacked. What could not
        be computed is NaN and ``note`` says why.

    Raises
    ------
    InputError
        If distances are in one unit for the real and in another for the generated curves.
    """
    rows = []
    for dimension in sorted(generated):
        sides = _s2(real.get(dimension, {})), _s2(generated[dimension])
        grouped = tuple(side.get(dimension) for side in groups or ({}, {}))
        pairs = {
            key: _common(sides[0].get(key), sides[1].get(key), grouped) for key in _keys(*sides)
        }
        n_samples = max((len(curve.values) for curve in sides[0].values()), default=0)
        effective = effective_sample_size(n_samples, observations or {}, dimension)
        for (phase, axis), pair in pairs.items():
            row = _new_row(dimension, phase, axis, pair.x, pair.y)
            row["lag_unit"] = _unit(phase, axis, sides)
            row["effective_n_real"] = effective
            _compare_curve(row, pair, config)
            rows.append(row)
        if len(pairs) > 1:
            rows.append(_stacked_row(dimension, pairs, effective, config))
    table = pd.DataFrame(rows, columns=list(CURVE_COLUMNS))
    table["p_holm"] = holm(table["p"].to_numpy(dtype=float))
    return table


Keyed = dict[tuple[str, str], SampledCurve]


def _s2(curves: Mapping[str, SampledCurve]) -> Keyed:
    """Pick the correlation curves by (phase, axis)."""
    found: Keyed = {}
    for key, curve in curves.items():
        function, _, rest = key.partition("/")
        if function in ("s2", "autocovariance"):
            phase, _, axis = rest.rpartition("/")
            found[phase, axis] = curve
    return found


def _keys(real: Keyed, generated: Keyed) -> list[tuple[str, str]]:
    return sorted(real.keys() | generated.keys())


def _unit(phase: str, axis: str, sides: tuple[Keyed, Keyed]) -> str:
    units = {side[phase, axis].unit for side in sides if (phase, axis) in side}
    if len(units) > 1:
        raise InputError(
            f"S2 of {phase} along {axis}: expected one unit of distance, got {sorted(units)}. "
            "Give the real and the generated data the same voxel size and measure again."
        )
    return units.pop()


@dataclass(frozen=True)
class _Pair:
    """Lags that both sides have, real and generated curves there, and the samples' groups."""

    lags: Floats
    x: Floats
    y: Floats
    groups: tuple[Groups, Groups]


def _common(
    real: SampledCurve | None,
    generated: SampledCurve | None,
    grouped: tuple[Groups | None, ...],
) -> _Pair:
    """Return the curves at the lags that both have, without samples that have none."""
    numbers = [0 if curve is None else len(curve.values) for curve in (real, generated)]
    ours, theirs = (
        np.arange(n) if group is None else group for n, group in zip(numbers, grouped, strict=True)
    )
    if real is None or generated is None:
        x, y = (np.empty((n, 0)) for n in numbers)
        return _Pair(np.empty(0), x, y, (ours, theirs))
    lags, i, j = np.intersect1d(np.round(real.lags, 9), np.round(generated.lags, 9), False, True)
    x, y = real.values[:, i], generated.values[:, j]
    known = [~np.isnan(side).any(axis=1) for side in (x, y)]
    return _Pair(lags, x[known[0]], y[known[1]], (ours[known[0]], theirs[known[1]]))


def _new_row(dimension: str, phase: str, axis: str, x: Floats, y: Floats) -> dict[str, object]:
    row: dict[str, object] = dict.fromkeys(CURVE_COLUMNS, np.nan)
    row.update(dimension=dimension, phase=phase, axis=axis, n_real=len(x), n_generated=len(y))
    row["note"] = ""
    return row


def _compare_curve(row: dict[str, object], pair: _Pair, config: CompareConfig) -> None:
    lags, x, y = pair.lags, pair.x, pair.y
    if not len(x) or not len(y) or not len(lags):
        row["note"] = _why_empty(row)
        return
    error = np.abs(y.mean(axis=0) - x.mean(axis=0))
    row["mean_absolute_error"] = error.mean()
    # At distance zero S2 is the fraction; between two phases it is zero.
    if lags[0] == 0 and x[:, 0].mean() > 0:
        row["fraction_real"] = x[:, 0].mean()
        row["max_error_over_fraction"] = error.max() / x[:, 0].mean()
        row["max_error_lag"] = lags[error.argmax()]
    else:
        row["note"] = "S2(0) is zero: no relative error"
    rng = row_generator(config.seed, (row["dimension"], row["phase"], row["axis"]))
    if len(np.unique(pair.groups[0])) >= MIN_FOR_HALVES:
        errors = np.abs(halved(pair.groups[0], config.bootstrap_samples, rng) @ x).mean(axis=1)
        row["mean_absolute_error_floor"] = errors.mean() * floor_scale(len(x), len(y))
    _test(row, x, y, pair.groups, config, rng)


def _why_empty(row: dict[str, object]) -> str:
    if not row["n_real"]:
        return no_reference(str(row["dimension"]))
    if not row["n_generated"]:
        return "generated: not measured"
    return "real and generated curves have no lag in common"


def _test(
    row: dict[str, object],
    x: Floats,
    y: Floats,
    groups: tuple[Groups, Groups],
    config: CompareConfig,
    rng: np.random.Generator,
) -> None:
    """Fill the discrepancy and, if there are samples enough, its p value."""
    if min(len(x), len(y)) < 2:
        _add_note(row, "one sample only: no test")
        return
    row["mmd2"], p = maximum_mean_discrepancy(
        x, y, permutations=config.permutations, rng=rng, groups=groups
    )
    effective_n = float(row["effective_n_real"])  # type: ignore[arg-type]
    if effective_n >= FEW_SAMPLES:
        row["p"] = p
    else:
        count = "unknown" if np.isnan(effective_n) else f"about {effective_n:.0f}"
        _add_note(row, f"no test: {count} independent real samples, fewer than {FEW_SAMPLES}")


def _add_note(row: dict[str, object], note: str) -> None:
    row["note"] = f"{row['note']}; {note}" if row["note"] else note


def _stacked_row(
    dimension: str,
    pairs: dict[tuple[str, str], _Pair],
    effective_n: float,
    config: CompareConfig,
) -> dict[str, object]:
    """Compare all curves of a sample at once; every curve must have the same samples."""
    xs, ys = [pair.x for pair in pairs.values()], [pair.y for pair in pairs.values()]
    groups = next(iter(pairs.values())).groups
    row = _new_row(dimension, "all", "all", xs[0], ys[0])
    if len({len(x) for x in xs}) > 1 or len({len(y) for y in ys}) > 1:
        row.update(n_real=np.nan, n_generated=np.nan)
        row["note"] = "the curves come from different numbers of samples: not stacked"
        return row
    if not len(xs[0]) or not len(ys[0]):
        row["note"] = _why_empty(row)
        return row
    row["effective_n_real"] = effective_n
    rng = row_generator(config.seed, (dimension, "all", "all"))
    _test(row, np.concatenate(xs, axis=1), np.concatenate(ys, axis=1), groups, config, rng)
    return row
