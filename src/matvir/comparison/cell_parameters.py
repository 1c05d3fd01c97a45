"""Parameters of a porous electrode for battery models, under their names in BPX.

Source of the names: Battery Parameter eXchange (BPX) of the Faraday Institution, section of a
porous electrode. What a microstructure tells is the geometry; materials have to be added.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from matvir.errors import ConfigError, InputError
from matvir.settings.records import ElectrodeConfig

Parameter = dict[str, float]


@dataclass(frozen=True)
class Source:
    """Where a parameter comes from.

    Attributes
    ----------
    metric : str
        Of the table of intervals.
    phases : tuple of str
        Roles of the phases: ``electrolyte`` or ``active``, one or both.
    unit : str
        Of the metric with a voxel size in micrometres.
    factor : float
        From that unit to the parameter's.
    metric_name : str
        How `measure.metrics` calls it.
    """

    metric: str
    phases: tuple[str, ...]
    unit: str
    factor: float
    metric_name: str


BPX: Mapping[str, Source] = {
    "Porosity": Source("volume_fraction", ("electrolyte",), "1", 1.0, "volume-fraction"),
    "Transport efficiency": Source(
        "relative_diffusivity", ("electrolyte",), "1", 1.0, "relative-diffusivity"
    ),
    "Surface area per unit volume [m-1]": Source(
        "interfacial_area", ("electrolyte", "active"), "1/um", 1e6, "interfacial-area"
    ),
    "Particle radius [m]": Source("mean_particle_diameter", ("active",), "um", 0.5e-6, "particles"),
}
# What models ask for beyond the standard.
BEYOND: Mapping[str, Source] = {
    "Volume fraction of active material": Source(
        "volume_fraction", ("active",), "1", 1.0, "volume-fraction"
    ),
    "Relative conductivity of active material": Source(
        "relative_diffusivity", ("active",), "1", 1.0, "relative-diffusivity"
    ),
    "Median particle radius by volume [m]": Source(
        "particle_diameter_d50", ("active",), "um", 0.5e-6, "particles"
    ),
}


def cell_parameters(
    intervals: pd.DataFrame, phases: tuple[str, ...], electrode: ElectrodeConfig
) -> dict[str, Any]:
    """Return the parameters of an electrode that the volumes of one model have.

    Parameters
    ----------
    intervals : DataFrame
        Rows of one model with the columns of
        :data:`matvir.comparison.intervals.INTERVAL_COLUMNS`.
    phases : tuple of str
        Names of the phases in their order, as interfaces are named by it.
    electrode : ElectrodeConfig
        Which phase is the electrolyte, and which the active material.

    Returns
    -------
    dict
        ``BPX`` has the standard's names and a number each, in SI units, to be put into a BPX file;
        of an anisotropic material the transport efficiency along the axis that
        ``electrode.through`` names. ``intervals`` has ``value``, ``low`` and ``high`` of the same
        and of what the standard has no name for. ``missing`` says of each parameter that is not
        known what to do.

    Raises
    ------
    ConfigError
        If there is no such phase.
    InputError
        If the voxel size is not known, so that lengths have no unit.
    """
    for role in ("electrolyte", "active"):
        name = getattr(electrode, role)
        if name not in phases:
            raise ConfigError(
                f"electrode.{role}: expected one of the phases {list(phases)}, got {name!r}."
            )
    found: dict[str, Parameter] = {}
    missing: dict[str, str] = {}
    for name, source in {**BPX, **BEYOND}.items():
        row = _row(intervals, source, phases, electrode)
        if row is None:
            missing[name] = f"not measured: add {source.metric_name} to 'measure.metrics'"
        elif pd.isna(row["value"]):
            missing[name] = str(row["note"]) or "no volume has a value"
        else:
            if row["unit"] != source.unit:
                raise InputError(
                    f"{source.metric}: expected the unit {source.unit}, got {row['unit']}. Give "
                    "the material's 'voxel_size_um': without it lengths are in voxels."
                )
            numbers = {key: row[key] * source.factor for key in ("value", "low", "high")}
            found[name] = {key: float(one) for key, one in numbers.items() if pd.notna(one)}
    return {
        "BPX": {name: found[name]["value"] for name in BPX if name in found},
        "intervals": found,
        "missing": missing,
    }


def _row(
    intervals: pd.DataFrame, source: Source, phases: tuple[str, ...], electrode: ElectrodeConfig
) -> pd.Series | None:
    """Return the row of a parameter, along the axis through the electrode if there are several."""
    names = {getattr(electrode, role) for role in source.phases}
    joined = "+".join(phase for phase in phases if phase in names)
    rows = intervals[(intervals["metric"] == source.metric) & (intervals["phase"] == joined)]
    if len(rows) > 1:
        rows = rows[rows["axis"] == str(electrode.through)]
    return None if rows.empty else rows.iloc[0]
