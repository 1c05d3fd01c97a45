import numpy as np
import pandas as pd
import pytest

from matvir.errors import InputError
from matvir.measurement.curves import read_curves
from matvir.measurement.representativity import (
    PART,
    fraction_intervals,
    fractions_told,
    images_by_dimension,
    independent_observations,
    limits,
)
from matvir.measurement.run import measure, workers_that_fit
from matvir.measurement.samples import generated_samples, part_of, real_samples, volume_samples
from matvir.measurement.tables import merge_measurements, write_measurements
from matvir.storage.images import MaterialImage, Specimen
from matvir.storage.samples import Samples


@pytest.fixture
def volume(rng):
    return rng.integers(0, 2, (12, 24, 18), dtype=np.uint8)


def image(labels, **more):
    return MaterialImage(voxels=labels, phases=("a", "b"), **more)


def test_volumes_are_measured_with_their_middle_slices_cut_to_one_square(volume):
    samples = volume_samples([volume, 1 - volume], None)
    assert samples["3d"].names == ("volume-000", "volume-001")
    assert samples["2d"].names[:4] == ("slice-000-0", "slice-000-1", "slice-000-2", "slice-001-0")
    assert {labels.shape for labels in samples["2d"].labels} == {(12, 12)}
    np.testing.assert_array_equal(samples["2d"].labels[0], volume[6, :12, :12])
    np.testing.assert_array_equal(samples["2d"].labels[1], volume[:, 12, :12])
    np.testing.assert_array_equal(samples["2d"].labels[5], 1 - volume[:, :12, 9])


def test_a_micrograph_gives_2d_samples_and_its_reference_3d_ones(volume, rng):
    micrograph = image(rng.integers(0, 2, (20, 30), dtype=np.uint8))
    alone = real_samples(Specimen.of(micrograph), None, (6, 8, 7), 100, rng)
    assert set(alone) == {"2d"}
    assert len(alone["2d"].labels) == 3 * 5
    assert {labels.shape for labels in alone["2d"].labels} == {(6, 6)}
    both = real_samples(Specimen.of(micrograph), image(volume), (6, 8, 7), 100, rng)
    assert len(both["3d"].labels) == 2 * 3 * 2
    assert {labels.shape for labels in both["3d"].labels} == {(6, 8, 7)}
    assert both["2d"].names == alone["2d"].names


def test_a_volume_is_its_own_reference_and_samples_do_not_overlap(rng):
    numbered = np.arange(12 * 24 * 18) % 251
    samples = real_samples(
        Specimen.of(image(numbered.reshape(12, 24, 18))), None, (6, 12, 9), 100, rng
    )
    assert len(samples["3d"].labels) == 8
    assert sum(labels.size for labels in samples["3d"].labels) == 12 * 24 * 18
    together = np.sort(np.concatenate([labels.ravel() for labels in samples["3d"].labels]))
    np.testing.assert_array_equal(together, np.sort(numbered))
    assert len(samples["2d"].labels) == 3 * 8


def test_only_crops_inside_the_mask_are_taken(rng):
    valid = np.zeros((20, 30), bool)
    valid[:10, :12] = True
    labels = np.where(valid, rng.integers(0, 2, (20, 30)), 0).astype(np.uint8)
    samples = real_samples(Specimen.of(image(labels, valid=valid)), None, (5, 5, 5), 100, rng)
    assert len(samples["2d"].labels) >= 1
    outside = real_samples(
        Specimen.of(image(labels, valid=np.ones_like(valid))), None, (5, 5, 5), 100, rng
    )
    assert len(samples["2d"].labels) < len(outside["2d"].labels)


def test_independent_observations_are_those_of_the_coarsest_phase(rng):
    """Blocks of 8 x 8 pixels are one observation each."""
    blocks = rng.integers(0, 2, (40, 30), dtype=np.uint8)
    coarse = image(np.kron(blocks, np.ones((8, 8), np.uint8)))
    assert independent_observations(coarse) == pytest.approx(1200, rel=0.4)
    masked = image(coarse.voxels, valid=np.ones(coarse.voxels.shape, bool))
    assert np.isnan(independent_observations(masked))


def test_a_phase_without_a_number_makes_it_unknown(rng):
    fine = rng.integers(0, 2, (64, 64), dtype=np.uint8)
    absent = MaterialImage(voxels=fine, phases=("a", "b", "c"))
    assert np.isnan(independent_observations(absent))


