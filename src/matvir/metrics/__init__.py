"""Properties of label arrays: one module each, arrays in, numbers out; and the table of all.

The table imports nothing, so that names can be checked before anything is measured. What does the
work is named by its place, ``"room.module:name"``, see `matvir.families.load`.
"""

from dataclasses import dataclass
from typing import Literal

# Faces of a sample normal to an axis: both, the one at index 0, the other one, or none of them.
Faces = Literal["both", "first", "last", "none"]


@dataclass(frozen=True)
class PhaseMetric:
    """A property of each phase by itself.

    Attributes
    ----------
    place : str
        Place of a function that takes the mask of a phase, an array of bool of shape (H, W) or
        (D, H, W), and ``voxel_size``, the edges of a voxel, and returns a number.
    column : str
        What the number is called in tables.
    power : int or None
        Its unit is this power of a length; None stands for minus the number of axes.
    """

    place: str
    column: str
    power: int | None = 0


# By the name in the configuration: a property of each phase, or the place of a function that adds
# rows and curves of a sample (`matvir.measurement.sample_metrics`).
METRICS: dict[str, PhaseMetric | str] = {
    "volume-fraction": "measurement.sample_metrics:measure_volume_fraction",
    "two-point-correlation": "measurement.sample_metrics:measure_two_point_correlation",
    "chord-length": "measurement.sample_metrics:measure_chord_length",
    "lineal-path": "measurement.sample_metrics:measure_lineal_path",
    "specific-surface-area": "measurement.sample_metrics:measure_specific_surface_area",
    "interfacial-area": "measurement.sample_metrics:measure_interfacial_area",
    "triple-phase-boundary": "measurement.sample_metrics:measure_triple_phase_boundary",
    "active-triple-phase-boundary": "measurement.sample_metrics:measure_active_boundary",
    "percolation": "measurement.sample_metrics:measure_percolation",
    "relative-diffusivity": "measurement.sample_metrics:measure_relative_diffusivity",
    "relative-conductivity": "measurement.sample_metrics:measure_relative_conductivity",
    "relative-stiffness": "measurement.stiffness_metrics:measure_relative_stiffness",
    "local-thickness": "measurement.size_metrics:measure_local_thickness",
    "particles": "measurement.size_metrics:measure_particles",
    "representative-volume": "measurement.size_metrics:measure_representative_volume",
    "euler-number": PhaseMetric(
        "metrics.euler_number:euler_number_density", "euler_number_density", power=None
    ),
}
# By their names in tables: what can be below 0, and what cannot be above 1.
SIGNED = ("euler_number_density", "value_skewness")
SHARES = (
    "volume_fraction",
    "active_tpb_fraction",
    "relative_conductivity",
    "relative_diffusivity",
    "connected_fraction",
    "percolating_fraction",
    "isotropy_index",
)
