import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from matvir.errors import ConfigError, InputError
from matvir.measurement.measure import COLUMNS, measure_samples
from matvir.processes import workers

PHASES = ("pore", "nmc", "binder")


NAMES = (
    "volume-fraction",
    "two-point-correlation",
    "chord-length",
    "lineal-path",
    "specific-surface-area",
    "interfacial-area",
    "triple-phase-boundary",
    "active-triple-phase-boundary",
    "percolation",
    "relative-diffusivity",
    "relative-conductivity",
    "local-thickness",
    "particles",
    "representative-volume",
    "euler-number",
)


def measure(samples, metrics=NAMES, *, phases=PHASES, voxel_size_um=None, **options):
    return measure_samples(
        samples,
        names=[f"volume-{index}" for index in range(len(samples))],
        phases=phases,
        voxel_size_um=voxel_size_um,
        metrics=metrics,
        **options,
    )


def value(measurements, metric, phase="all", axis="all"):
    table = measurements.table
    rows = table[(table.metric == metric) & (table.phase == phase) & (table.axis == axis)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_table_of_all_metrics(rng, blobs):
    samples = [blobs(rng, (12, 14, 16), 3) for _ in range(2)]
    measurements = measure(samples, voxel_size_um=(0.5, 0.5, 0.5))
    table = measurements.table
    assert tuple(table.columns) == COLUMNS
    assert list(table["sample"].unique()) == ["volume-0", "volume-1"]
    assert not table.duplicated(["sample", "phase", "axis", "metric"]).any()
    assert set(table.phase) == {*PHASES, "all", "pore+nmc", "pore+binder", "nmc+binder"}
    assert set(table.axis) == {"0", "1", "2", "all"}
    units = table.groupby("metric").unit.agg(lambda units: "/".join(sorted(set(units))))
    assert units.to_dict() == {
        "volume_fraction": "1",
        "correlation_length": "um",
        "mean_chord_length": "um",
        "isotropy_index": "1",
        "specific_surface_area": "1/um",
        "specific_surface_area_smooth": "1/um",
        "interfacial_area": "1/um",
        "tpb_density": "1/um^2",
        "tpb_vertex_density": "1/um^3",
        "active_tpb_density": "1/um^2",
        "active_tpb_fraction": "1",
        "percolating_fraction": "1",
        "connected_fraction": "1",
        "relative_diffusivity": "1",
        "tortuosity_factor": "1",
        "relative_conductivity": "1",
        "mean_local_thickness": "um",
        "local_thickness_d10": "um",
        "local_thickness_d50": "um",
        "local_thickness_d90": "um",
        "particle_number_density": "1/um^3",
        "mean_particle_diameter": "um",
        "particle_diameter_d50": "um",
        "particle_sphericity": "1",
        "coordination_number": "1",
        "representative_edge": "um",
        "euler_number_density": "1/um^3",
    }
    assert (table.value.isna() <= (table.note != "")).all()


def test_lengths_scale_with_the_voxel_size(rng, blobs):
    sample = blobs(rng, (12, 14, 16), 3)
    voxels = measure([sample]).table
    microns = measure([sample], voxel_size_um=(0.5, 0.5, 0.5)).table
    power = {"1": 0, "voxel": 1, "1/voxel": -1, "1/voxel^2": -2, "1/voxel^3": -3}
    expected = voxels.value * 0.5 ** voxels.unit.map(power)
    assert microns.value.to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-5, nan_ok=True)
    assert (microns.unit == voxels.unit.str.replace("voxel", "um")).all()


