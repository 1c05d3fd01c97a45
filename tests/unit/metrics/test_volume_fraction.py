import numpy as np
import pytest

from matvir.errors import InputError
from matvir.metrics.volume_fraction import volume_fractions


def test_fractions_of_layers_with_an_absent_phase():
    labels = np.zeros((10, 4, 6), dtype=np.uint8)
    labels[3:5] = 1
    labels[5:] = 3
    assert volume_fractions(labels, 4).tolist() == [0.3, 0.2, 0.0, 0.5]


def test_fractions_in_2d():
    assert volume_fractions(np.array([[0, 1, 1], [1, 0, 1]]), 2) == pytest.approx([1 / 3, 2 / 3])


def test_fractions_of_the_documented_electrode(electrode):
    assert volume_fractions(electrode, 3) == pytest.approx([0.44992, 0.40047, 0.14962], abs=5e-6)


def test_unnamed_phase_is_refused():
    with pytest.raises(InputError, match="name every phase"):
        volume_fractions(np.array([[0, 1], [2, 1]]), 2)
