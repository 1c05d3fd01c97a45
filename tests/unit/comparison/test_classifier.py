"""Whether the classifier test finds differences that are there, and none that are not."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import t

from matvir.comparison import classifier, trained_eye
from matvir.comparison.classifier import (
    ClassifierTest,
    Judgement,
    area_under_curve,
    interval_over_splits,
    judge,
    read_telling,
    write_telling,
)
from matvir.comparison.slices import Look, Slices, draw_crops, slices_of_samples
from matvir.errors import InputError
from matvir.measurement.samples import SampleSet

LOOK = Look(n_phases=2, mirror=True, quarter_turns=True)
SETTINGS = {"seed": 0, "confidence": 0.95}


def blobs(seed, n, sigma, shape=(20, 36, 34)):
    """Return volumes of half blobs, half gaps, whose size is about ``sigma``."""
    noise = np.random.default_rng(seed).normal(size=(n, *shape))
    return [(gaussian_filter(one, sigma) > 0).astype(np.uint8) for one in noise]


def slices(volumes):
    return [Slices.of_volume(volume, (0, 1, 2)) for volume in volumes]


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(classifier, "SIZES", (16,))
    monkeypatch.setattr(classifier, "SPLITS", 3)
    monkeypatch.setattr(trained_eye, "STEPS", 100)


def test_blobs_of_other_size_are_told_and_equal_ones_are_not():
    real = slices(blobs(0, 12, 2.0))
    alike = judge("3d", real, slices(blobs(1, 12, 2.0)), LOOK, kind="generated", **SETTINGS)
    other = judge("3d", real, slices(blobs(2, 12, 1.0)), LOOK, kind="generated", **SETTINGS)
    assert alike.table["auc"].item() == pytest.approx(0.5, abs=0.1)
    assert alike.table["auc_low"].item() < 0.5 < alike.table["auc_high"].item()
    assert other.table["auc"].item() > 0.97
    shown = other.telling["3d"]
    assert [one.shape for one in shown] == [(6, 16, 16)] * 2
    # Small blobs have more interface.
    edges = [np.abs(np.diff(one.astype(int), axis=2)).mean() for one in shown]
    assert edges[1] > 1.5 * edges[0]


def test_the_same_seed_gives_the_same_numbers():
    real, made = slices(blobs(0, 4, 2.0)), slices(blobs(1, 4, 1.5))
    first, again = (judge("3d", real, made, LOOK, kind="generated", **SETTINGS) for _ in range(2))
    assert first.table.equals(again.table)


def test_a_model_of_volumes_is_judged_in_3d_with_the_floor_and_the_training_image():
    real = slices(blobs(0, 8, 2.0))
    section = [Slices.of_image(one[0]) for one in blobs(3, 8, 1.0)]
    test = ClassifierTest({"3d": real, "2d": real}, {"3d": section}, LOOK, **SETTINGS)
    table = test({"3d": real, "2d": real}).table.set_index("kind")
    assert list(table.index) == ["generated", "real", "section"]
    assert set(table["dimension"]) == {"3d"}
    assert table.loc["real", "n_real"] == 4
    assert table.loc["section", "auc"] > 0.8 > table.loc["real", "auc"]
    assert test({"2d-1": real}).table.empty


def test_too_few_samples_are_said():
    few = slices(blobs(0, 3, 2.0))
    table = judge("3d", few, few, LOOK, kind="generated", **SETTINGS).table
    assert table["note"].item() == "fewer than 4 samples of a side"
    assert np.isnan(table["auc"].item())


def test_samples_smaller_than_the_slices_have_no_row():
    small = slices(blobs(0, 4, 2.0, (12, 20, 20)))
    assert judge("3d", small, small, LOOK, kind="generated", **SETTINGS).table.empty


def test_the_area_is_the_share_of_pairs():
    real, other = np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0])
    pairs = [(o > r) + 0.5 * (o == r) for r in real for o in other]
    assert area_under_curve(real, other) == pytest.approx(np.mean(pairs))


def test_the_interval_counts_what_splits_share():
    areas = np.array([0.6, 0.7, 0.65, 0.69])
    reach = t.ppf(0.975, 3) * areas.std(ddof=1) * np.sqrt(1 / 4 + 1)
    assert interval_over_splits(areas, 0.95) == pytest.approx((0.66 - reach, 0.66 + reach))
    assert interval_over_splits(np.array([0.9, 1.0]), 0.95)[1] == 1.0


def test_crops_of_colours_and_of_materials_without_symmetry():
    image = np.arange(20 * 18 * 3, dtype=np.uint32).reshape(20, 18, 3).astype(np.uint8)
    plain = Look(n_phases=None, mirror=False, quarter_turns=False)
    crops = draw_crops([Slices.of_image(image)], 5, 16, plain, np.random.default_rng(0))
    assert crops.shape == (5, 16, 16, 3)
    # Rows and columns are in their order.
    assert (np.diff(crops[..., 0].astype(int), axis=2) % 256 == 3).all()


def test_large_volumes_are_cut_and_slices_are_sorted_by_axis():
    volume = np.zeros((64, 130, 70), np.uint8)
    samples = {"3d": SampleSet(("volume-0",), (volume,))}
    whole = slices_of_samples(samples, None, isotropic=True)
    assert {name: len(group) for name, group in whole.items()} == {"3d": 2, "2d": 2}
    assert [stack.shape for stack in whole["3d"][0].stacks] == [(64, 64, 64)] * 3
    apart = slices_of_samples(samples, None, isotropic=False)
    assert set(apart) == {"3d", "2d-0", "2d-1", "2d-2"}
    assert len(apart["2d-1"][0].stacks) == 1
    flat = slices_of_samples(samples, (2.0, 1.0, 1.0), isotropic=True)
    assert len(flat["3d"][0].stacks) == 1


def test_telling_slices_are_read_as_written(tmp_path):
    path = tmp_path / "telling.h5"
    shown = np.ones((2, 16, 16), np.uint8), np.zeros((2, 16, 16), np.uint8)
    write_telling(path, {"a/seed-0": Judgement(telling={"3d": shown}), "b/seed-0": Judgement()})
    found = read_telling(path, "a/seed-0")
    assert [one.tolist() for one in found["3d"]] == [one.tolist() for one in shown]
    assert read_telling(path, "b/seed-0") == {}
    path.write_bytes(b"no file")
    with pytest.raises(InputError, match=r"telling slices .* compare again"):
        read_telling(path, "a/seed-0")