def test_a_large_image_counts_as_a_whole(rng, monkeypatch):
    large = image(rng.integers(0, 2, (90, 120), dtype=np.uint8))
    whole = independent_observations(large)
    interval = fractions_told(large, 0.95)["b"]
    monkeypatch.setitem(PART, 2, 60)
    assert independent_observations(large) == pytest.approx(whole, rel=0.2)
    judged = fractions_told(large, 0.95)["b"]
    assert judged.fraction == interval.fraction
    assert judged.observations == pytest.approx(interval.observations, rel=0.2)
    # Fewer observations have judged their number.
    assert judged.high - judged.low > 0.9 * (interval.high - interval.low)


def test_the_interval_of_a_fraction_is_that_of_independent_pixels(rng):
    """Of n independent pixels a fraction p has the standard error sqrt(p (1 - p) / n)."""
    labels = (rng.random((120, 90)) < 0.3).astype(np.uint8)
    found = fractions_told(image(labels), 0.95)["b"]
    error = np.sqrt(0.3 * 0.7 / labels.size)
    assert found.fraction == labels.mean()
    assert (found.low + found.high) / 2 == pytest.approx(labels.mean(), rel=1e-3)
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * error, rel=0.25)
    assert fraction_intervals(image(labels, valid=labels == 0), 0.95) == {}


def test_slices_with_pixels_of_another_shape_are_left_out(volume):
    names = volume_samples([volume], (2.0, 1.0, 1.0))["2d"].names
    assert names == ("slice-000-0",)


def test_an_image_smaller_than_a_sample_is_refused_with_both_sizes(rng):
    small = image(rng.integers(0, 2, (20, 30), dtype=np.uint8))
    with pytest.raises(InputError, match=r"\(20, 30\)"):
        real_samples(Specimen.of(small), None, (24, 24, 24), 10, rng)


def test_workers_share_the_memory():
    assert workers_that_fit(8, 64**3, 16000) == 8
    assert workers_that_fit(8, 64**3, 1600) == 3  # 0.52 GB each
    assert workers_that_fit(8, 256**3, 16000) == 1
    assert workers_that_fit(8, 512**3, 16000) == 1


def test_written_table_is_tidy_and_agrees_with_counting(tmp_path, volume):
    table, curves = measure(
        volume_samples([volume], (0.5, 0.5, 0.5)),
        phases=("a", "b"),
        voxel_size_um=(0.5, 0.5, 0.5),
        metrics=["volume-fraction", "two-point-correlation"],
        n_workers=1,
        memory_mb=1000,
    )
    paths = {"metrics_path": tmp_path / "m.csv", "curves_path": tmp_path / "c.h5"}
    write_measurements(table, curves, material="x", model="real", seed=None, **paths)
    read = pd.read_csv(tmp_path / "m.csv")
    expected = "material model seed sample phase axis metric value unit note"
    assert list(read.columns) == expected.split()
    assert read["seed"].isna().all()
    rows = read[(read.metric == "volume_fraction") & (read["sample"] == "volume-000")]
    assert rows.set_index("phase")["value"]["b"] == pytest.approx(volume.mean())
    kept = read_curves(tmp_path / "c.h5")
    assert set(kept) == {"2d", "3d"}
    assert kept["3d"]["s2/b/0"].values[0, 0] == pytest.approx(volume.mean())


def test_an_anisotropic_material_has_slices_of_three_kinds(volume):
    samples = volume_samples([volume, 1 - volume], (1.0, 2.0, 3.0), isotropic=False)
    assert set(samples) == {"3d", "2d-0", "2d-1", "2d-2"}
    assert samples["2d-1"].names == ("plane-1-000", "plane-1-001")
    np.testing.assert_array_equal(samples["2d-0"].labels[0], volume[6])
    np.testing.assert_array_equal(samples["2d-1"].labels[1], 1 - volume[:, 12])
    np.testing.assert_array_equal(samples["2d-2"].labels[0], volume[:, :, 9])


def test_each_plane_gives_crops_as_large_as_the_slices_across_its_axis(rng):
    planes = {0: image(np.zeros((20, 30), np.uint8)), 2: image(np.ones((13, 25), np.uint8))}
    found = real_samples(Specimen(planes=planes), None, (6, 8, 7), 100, rng, isotropic=False)
    assert {name: one.labels[0].shape for name, one in found.items()} == {
        "2d-0": (8, 7),
        "2d-2": (6, 8),
    }
    assert [len(found[name].labels) for name in ("2d-0", "2d-2")] == [2 * 4, 2 * 3]
    assert all(labels.all() for labels in found["2d-2"].labels)


