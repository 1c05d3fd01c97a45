"""How large the features of a sample are, as rows of the table and as curves."""

import numpy as np

from matvir.measurement.sample_metrics import ALL, Measured, Row, Sample, add_curve
from matvir.metrics.local_thickness import QUANTILES, local_thickness
from matvir.metrics.representative_volume import representative_edge, spread_between_blocks

TOO_SMALL = "blocks of half the sample still vary by more than a tenth of the fraction"


def measure_local_thickness(sample: Sample, measured: Measured) -> None:
    """Measure `local-thickness` of `matvir.metrics.METRICS`."""
    columns = ["mean_local_thickness", *(f"local_thickness_d{share}" for share in QUANTILES)]
    for phase, name in enumerate(sample.phases):
        found = local_thickness(sample.masks[phase], voxel_size=sample.edges)
        note, unit = sample.absence(phase), sample.unit(1)
        measured.rows += [
            Row(name, ALL, column, value, unit, note)
            for column, value in zip(columns, (found.mean, *found.quantiles), strict=True)
        ]


def measure_representative_volume(sample: Sample, measured: Measured) -> None:
    """Measure `representative-volume` of `matvir.metrics.METRICS`."""
    for phase, name in enumerate(sample.phases):
        edges, spread = spread_between_blocks(sample.masks[phase], voxel_size=sample.edges)
        if edges.size:
            add_curve(sample, measured, f"block_sd/{name}/{ALL}", edges, spread)
        value, note = np.nan, sample.absence(phase)
        if not note:
            value = representative_edge(edges, spread, float(sample.fractions[phase]))
            note = TOO_SMALL if np.isnan(value) else ""
        measured.rows.append(Row(name, ALL, "representative_edge", value, sample.unit(1), note))