def test_curves_of_many_samples(rng, blobs):
    samples = [blobs(rng, (12, 14, 16), 3), blobs(rng, (12, 14, 16), 3)]
    curves = measure(
        samples, ("two-point-correlation", "lineal-path"), voxel_size_um=(0.5, 1, 2)
    ).curves
    axes = ("0", "1", "2", "diagonal", "radial")
    pairs = ("pore+nmc", "pore+binder", "nmc+binder")
    assert set(curves) == {
        *(f"s2/{phase}/{axis}" for phase in PHASES for axis in axes),
        *(f"s2/{pair}/radial" for pair in pairs),
        *(f"lineal_path/{phase}/{axis}" for phase in PHASES for axis in axes[:3]),
    }
    assert curves["s2/pore/1"].values.shape == (2, 8)
    assert curves["s2/pore/2"].lags.tolist() == [0, 2, 4, 6, 8, 10, 12, 14, 16]
    assert curves["s2/pore/diagonal"].lags[1] == pytest.approx(np.sqrt(0.25 + 1 + 4))
    assert curves["lineal_path/nmc/0"].lags.tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3]
    assert curves["s2/nmc/0"].unit == "um"
    fractions = [(sample == 1).mean() for sample in samples]
    assert curves["s2/nmc/0"].values[:, 0] == pytest.approx(fractions)
    assert curves["lineal_path/nmc/0"].values[:, 0] == pytest.approx(fractions)


def test_planes_of_different_size_share_the_shorter_curves(rng, blobs):
    planes = [blobs(rng, (12, 20), 3), blobs(rng, (16, 12), 3)]
    together = measure(planes, ("two-point-correlation",)).curves
    for index, plane in enumerate(planes):
        alone = measure([plane], ("two-point-correlation",)).curves
        for name, curve in together.items():
            n_lags = curve.lags.size
            assert np.array_equal(curve.lags, alone[name].lags[:n_lags])
            assert np.array_equal(curve.values[index], alone[name].values[0, :n_lags])


def test_number_of_workers_changes_nothing(rng, blobs):
    samples = [blobs(rng, (12, 14, 16), 3) for _ in range(5)]
    one = measure(samples)
    with workers(2) as run:
        two = measure(samples, run=run)
    pd.testing.assert_frame_equal(one.table, two.table, check_exact=True)
    assert set(one.curves) == set(two.curves)
    for name, curve in one.curves.items():
        assert np.array_equal(curve.values, two.curves[name].values)


def test_progress_after_each_sample(rng, blobs):
    seen = []
    samples = [blobs(rng, (6, 7), 3) for _ in range(3)]
    measure(samples, ("volume-fraction",), progress=lambda *counts: seen.append(counts))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_slices(rng, blobs):
    table = measure([blobs(rng, (24, 30), 3)]).table
    assert set(table.axis) == {"0", "1", "all"}
    assert {"perimeter_density", "interfacial_length", "triple_point_density"} <= set(table.metric)
    spatial = table[table.note == "needs a 3D sample"]
    assert set(spatial.metric) == {
        "relative_diffusivity",
        "tortuosity_factor",
        "relative_conductivity",
        "active_tpb_density",
        "active_tpb_fraction",
        "coordination_number",
    }
    assert spatial.value.isna().all()
    rest = table.drop(spatial.index)
    assert rest.value[rest.metric != "representative_edge"].notna().all()


def test_phase_that_does_not_percolate():
    sample = np.zeros((8, 10, 12), dtype=np.uint8)
    sample[3:6] = 1
    measurements = measure([sample], phases=("pore", "solid"))
    blocked = value(measurements, "relative_diffusivity", "solid", "0")
    assert (blocked.value, blocked.note) == (0, "does not percolate")
    factor = value(measurements, "tortuosity_factor", "solid", "0")
    assert np.isnan(factor.value)
    assert factor.note == "does not percolate"
    assert value(measurements, "percolating_fraction", "solid", "0").value == 0
    assert value(measurements, "relative_diffusivity", "solid", "1").value == pytest.approx(3 / 8)
    assert value(measurements, "tortuosity_factor", "solid", "1").value == pytest.approx(1)
    assert value(measurements, "percolating_fraction", "solid", "2").value == 1


