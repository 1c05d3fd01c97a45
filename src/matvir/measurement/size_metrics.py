"""How large the features of a sample are, as rows of the table and as curves."""

import numpy as np

from matvir.measurement.sample_metrics import ALL, FILLS, NEEDS_3D, Measured, Row, Sample, add_curve
from matvir.metrics.local_thickness import QUANTILES, local_thickness
from matvir.metrics.particles import (
    ParticleStatistics,
    particle_statistics,
    split_particles,
    without_fragments,
)
from matvir.metrics.representative_volume import representative_edge, spread_between_blocks

TOO_SMALL = "the sample holds no two blocks along each axis"
NO_WHOLE_PARTICLE = "no particle lies wholly inside the sample"
TOO_FINE = "the particles are too small for a surface"


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


def measure_particles(sample: Sample, measured: Measured) -> None:
    """Measure `particles` of `matvir.metrics.METRICS`."""
    for phase, name in enumerate(sample.phases):
        note = sample.absence(phase)
        found = ParticleStatistics(number_density=np.nan if note == FILLS else 0.0)
        if not note:
            particles = split_particles(sample.masks[phase], voxel_size=sample.edges)
            found = particle_statistics(without_fragments(particles), voxel_size=sample.edges)
            note = NO_WHOLE_PARTICLE if np.isnan(found.mean_diameter) else ""
        measured.rows += _particle_rows(sample, name, found, note)


def _particle_rows(sample: Sample, name: str, found: ParticleStatistics, note: str) -> list[Row]:
    flat = sample.n_axes == 2
    roundness, length = "particle_circularity" if flat else "particle_sphericity", sample.unit(1)
    contacts = np.nan if flat else found.coordination_number
    too_fine = TOO_FINE if np.isnan(found.sphericity) else ""
    return [
        Row(
            name,
            ALL,
            "particle_number_density",
            found.number_density,
            sample.unit(-sample.n_axes),
            FILLS if np.isnan(found.number_density) else "",
        ),
        Row(name, ALL, "mean_particle_diameter", found.mean_diameter, length, note),
        Row(name, ALL, "particle_diameter_d50", found.median_diameter, length, note),
        Row(name, ALL, roundness, found.sphericity, "1", note or too_fine),
        Row(name, ALL, "coordination_number", contacts, "1", NEEDS_3D if flat else note),
    ]


def measure_representative_volume(sample: Sample, measured: Measured) -> None:
    """Measure `representative-volume` of `matvir.metrics.METRICS`."""
    for phase, name in enumerate(sample.phases):
        edges, spread = spread_between_blocks(sample.masks[phase], voxel_size=sample.edges)
        if edges.size:
            add_curve(sample, measured, f"block_sd/{name}/{ALL}", edges, spread)
        fraction = float(sample.fractions[phase])
        value = representative_edge(edges, spread, fraction, sample.n_axes)
        note = (sample.absence(phase) or TOO_SMALL) if np.isnan(value) else ""
        measured.rows.append(Row(name, ALL, "representative_edge", value, sample.unit(1), note))