def test_an_anisotropic_volume_is_the_reference_of_all_its_slices(volume, rng):
    specimen = Specimen.of(image(volume))
    found = real_samples(specimen, None, (6, 12, 9), 100, rng, isotropic=False)
    assert {name: len(one.labels) for name, one in found.items()} == dict.fromkeys(
        ("3d", "2d-0", "2d-1", "2d-2"), 8
    )
    images = images_by_dimension(specimen, None, isotropic=False)
    assert images == dict.fromkeys(("3d", "2d-0", "2d-1", "2d-2"), specimen.volume)


def test_images_of_planes_with_a_reference(volume):
    planes = {0: image(volume[0]), 1: image(volume[:, 0])}
    reference = image(volume)
    images = images_by_dimension(Specimen(planes=planes), reference, isotropic=False)
    assert images == {
        "3d": reference,
        "2d-0": planes[0],
        "2d-1": planes[1],
        "2d-2": reference,
    }
    assert set(images_by_dimension(Specimen.of(planes[0]), None, isotropic=True)) == {"2d"}


def test_axes_in_a_plane_have_the_numbers_and_edges_of_the_volume(volume):
    """Columns of the plane perpendicular to axis 1 run along axis 2, whose voxels are 3 um long."""
    labels = np.zeros((12, 24, 18), np.uint8)
    labels[:, :, 3:9] = 1
    table, curves = measure(
        volume_samples([labels], (1.0, 2.0, 3.0), isotropic=False),
        phases=("a", "b"),
        voxel_size_um=(1.0, 2.0, 3.0),
        metrics=["chord-length", "two-point-correlation"],
        n_workers=1,
        memory_mb=1000,
    )
    chords = table[(table["metric"] == "mean_chord_length") & (table["phase"] == "b")]
    across_1 = chords[chords["sample"] == "plane-1-000"].set_index("axis")["value"]
    assert set(across_1.index) == {"0", "2"}
    # Chords of 6 voxels; a line of 18 has 17 places for their ends.
    assert across_1["2"] == pytest.approx(6 * 17 / 18 * 3.0)
    assert {key for key in curves["2d-1"] if key.startswith("s2/b/")} == {
        "s2/b/0",
        "s2/b/2",
        "s2/b/diagonal",
        "s2/b/radial",
    }
    np.testing.assert_allclose(curves["2d-1"]["s2/b/2"].lags[:3], [0, 3, 6])
    np.testing.assert_allclose(curves["2d-2"]["s2/b/1"].lags[:3], [0, 2, 4])