def test_what_cannot_be_computed_is_empty_with_its_reason():
    sample = np.zeros((8, 10, 12), dtype=np.uint8)
    measurements = measure([sample], phases=("pore", "solid"))
    reasons = {
        ("correlation_length", "pore", "all"): "the phase fills the sample",
        ("correlation_length", "solid", "all"): "the phase is absent",
        ("mean_chord_length", "pore", "1"): "the phase fills the sample",
        ("isotropy_index", "solid", "all"): "the phase is absent",
        ("percolating_fraction", "solid", "2"): "the phase is absent",
        ("connected_fraction", "solid", "all"): "the phase is absent",
        ("tortuosity_factor", "solid", "0"): "does not percolate",
        ("mean_local_thickness", "pore", "all"): "the phase fills the sample",
        ("mean_local_thickness", "solid", "all"): "the phase is absent",
        ("local_thickness_d50", "solid", "all"): "the phase is absent",
        ("particle_number_density", "pore", "all"): "the phase fills the sample",
        ("mean_particle_diameter", "solid", "all"): "the phase is absent",
        ("representative_edge", "pore", "all"): "the phase fills the sample",
        ("representative_edge", "solid", "all"): "the phase is absent",
        ("tpb_density", "all", "all"): "needs at least three phases",
    }
    for key, note in reasons.items():
        row = value(measurements, *key)
        assert np.isnan(row.value)
        assert row.note == note
    assert value(measurements, "specific_surface_area", "pore").value == 0
    assert value(measurements, "particle_number_density", "solid").value == 0
    assert value(measurements, "relative_diffusivity", "pore", "2").value == pytest.approx(1)


def test_layers_have_no_chord_end_along_them_and_a_long_correlation():
    sample = np.zeros((8, 10), dtype=np.uint8)
    sample[4:] = 1
    measurements = measure([sample], ("chord-length",), phases=("pore", "solid"))
    row = value(measurements, "mean_chord_length", "pore", "1")
    assert np.isnan(row.value)
    assert row.note == "no chord of the phase ends inside the sample"
    wedge = measure([sample[3:5]], ("two-point-correlation",), phases=("pore", "solid"))
    row = value(wedge, "correlation_length", "pore")
    assert row.note == "the autocovariance does not fall to 1/e within half the sample"


def test_relative_conductivity_of_layers():
    sample = np.zeros((8, 10, 12), dtype=np.uint8)
    sample[3:5] = 1
    sample[5:] = 2

    def found(axis, **conductivities):
        measurements = measure(
            [sample],
            ("relative-conductivity",),
            phases=("pore", "nmc", "binder"),
            conductivities=conductivities,
        )
        row = value(measurements, "relative_conductivity", axis=axis)
        return row.value, row.note

    # Parallel: the mean, series: the mean resistance; over the highest one.
    assert found("2", nmc=1, binder=50) == (pytest.approx((2 + 3 * 50) / 8 / 50), "")
    assert found("0", pore=5, nmc=1, binder=50) == (pytest.approx(8 / (3 / 0.1 + 2 / 0.02 + 3)), "")
    assert found("0", nmc=1, binder=50) == (0, "does not percolate")
    missing, note = found("1")
    assert np.isnan(missing)
    assert note == "no phase of the sample has a conductivity"


def test_relative_stiffness_of_layers():
    pytest.importorskip("muGrid")
    sample = np.zeros((8, 10, 12), dtype=np.uint8)
    sample[2:] = 1

    def found(metric, axis, **moduli):
        options = {"youngs_moduli": moduli, "poissons_ratios": {"solid": 0.0}}
        phases = ("pore", "solid")
        measured = measure([sample], ("relative-stiffness",), phases=phases, **options)
        row = value(measured, metric, axis=axis)
        return row.value, row.note

    assert found("relative_youngs_modulus", "1", solid=20) == (pytest.approx(0.75, rel=1e-4), "")
    assert found("relative_shear_modulus", "0", solid=20) == (pytest.approx(0.75, rel=1e-4), "")
    assert found("relative_youngs_modulus", "0", solid=20) == (0, "does not percolate")
    missing, note = found("relative_youngs_modulus", "2")
    assert np.isnan(missing)
    assert note == "no phase of the sample has a Young's modulus"
    flat = measure([sample[0]], ("relative-stiffness",), phases=("pore", "solid")).table
    assert set(flat.note) == {"needs a 3D sample"}


