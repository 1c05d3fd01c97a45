import h5py
import numpy as np
import pytest

from matvir.errors import InputError
from matvir.measurement.curves import Curve, read_curves, stack_curves, write_curves


def curve(n_lags, value, n_samples=1):
    return Curve(
        lags=np.arange(n_lags) * 0.5, values=np.full((n_samples, n_lags), value), unit="um"
    )


def test_curves_survive_the_file(tmp_path):
    groups = {
        "2d": {"s2/pore/0": curve(4, 0.2, 3), "s2/pore+nmc/radial": curve(5, 0.1)},
        "3d": {"lineal_path/pore/2": curve(3, 0.3)},
        "none": {},
    }
    write_curves(tmp_path / "curves.h5", groups)
    read = read_curves(tmp_path / "curves.h5")
    assert {group: set(curves) for group, curves in read.items()} == {
        group: set(curves) for group, curves in groups.items()
    }
    for group, curves in groups.items():
        for name, expected in curves.items():
            assert np.array_equal(read[group][name].lags, expected.lags)
            assert np.array_equal(read[group][name].values, expected.values)
            assert read[group][name].unit == "um"


def test_stack_ends_with_the_shortest():
    stacked = stack_curves([{"a": curve(4, 0.1)}, {"a": curve(3, 0.2)}])
    assert stacked["a"].lags.tolist() == [0, 0.5, 1]
    assert stacked["a"].values.tolist() == [[0.1] * 3, [0.2] * 3]
    assert stacked["a"].unit == "um"


@pytest.mark.parametrize("content", ["text", "other"])
def test_another_file_is_refused(tmp_path, content):
    path = tmp_path / "curves.h5"
    if content == "text":
        path.write_text("no HDF5")
    else:
        with h5py.File(path, "w") as file:
            file["labels"] = [1, 2]
    with pytest.raises(InputError, match="expected a file of curves"):
        read_curves(path)