def test_limits_are_those_of_each_image(rng):
    fine, coarse = (
        image(np.kron(rng.integers(0, 2, (64 // n, 96 // n)), np.ones((n, n))).astype(np.uint8))
        for n in (1, 4)
    )
    numbers, intervals = limits({"2d-0": fine, "2d-1": coarse}, 0.9)
    assert numbers == {
        "2d-0": independent_observations(fine),
        "2d-1": independent_observations(coarse),
    }
    assert numbers["2d-0"] > 4 * numbers["2d-1"]
    assert intervals["2d-1"] == fraction_intervals(coarse, 0.9)


def test_images_are_samples_like_slices(rng):
    images = rng.integers(0, 2, (3, 6, 6), dtype=np.uint8)
    common = {"labels": images, "phases": ("a", "b"), "voxel_size_um": None, "seeds": (1, 2, 3)}
    alike = Samples(**common, provenance={"image_axis": None})
    found = generated_samples(alike, isotropic=True)
    assert list(found) == ["2d"]
    assert found["2d"].names == ("slice-000", "slice-001", "slice-002")
    np.testing.assert_array_equal(np.stack(found["2d"].labels), images)
    across = Samples(**common, provenance={"image_axis": 2})
    found = generated_samples(across, isotropic=False)
    assert found["2d-2"].names == ("plane-2-000", "plane-2-001", "plane-2-002")
    volumes = Samples(**common | {"labels": np.stack([images] * 2)}, provenance={})
    found = generated_samples(volumes, isotropic=False)
    assert sorted(found) == ["2d-0", "2d-1", "2d-2", "3d"]


def test_crops_of_a_stack_are_of_one_micrograph_each(rng):
    numbered = np.broadcast_to(np.arange(5, dtype=np.uint8)[:, None, None], (5, 13, 20))
    stack = Specimen.of(image(numbered.copy(), stack=True))
    samples = real_samples(stack, None, (6, 6, 6), 100, rng)
    assert set(samples) == {"2d"}
    assert [labels.shape for labels in samples["2d"].labels] == [(6, 6)] * (5 * 2 * 3)
    assert sorted(int(one.mean()) for one in samples["2d"].labels) == sorted([*range(5)] * 6)
    assert all(one.std() == 0 for one in samples["2d"].labels)
    assert images_by_dimension(stack, None, isotropic=True)["2d"] is stack.planes[0]


def test_images_of_a_stack_are_independent_of_each_other(rng):
    """By the scatter of their fractions, and the same in whatever order they are."""
    blocks = rng.integers(0, 2, (10, 30, 24), dtype=np.uint8)
    labels = blocks.repeat(6, axis=1).repeat(6, axis=2)  # an observation is 36 pixels
    stack = image(labels, stack=True)
    number = independent_observations(stack)
    assert number == pytest.approx(10 * 30 * 24, rel=0.25)
    shuffled = image(labels[rng.permutation(10)], stack=True)
    assert independent_observations(shuffled) == pytest.approx(number)
    found = fractions_told(stack, 0.95)["b"]
    assert fraction_intervals(stack, 0.95)["b"] == (found.low, found.high)
    expected = 2 * 2.26 * 0.5 / np.sqrt(10 * 30 * 24)  # Student, 9 degrees of freedom
    assert found.high - found.low == pytest.approx(expected, rel=0.5)
    assert found.low < labels.mean() < found.high
    assert found.standard_error == pytest.approx((found.high - found.low) / 2 / 2.262, rel=1e-3)


def test_a_stack_of_one_image_is_that_image(rng):
    labels = rng.integers(0, 2, (40, 48), dtype=np.uint8)
    alone, stack = image(labels), image(labels[None], stack=True)
    assert independent_observations(stack) == independent_observations(alone)
    assert fraction_intervals(stack, 0.9) == fraction_intervals(alone, 0.9)


@pytest.mark.parametrize("n_parts", [2, 3, 7])
def test_parts_joined_are_to_the_byte_what_one_job_writes(tmp_path, rng, n_parts):
    volumes = [rng.integers(0, 2, (8, 9, 10), dtype=np.uint8) for _ in range(5)]
    samples = volume_samples(volumes, None)
    settings = {"phases": ("a", "b"), "voxel_size_um": None, "n_workers": 1, "memory_mb": 1000}
    metrics = ("volume-fraction", "two-point-correlation")

    def written(name, chosen):
        paths = tmp_path / f"{name}.csv", tmp_path / f"{name}.h5"
        table, curves = measure(chosen, metrics=metrics, **settings)
        names = {"material": "m", "model": "a", "seed": 3}
        write_measurements(table, curves, **names, metrics_path=paths[0], curves_path=paths[1])
        return paths

    expected = written("whole", samples)
    shares = [part_of(samples, part, n_parts) for part in range(n_parts)]
    assert sum(len(share["3d"].names) for share in shares if "3d" in share) == 5
    assert sum("3d" in share for share in shares) == min(n_parts, 5)
    tables, curves = zip(*(written(f"{n}", share) for n, share in enumerate(shares)), strict=True)
    joined = tmp_path / "joined.csv", tmp_path / "joined.h5"
    merge_measurements(tables, curves, metrics_path=joined[0], curves_path=joined[1])
    assert joined[0].read_bytes() == expected[0].read_bytes()
    ours, theirs = read_curves(joined[1]), read_curves(expected[1])
    assert ours.keys() == theirs.keys()
    for dimension, of_dimension in theirs.items():
        assert ours[dimension].keys() == of_dimension.keys()
        for name, curve in of_dimension.items():
            np.testing.assert_array_equal(ours[dimension][name].values, curve.values)


def test_a_job_without_samples_writes_an_empty_table(tmp_path, volume):
    none = part_of(volume_samples([volume], None), 0, 30)
    table, curves = measure(
        none, phases=("a", "b"), voxel_size_um=None, metrics=(), n_workers=1, memory_mb=1
    )
    assert none == curves == {}
    assert table.empty