def test_particles_without_a_size():
    sample = np.zeros((9, 10, 11), dtype=np.uint8)
    sample[4, 4, 1:10] = 1  # a line
    sample[2, 2, 2] = 1  # a fragment
    measurements = measure([sample], ("particles",), phases=("pore", "solid"))
    row = value(measurements, "particle_diameter_d50", "pore")
    assert row.note == "no particle lies wholly inside the sample"
    row = value(measurements, "particle_sphericity", "solid")
    assert row.note == "the particles are too small for a surface"
    assert value(measurements, "particle_number_density", "solid").value == 1 / (8 * 9 * 10)
    assert value(measurements, "coordination_number", "solid").value == 0


def test_volume_fraction_of_blocks(rng, blobs):
    samples = [(rng.random((24, 26, 28)) < 0.3).astype(np.uint8), blobs(rng, (24, 26, 28), 2, 4.0)]
    measurements = measure(
        samples, ("representative-volume",), phases=("pore", "solid"), voxel_size_um=(0.5,) * 3
    )
    curve = measurements.curves["block_sd/solid/all"]
    assert curve.lags.tolist() == [0.5, 1, 1.5, 2, 3, 4, 6]
    assert curve.unit == "um"
    assert curve.values[0] == pytest.approx(np.sqrt(0.21 / (2 * curve.lags) ** 3), rel=0.6)
    assert measurements.table.value.gt(0.5).all()
    flat = measure(samples, ("representative-volume",), phases=("a", "b"), voxel_size_um=(40, 1, 1))
    assert not flat.curves
    assert set(flat.table.note) == {"the sample holds no two blocks along each axis"}


def test_voxels_that_are_no_cubes(rng, blobs):
    measurements = measure([blobs(rng, (8, 9, 10), 3)], voxel_size_um=(2, 1, 1))
    for metric, axis in (
        ("relative_diffusivity", "0"),
        ("tortuosity_factor", "2"),
        ("mean_local_thickness", "all"),
    ):
        row = value(measurements, metric, "pore", axis)
        assert row.value > 0
        assert row.note == ""


def test_without_convergence_the_value_is_empty(monkeypatch, rng, blobs):
    monkeypatch.setattr("matvir.metrics.relative_diffusivity._solve", lambda *_: np.nan)
    measurements = measure([blobs(rng, (8, 9, 10), 3)], ("relative-diffusivity",))
    row = value(measurements, "tortuosity_factor", "pore", "1")
    assert np.isnan(row.value)
    assert row.note == "the solver did not converge"


def test_measuring_does_not_load_torch():
    code = """
import sys
import numpy as np
from matvir.measurement.measure import measure_samples
from matvir.metrics import METRICS
sample = np.random.default_rng(0).integers(0, 3, (6, 7, 8)).astype(np.uint8)
measure_samples([sample], names=["a"], phases=["p", "q", "r"], voxel_size_um=None,
                metrics=METRICS)
sys.exit("torch" in sys.modules)
"""
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, check=False, stderr=subprocess.PIPE, timeout=120)
    assert run.returncode == 0, run.stderr


def test_misspelt_metric_is_refused():
    with pytest.raises(ConfigError, match="no metric 'percollation'; did you mean 'percolation'"):
        measure([np.zeros((4, 4), dtype=np.uint8)], ("percollation",))
    with pytest.raises(ConfigError, match="no metric 'xyz'; there are volume-fraction, "):
        measure([np.zeros((4, 4), dtype=np.uint8)], ("xyz",))


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([], "got 0 samples and 0 names"),
        ([(4, 4), (1, 4)], r"sample volume-1: expected a 2D or 3D array"),
        ([(4, 4), (4, 4, 4)], "all 2D or all 3D"),
    ],
)
def test_samples_that_do_not_fit_are_refused(shapes, message):
    with pytest.raises(InputError, match=message):
        measure([np.zeros(shape, dtype=np.uint8) for shape in shapes], ("percolation",))


def test_wrong_voxel_size_is_refused():
    with pytest.raises(InputError, match="2 positive numbers"):
        measure([np.zeros((4, 4), dtype=np.uint8)], ("percolation",), voxel_size_um=(1, 1, 1))
