"""All properties of one sample, as rows of the table and as curves.

`matvir.metrics.METRICS` says which function measures what; what several of them need is computed
once, by :class:`Sample`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from matvir.families import load
from matvir.measurement.curves import Curve
from matvir.metrics import METRICS, Faces, PhaseMetric, percolation
from matvir.metrics import chord_length as chords
from matvir.metrics import two_point_correlation as s2
from matvir.metrics.interfacial_area import interfacial_area_density
from matvir.metrics.relative_diffusivity import (
    effective_conductivity,
    relative_diffusivity,
    tortuosity_factor,
)
from matvir.metrics.surface_area import specific_surface_area, specific_surface_area_smooth
from matvir.metrics.triple_phase_boundary import (
    triple_phase_boundary_density,
    triple_phase_vertex_density,
)
from matvir.metrics.volume_fraction import volume_fractions

ALL = "all"
ABSENT = "the phase is absent"
FILLS = "the phase fills the sample"
NO_PERCOLATION = "does not percolate"
NOT_CONVERGED = "the solver did not converge"
NEEDS_3D = "needs a 3D sample"
NEEDS_THREE = "needs at least three phases"
NO_CONDUCTOR = "no phase of the sample has a conductivity"
NO_BOUNDARY = "the phases do not meet"
NO_CHORD_END = "no chord of the phase ends inside the sample"
NO_DECAY = "the autocovariance does not fall to 1/e within half the sample"


class Row(NamedTuple):
    """One line of the table; the note says why a value is empty or special."""

    phase: str
    axis: str
    metric: str
    value: float
    unit: str
    note: str = ""


@dataclass(kw_only=True)
class Measured:
    """What was measured on one sample."""

    rows: list[Row] = field(default_factory=list)
    curves: dict[str, Curve] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """One sample, with what several metrics need computed once.

    Attributes
    ----------
    labels : ndarray of shape (H, W) or (D, H, W), uint8
        Phase of each voxel.
    phases : tuple of str
        Names of the phases.
    voxel_size_um : tuple of float or None
        Edge of a voxel along each axis in micrometres.
    periodic : bool
        Whether opposite faces of the sample touch each other.
    connected_to : mapping of str to {"both", "first", "last", "none"}
        By phase, which faces of the sample its part in the active triple-phase boundary has to
        touch; both without an entry.
    conductivities : mapping of str to float
        By phase, in any unit, for the relative conductivity; 0 without an entry.
    youngs_moduli, poissons_ratios : mapping of str to float
        By phase, for the relative stiffness; moduli in any unit. Without an entry 0 and 0.3.
    """

    labels: NDArray[np.uint8]
    phases: tuple[str, ...]
    voxel_size_um: tuple[float, ...] | None
    periodic: bool
    connected_to: Mapping[str, Faces] = field(default_factory=dict)
    conductivities: Mapping[str, float] = field(default_factory=dict)
    youngs_moduli: Mapping[str, float] = field(default_factory=dict)
    poissons_ratios: Mapping[str, float] = field(default_factory=dict)

    @property
    def n_axes(self) -> int:
        """Number of axes, 2 or 3."""
        return self.labels.ndim

    @property
    def edges(self) -> tuple[float, ...]:
        """Edge of a voxel along each axis, in the unit of length."""
        return self.voxel_size_um or (1.0,) * self.n_axes

    def unit(self, power: int) -> str:
        """Return the unit of a length to a power."""
        length = "voxel" if self.voxel_size_um is None else "um"
        if power == 0:
            return "1"
        exponent = "" if abs(power) == 1 else f"^{abs(power)}"
        return f"{'1/' if power < 0 else ''}{length}{exponent}"

    @cached_property
    def fractions(self) -> NDArray[np.float64]:
        """Volume fraction of each phase."""
        return volume_fractions(self.labels, len(self.phases))

    @cached_property
    def masks(self) -> list[NDArray[np.bool_]]:
        """Mask of each phase."""
        return [self.labels == phase for phase in range(len(self.phases))]

    @cached_property
    def interfacial(self) -> NDArray[np.float64]:
        """Interfacial area density of each pair of phases."""
        return interfacial_area_density(
            self.labels, len(self.phases), voxel_size=self.edges, periodic=self.periodic
        )

    @cached_property
    def components(self) -> list[NDArray[np.unsignedinteger]]:
        """Connected components of each phase."""
        return [percolation.connected_components(mask) for mask in self.masks]

    @cached_property
    def percolating(self) -> list[list[NDArray[np.bool_]]]:
        """Percolating part of each phase along each axis."""
        return [
            [percolation.percolating_part(parts, axis) for axis in range(self.n_axes)]
            for parts in self.components
        ]

    def connected(self, axis: int, among: Sequence[int]) -> NDArray[np.bool_]:
        """Return the voxels of phases that are connected to the faces they have to reach."""
        active = np.zeros(self.labels.shape, dtype=bool)
        for phase in among:
            faces = self.connected_to.get(self.phases[phase], "both")
            active |= percolation.percolating_part(self.components[phase], axis, faces)
        return active

    def absence(self, phase: int) -> str:
        """Return the note for a phase that is absent or fills the sample; else nothing."""
        return {0.0: ABSENT, 1.0: FILLS}.get(float(self.fractions[phase]), "")


def measure_volume_fraction(sample: Sample, measured: Measured) -> None:
    """Measure `volume-fraction` of `matvir.metrics.METRICS`."""
    measured.rows += [
        Row(name, ALL, "volume_fraction", float(value), "1")
        for name, value in zip(sample.phases, sample.fractions, strict=True)
    ]


def measure_two_point_correlation(sample: Sample, measured: Measured) -> None:
    """Measure `two-point-correlation` of `matvir.metrics.METRICS`."""
    spectra = s2.phase_spectra(sample.labels, len(sample.phases), periodic=sample.periodic)
    for phase, name in enumerate(sample.phases):
        lag_map = s2.correlation_map(spectra, phase, phase)
        for axis, edge in enumerate(sample.edges):
            cut = s2.axis_cut(lag_map, axis)
            add_curve(sample, measured, f"s2/{name}/{axis}", np.arange(cut.size) * edge, cut)
        cut = s2.diagonal_cut(lag_map)
        diagonal = np.arange(cut.size) * float(np.linalg.norm(sample.edges))
        add_curve(sample, measured, f"s2/{name}/diagonal", diagonal, cut)
        radial = s2.radial_average(lag_map, sample.edges)
        add_curve(sample, measured, f"s2/{name}/radial", *radial)
        length = s2.correlation_length(*radial)
        note = (sample.absence(phase) or NO_DECAY) if np.isnan(length) else ""
        measured.rows.append(Row(name, ALL, "correlation_length", length, sample.unit(1), note))
    for first, second in combinations(range(len(sample.phases)), 2):
        radial = s2.radial_average(s2.correlation_map(spectra, first, second), sample.edges)
        add_curve(sample, measured, f"s2/{_pair(sample, first, second)}/radial", *radial)


def measure_chord_length(sample: Sample, measured: Measured) -> None:
    """Measure `chord-length` of `matvir.metrics.METRICS`."""
    for phase, name in enumerate(sample.phases):
        lengths = [
            edge * chords.mean_chord_length(sample.masks[phase], axis, periodic=sample.periodic)
            for axis, edge in enumerate(sample.edges)
        ]
        notes = [
            (sample.absence(phase) or NO_CHORD_END) if np.isnan(length) else ""
            for length in lengths
        ]
        measured.rows += [
            Row(name, str(axis), "mean_chord_length", length, sample.unit(1), note)
            for axis, (length, note) in enumerate(zip(lengths, notes, strict=True))
        ]
        index = chords.isotropy_index(lengths)
        measured.rows.append(
            Row(name, ALL, "isotropy_index", index, "1", next(filter(None, notes), ""))
        )


def measure_lineal_path(sample: Sample, measured: Measured) -> None:
    """Measure `lineal-path` of `matvir.metrics.METRICS`."""
    for mask, name in zip(sample.masks, sample.phases, strict=True):
        for axis, edge in enumerate(sample.edges):
            values = chords.lineal_path(mask, axis, periodic=sample.periodic)
            lags = np.arange(values.size) * edge
            add_curve(sample, measured, f"lineal_path/{name}/{axis}", lags, values)


def measure_specific_surface_area(sample: Sample, measured: Measured) -> None:
    """Measure `specific-surface-area` of `matvir.metrics.METRICS`."""
    metric = "specific_surface_area" if sample.n_axes == 3 else "perimeter_density"
    counted = specific_surface_area(sample.interfacial)
    for phase, name in enumerate(sample.phases):
        smooth = specific_surface_area_smooth(
            sample.masks[phase], voxel_size=sample.edges, periodic=sample.periodic
        )
        unit = sample.unit(-1)
        measured.rows.append(Row(name, ALL, metric, float(counted[phase]), unit))
        measured.rows.append(Row(name, ALL, f"{metric}_smooth", smooth, unit))


def measure_interfacial_area(sample: Sample, measured: Measured) -> None:
    """Measure `interfacial-area` of `matvir.metrics.METRICS`."""
    metric = "interfacial_area" if sample.n_axes == 3 else "interfacial_length"
    for first, second in combinations(range(len(sample.phases)), 2):
        value = float(sample.interfacial[first, second])
        pair = _pair(sample, first, second)
        measured.rows.append(Row(pair, ALL, metric, value, sample.unit(-1)))


def measure_triple_phase_boundary(sample: Sample, measured: Measured) -> None:
    """Measure `triple-phase-boundary` of `matvir.metrics.METRICS`."""
    densities = [
        ("tpb_density", triple_phase_boundary_density, sample.unit(-2)),
        ("tpb_vertex_density", triple_phase_vertex_density, sample.unit(-3)),
    ]
    if sample.n_axes == 2:
        densities = [("triple_point_density", triple_phase_boundary_density, sample.unit(-2))]
    n_phases = len(sample.phases)
    for metric, density, unit in densities:
        value, note = np.nan, NEEDS_THREE
        if n_phases >= 3:
            note = ""
            value = density(
                sample.labels, n_phases, voxel_size=sample.edges, periodic=sample.periodic
            )
        measured.rows.append(Row(ALL, ALL, metric, value, unit, note))


def measure_active_boundary(sample: Sample, measured: Measured) -> None:
    """Measure `active-triple-phase-boundary` of `matvir.metrics.METRICS`."""
    among = [i for i, name in enumerate(sample.phases) if sample.connected_to.get(name) != "none"]
    note = NEEDS_3D if sample.n_axes != 3 else NEEDS_THREE if len(among) < 3 else ""

    def density(active: NDArray[np.bool_]) -> float:
        n_phases, voxel, periodic = len(sample.phases), sample.edges, sample.periodic
        return triple_phase_boundary_density(
            sample.labels, n_phases, voxel_size=voxel, periodic=periodic, active=active
        )

    total = np.nan if note else density(np.isin(sample.labels, among))
    for axis in range(sample.n_axes):
        value = np.nan if note else density(sample.connected(axis, among))
        share = value / total if total > 0 else np.nan
        reason = NO_BOUNDARY if total == 0 else note
        measured.rows += [
            Row(ALL, str(axis), "active_tpb_density", value, sample.unit(-2), note),
            Row(ALL, str(axis), "active_tpb_fraction", share, "1", reason),
        ]


def measure_percolation(sample: Sample, measured: Measured) -> None:
    """Measure `percolation` of `matvir.metrics.METRICS`."""
    for phase, name in enumerate(sample.phases):
        n_voxels = int(np.count_nonzero(sample.masks[phase]))
        note = "" if n_voxels else ABSENT
        for axis, part in enumerate(sample.percolating[phase]):
            share = float(np.count_nonzero(part) / n_voxels) if n_voxels else np.nan
            measured.rows.append(Row(name, str(axis), "percolating_fraction", share, "1", note))
        largest = percolation.connected_fraction(sample.components[phase])
        measured.rows.append(Row(name, ALL, "connected_fraction", largest, "1", note))


def measure_relative_diffusivity(sample: Sample, measured: Measured) -> None:
    """Measure `relative-diffusivity` of `matvir.metrics.METRICS`."""
    for phase, name in enumerate(sample.phases):
        for axis in range(sample.n_axes):
            value, note = _diffusivity_and_note(sample, phase, axis)
            factor = tortuosity_factor(float(sample.fractions[phase]), value)
            measured.rows.append(Row(name, str(axis), "relative_diffusivity", value, "1", note))
            measured.rows.append(Row(name, str(axis), "tortuosity_factor", factor, "1", note))


def _diffusivity_and_note(sample: Sample, phase: int, axis: int) -> tuple[float, str]:
    if sample.n_axes != 3:
        return np.nan, NEEDS_3D
    part = sample.percolating[phase][axis]
    value = relative_diffusivity(
        sample.masks[phase], axis, percolating=part, voxel_size=sample.edges
    )
    if np.isnan(value):
        return value, NOT_CONVERGED
    return value, NO_PERCOLATION if value == 0 else ""


def measure_relative_conductivity(sample: Sample, measured: Measured) -> None:
    """Measure `relative-conductivity` of `matvir.metrics.METRICS`."""
    own = np.array([sample.conductivities.get(name, 0.0) for name in sample.phases])
    for axis in range(sample.n_axes):
        value, note = np.nan, NEEDS_3D if sample.n_axes != 3 else "" if own.any() else NO_CONDUCTOR
        if not note:
            field = (own / own.max())[sample.labels]
            value = effective_conductivity(field, axis, voxel_size=sample.edges)
            note = NOT_CONVERGED if np.isnan(value) else NO_PERCOLATION if value == 0 else ""
        measured.rows.append(Row(ALL, str(axis), "relative_conductivity", value, "1", note))


def measure_phases(metric: PhaseMetric, sample: Sample, measured: Measured) -> None:
    """Measure a property of each phase by itself; NaN means that the phase is absent or fills."""
    function = load(metric.place)
    unit = sample.unit(-sample.n_axes if metric.power is None else metric.power)
    for phase, name in enumerate(sample.phases):
        value = function(sample.masks[phase], voxel_size=sample.edges)
        note = sample.absence(phase) if np.isnan(value) else ""
        measured.rows.append(Row(name, ALL, metric.column, value, unit, note))


def _pair(sample: Sample, first: int, second: int) -> str:
    return f"{sample.phases[first]}+{sample.phases[second]}"


def add_curve(
    sample: Sample,
    measured: Measured,
    name: str,
    lags: NDArray[np.floating[Any]],
    values: NDArray[np.float64],
) -> None:
    """Add a curve of a sample, over lags in its unit of length."""
    measured.curves[name] = Curve(
        lags=lags.astype(np.float64), values=values[None], unit=sample.unit(1)
    )


def measure_sample(sample: Sample, metrics: Sequence[str]) -> Measured:
    """Measure one sample.

    Parameters
    ----------
    sample : Sample
        The sample.
    metrics : sequence of str
        Keys of `matvir.metrics.METRICS`.

    Returns
    -------
    Measured
        Rows in the order of ``metrics``, and curves by name.
    """
    measured = Measured()
    for name in metrics:
        metric = METRICS[name]
        if isinstance(metric, PhaseMetric):
            measure_phases(metric, sample, measured)
        else:
            load(metric)(sample, measured)
    return measured
