"""Parameters of electrodes, in the names and units of the standard."""

import numpy as np
import pandas as pd
import pytest

from matvir.comparison.cell_parameters import BEYOND, BPX, cell_parameters
from matvir.comparison.intervals import INTERVAL_COLUMNS
from matvir.errors import ConfigError, InputError
from matvir.settings.records import ElectrodeConfig

PHASES = ("binder", "pore", "nmc")
ELECTRODE = ElectrodeConfig(electrolyte="pore", active="nmc", through=2)


def table(*rows):
    """Return intervals of properties: metric, phase, axis, unit, value, a tenth of it each way."""
    found = pd.DataFrame(columns=list(INTERVAL_COLUMNS))
    for number, (metric, phase, axis, unit, value) in enumerate(rows):
        found.loc[number] = dict.fromkeys(INTERVAL_COLUMNS, np.nan) | {
            "metric": metric,
            "phase": phase,
            "axis": axis,
            "unit": unit,
            "value": value,
            "low": 0.9 * value,
            "high": 1.1 * value,
            "note": "no particle lies wholly inside the sample" if np.isnan(value) else "",
        }
    return found


FRACTION = ("volume_fraction", "pore", "all", "1", 0.3)


def test_names_units_and_intervals_are_those_of_battery_models():
    found = cell_parameters(
        table(
            FRACTION,
            *(("relative_diffusivity", "pore", str(axis), "1", 0.1 + axis) for axis in range(3)),
            ("interfacial_area", "pore+nmc", "all", "1/um", 0.25),
            ("interfacial_area", "binder+pore", "all", "1/um", 0.75),
            ("mean_particle_diameter", "nmc", "all", "um", 8.0),
            ("relative_diffusivity", "nmc", "mean", "1", 0.05),
        ),
        PHASES,
        ELECTRODE,
    )
    assert found["BPX"] == pytest.approx(
        {
            "Porosity": 0.3,
            "Transport efficiency": 2.1,  # along axis 2
            "Surface area per unit volume [m-1]": 0.25e6,
            "Particle radius [m]": 4e-6,
        }
    )
    assert found["intervals"]["Particle radius [m]"] == pytest.approx(
        {"value": 4e-6, "low": 3.6e-6, "high": 4.4e-6}
    )
    assert found["intervals"]["Relative conductivity of active material"]["value"] == 0.05
    assert set(found["missing"]) == {
        "Volume fraction of active material",
        "Median particle radius by volume [m]",
    }
    assert (
        "add particles to 'measure.metrics'"
        in found["missing"]["Median particle radius by volume [m]"]
    )


def test_what_no_volume_has_is_missing_with_the_reason():
    rows = table(FRACTION, ("mean_particle_diameter", "nmc", "all", "um", np.nan))
    found = cell_parameters(rows, PHASES, ELECTRODE)
    assert "wholly inside" in found["missing"]["Particle radius [m]"]
    assert set(found["intervals"]) | set(found["missing"]) == set(BPX) | set(BEYOND)


def test_lengths_without_a_unit_and_phases_that_do_not_exist_are_refused():
    rows = table(FRACTION, ("mean_particle_diameter", "nmc", "all", "voxel", 8.0))
    with pytest.raises(InputError, match=r"expected the unit um, got voxel.*voxel_size_um"):
        cell_parameters(rows, PHASES, ELECTRODE)
    other = ElectrodeConfig(electrolyte="pore", active="graphite", through=0)
    with pytest.raises(ConfigError, match=r"electrode\.active: .*'nmc'.*got 'graphite'"):
        cell_parameters(rows, PHASES, other)
