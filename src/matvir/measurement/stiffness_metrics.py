"""How stiff a sample is, as rows of the table."""

import numpy as np

from matvir.measurement.sample_metrics import (
    ALL,
    NEEDS_3D,
    NO_PERCOLATION,
    NOT_CONVERGED,
    Measured,
    Row,
    Sample,
)
from matvir.metrics.relative_stiffness import effective_stiffness, moduli

NO_MODULUS = "no phase of the sample has a Young's modulus"
POISSONS_RATIO = 0.3  # of a phase without one


def measure_relative_stiffness(sample: Sample, measured: Measured) -> None:
    """Measure `relative-stiffness` of `matvir.metrics.METRICS`."""
    youngs = np.array([sample.youngs_moduli.get(name, 0.0) for name in sample.phases])
    ratios = np.array([sample.poissons_ratios.get(name, POISSONS_RATIO) for name in sample.phases])
    reason = NEEDS_3D if sample.n_axes != 3 else "" if youngs.any() else NO_MODULUS
    empty = (np.nan,) * sample.n_axes
    columns = {"relative_youngs_modulus": empty, "relative_shear_modulus": empty}
    if not reason:
        stiffness = effective_stiffness(
            youngs[sample.labels], ratios[sample.labels], voxel_size=sample.edges
        )
        found, shear = moduli(stiffness), youngs / (2 * (1 + ratios))
        columns = {
            "relative_youngs_modulus": tuple(one / youngs.max() for one in found.youngs),
            "relative_shear_modulus": tuple(one / shear.max() for one in found.shear),
        }
    for axis in range(sample.n_axes):
        for column, values in columns.items():
            value = float(values[axis])
            note = reason or (
                NOT_CONVERGED if np.isnan(value) else NO_PERCOLATION if value == 0 else ""
            )
            measured.rows.append(Row(ALL, str(axis), column, value, "1", note))
