from itertools import combinations

import numpy as np
import pytest
import torch
from scipy import stats

from matvir.generation.noise import BITS, TILE, NormalField, quantiles

BOX = ((3, 37), (0, 20), (15, 50))


def test_numbers_are_standard_normal_and_independent():
    box = NormalField(1, 0, 4).window(((0, 40), (0, 35), (0, 50)))
    assert box.shape == (4, 40, 35, 50)
    assert box.dtype == np.float32
    assert stats.kstest(box.ravel(), "norm").pvalue > 1e-3
    # Neighbours along each axis, within tiles and across their borders, and channels.
    for axis in range(4):
        first, second = np.delete(box, -1, axis), np.delete(box, 0, axis)
        assert abs(np.mean(first * second)) < 5 / np.sqrt(first.size)


def test_values_are_quantiles_that_bfloat16_has():
    values = torch.from_numpy(quantiles())
    torch.testing.assert_close(values.bfloat16().float(), values, rtol=0, atol=0)
    assert len(values.unique()) == 2680
    assert values.double().mean().abs() < 1e-6
    assert values.double().var(correction=0) == pytest.approx(1, abs=1e-5)
    # bfloat16 has eight significant bits.
    expected = stats.norm.ppf((np.arange(2**BITS) + 0.5) / 2**BITS)
    np.testing.assert_allclose(values, expected, rtol=2**-8, atol=0)


def test_numbers_depend_on_their_place_alone():
    whole = NormalField(7, 2, 3).window(((0, 60), (0, 40), (0, 50)))
    field = NormalField(7, 2, 3)
    for box in (BOX, ((59, 60), (39, 40), (49, 50)), ((0, 1), (0, 1), (0, 1)), BOX):
        expected = whole[:, *(slice(*bounds) for bounds in box)]
        np.testing.assert_array_equal(field.window(box), expected)


@pytest.mark.parametrize("other", [(8, 2), (7, 3)])
def test_seeds_and_levels_give_other_numbers(other):
    first, second = (NormalField(*key, 2).window(BOX) for key in ((7, 2), other))
    assert abs(np.mean(first * second)) < 5 / np.sqrt(first.size)


def test_tiles_do_not_share_numbers(monkeypatch):
    """By their ranks: several of them have one value."""
    ranks = np.arange(2**BITS, dtype=np.float32)
    monkeypatch.setattr("matvir.generation.noise.quantiles", lambda: ranks)
    tiles = NormalField(7, 0, 1).window(((0, 3 * TILE), (0, 2 * TILE), (0, 2 * TILE)))
    parts = tiles[0].reshape(3, TILE, 2, TILE, 2, TILE).swapaxes(1, 2).swapaxes(2, 4)
    parts = parts.swapaxes(1, 2).reshape(12, -1)
    for first, second in combinations(parts, 2):
        assert (first == second).mean() < 1e-3


def test_a_cache_that_is_too_small_changes_nothing(monkeypatch):
    expected = NormalField(7, 0, 2).window(BOX)
    monkeypatch.setattr("matvir.generation.noise.CACHED_BYTES", 1)
    np.testing.assert_array_equal(NormalField(7, 0, 2).window(BOX), expected)


def test_numbers_repeat_after_their_period():
    """Periods shorter and longer than a tile, boxes that begin below 0 and span many of them."""
    field, periods = NormalField(7, 2, 3), (5, 40, None)
    once = field.window(((0, 5), (0, 40), (0, 30)))
    box = ((-7, 13), (-50, 95), (3, 30))
    rows, columns = (np.arange(*box[axis]) % periods[axis] for axis in range(2))
    expected = once[:, rows][:, :, columns][..., 3:30]
    np.testing.assert_array_equal(field.window(box, periods), expected)
