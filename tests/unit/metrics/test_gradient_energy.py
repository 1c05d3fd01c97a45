import numpy as np
import pytest

from matvir.metrics.gradient_energy import gradient_energy


def test_energy_of_one_hot_phases_is_twice_the_share_of_unlike_neighbours(rng):
    labels = rng.integers(0, 3, (7, 10))
    one_hot = (labels == np.arange(3)[:, None, None]).astype(float)
    unlike = (labels[1:] != labels[:-1]).sum() + (labels[:, 1:] != labels[:, :-1]).sum()
    assert gradient_energy(one_hot) == pytest.approx(2 * unlike / (6 * 10 + 7 * 9))


def test_energy_of_a_ramp_is_its_slope_squared():
    ramp = np.broadcast_to(np.linspace(0, 0.9, 10), (1, 4, 10))
    steps_along_rows, steps_along_columns = 4 * 9, 3 * 10
    expected = 0.1**2 * steps_along_rows / (steps_along_rows + steps_along_columns)
    assert gradient_energy(ramp) == pytest.approx(expected)
    assert np.isnan(gradient_energy(np.ones((2, 1, 1))))
