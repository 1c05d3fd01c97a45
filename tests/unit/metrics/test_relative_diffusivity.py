import numpy as np
import pytest

from matvir.errors import InputError
from matvir.metrics.percolation import connected_components, percolating_part
from matvir.metrics.relative_diffusivity import (
    effective_conductivity,
    relative_diffusivity,
    tortuosity_factor,
)


def by_taufactor(mask, axis):
    """Solve the same problem by over-relaxation; the mask must percolate."""
    import taufactor

    conducting = np.moveaxis(percolating_part(connected_components(mask), axis), axis, 0)
    solver = taufactor.Solver(np.ascontiguousarray(conducting, dtype=np.float32), device="cpu")
    solver.solve(verbose=False, conv_crit=1e-3, iter_limit=20_000)
    assert solver.converged
    return float(solver.D_rel[0])


def test_full_block():
    for axis in range(3):
        assert relative_diffusivity(np.ones((8, 12, 10), dtype=bool), axis) == pytest.approx(1)


def test_straight_channels_conduct_along_their_axis_only():
    mask = np.zeros((16, 10, 12), dtype=bool)
    mask[:, :5, ::2] = True  # layers in parallel and channels: a quarter of the volume
    mask[3, 8, 3] = True  # an island that conducts nothing
    assert relative_diffusivity(mask, 0) == pytest.approx(0.25)
    assert relative_diffusivity(mask, 1) == 0
    assert relative_diffusivity(mask, 2) == 0
    assert relative_diffusivity(np.moveaxis(mask, 0, 2), 2) == pytest.approx(0.25)


def test_layers_in_parallel_and_in_series():
    mask = np.zeros((12, 10, 8), dtype=bool)
    mask[:, :5] = True
    assert relative_diffusivity(mask, 0) == pytest.approx(0.5)
    assert relative_diffusivity(mask, 2) == pytest.approx(0.5)
    assert relative_diffusivity(mask, 1) == 0


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_conductivity_of_layers_is_exact(axis):
    layers = np.full((12, 10, 14), 2e-3)
    layers[:5] = 2.0
    field, edges = np.moveaxis(layers, 0, axis), (2, 1, 0.5)
    for along in range(3):
        expected = 12 / (5 / 2 + 7 / 2e-3) if along == axis else (5 * 2 + 7 * 2e-3) / 12
        found = effective_conductivity(field, along, voxel_size=edges)
        assert found == pytest.approx(expected, rel=1e-6)


def test_conductivity_of_one_phase_is_its_relative_diffusivity(rng, blobs):
    mask = blobs(rng, (16, 20, 18), 2) == 1
    expected = 3 * relative_diffusivity(mask, 1)
    assert effective_conductivity(3.0 * mask, 1) == pytest.approx(expected, rel=1e-6)


def test_spheres_that_conduct_better(sphere):
    """Maxwell: 1 + 3 phi b / (1 - phi b) with b = (10 - 1) / (10 + 2)."""
    inside = sphere((32, 32, 32), (0.10 * 3 / (4 * np.pi)) ** (1 / 3) * 32)
    found = effective_conductivity(np.where(inside, 10.0, 1.0), 1)
    assert found == pytest.approx(1 + 0.225 / 0.925, rel=0.01)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (np.ones((4, 4)), r"needs a 3D sample, got shape \(4, 4\)"),
        (np.full((4, 4, 4), -1.0), r"finite and not negative, got -1 \.\. -1"),
    ],
)
def test_conductivities_that_cannot_be(field, message):
    with pytest.raises(InputError, match=message):
        effective_conductivity(field, 0)


def test_channel_that_winds_many_times():
    mask = np.zeros((43, 7, 60), dtype=bool)
    mask[1:-1:2, 3] = True  # runs along axis 2, one voxel wide, linked in turn at either end
    mask[2::4, 3, -1] = mask[::4, 3, 0] = True
    length = int(mask.sum())
    assert length == 21 * 60 + 22
    assert relative_diffusivity(mask, 0) == pytest.approx(43 / (7 * 60) / length)


def test_cubic_array_of_insulating_spheres(sphere):
    mask = ~sphere((64, 64, 64), (0.10 * 3 / (4 * np.pi)) ** (1 / 3) * 64)
    assert mask.mean() == pytest.approx(0.9, abs=0.002)
    value = relative_diffusivity(mask, 1)
    assert value == pytest.approx(0.8520, abs=0.0007)
    # Maxwell: (1 - phi) / (1 + phi / 2); steps of voxels lower it a little.
    assert value == pytest.approx(0.9 / 1.05, rel=0.008)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_equals_taufactor(rng, blobs, axis):
    mask = blobs(rng, (24, 18, 30), 2) == 1
    expected = by_taufactor(mask, axis)
    assert 0.05 < expected < 0.5
    assert relative_diffusivity(mask, axis) == pytest.approx(expected, rel=1e-3)


def test_given_percolating_part_is_used(rng, blobs):
    mask = blobs(rng, (16, 12, 14), 2) == 1
    part = percolating_part(connected_components(mask), 1)
    expected = relative_diffusivity(mask, 1)
    assert relative_diffusivity(mask, 1, percolating=part) == expected
    assert relative_diffusivity(mask, 1, percolating=np.zeros_like(part)) == 0


def test_tortuosity_factor():
    assert tortuosity_factor(0.4, 0.1) == 4
    assert np.isnan(tortuosity_factor(0.4, 0.0))
    assert np.isnan(tortuosity_factor(0.4, np.nan))


def test_without_convergence_there_is_no_number(capsys, rng, blobs):
    mask = blobs(rng, (24, 18, 30), 2) == 1
    assert np.isnan(relative_diffusivity(mask, 0, max_iterations=1))
    assert capsys.readouterr().out == ""


def test_same_bits_every_time(rng, blobs):
    mask = blobs(rng, (24, 18, 30), 2) == 1
    assert relative_diffusivity(mask, 0) == relative_diffusivity(mask, 0)


def test_reference_values_of_a_part_of_the_documented_electrode(electrode):
    mask = electrode[:48, :40, :44] == 0
    assert relative_diffusivity(mask, 0) == pytest.approx(by_taufactor(mask, 0), rel=1e-3)


@pytest.mark.slow
def test_reference_values_of_the_documented_electrode(electrode):
    mask = electrode == 0
    value = relative_diffusivity(mask, 0)
    assert value == pytest.approx(0.2166, abs=5e-4)
    assert tortuosity_factor(float(mask.mean()), value) == pytest.approx(2.0776, rel=2e-3)


def test_2d_sample_is_refused():
    with pytest.raises(InputError, match="needs a 3D sample"):
        relative_diffusivity(np.ones((6, 6), dtype=bool), 0)


@pytest.mark.parametrize("edges", [(2.0, 1.0, 0.5), (0.5, 2.0, 3.0), (1.0, 1.0, 1.0)])
def test_layers_of_voxels_that_are_no_cubes_conduct_by_their_share(edges):
    layers = np.zeros((6, 8, 10), dtype=bool)
    layers[:, 2:5] = True
    for axis, expected in ((0, 3 / 8), (1, 0.0), (2, 3 / 8)):
        found = relative_diffusivity(layers, axis, voxel_size=edges)
        assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("edges", [(2.0, 1.0, 0.5), (0.5, 2.0, 3.0), (1.0, 1.0, 1.0)])
def test_a_bent_channel_is_resistors_in_series(edges):
    """Down 3 voxels, 4 sideways along axis 1, 2 along axis 2, and down to the end."""
    channel = np.zeros((8, 9, 7), dtype=bool)
    channel[:4, 2, 2] = True
    channel[3, 2:7, 2] = True
    channel[3, 6, 2:5] = True
    channel[3:, 6, 4] = True
    # Of a voxel to its neighbour along axis i the resistance is h_i^2 over that along the flux; the
    # two faces are half a voxel away.
    sideways = 4 * (edges[1] / edges[0]) ** 2 + 2 * (edges[2] / edges[0]) ** 2
    expected = 8 / (0.5 + 7 + sideways + 0.5) / (9 * 7)
    assert relative_diffusivity(channel, 0, voxel_size=edges) == pytest.approx(expected, rel=1e-5)


def test_a_volume_with_long_voxels_is_that_of_cubes(rng):
    """Each voxel of 3 x 1 x 1 is three cubes; the finer mesh differs by what a mesh matters."""
    from scipy import ndimage

    field = ndimage.gaussian_filter(rng.standard_normal((24, 40, 36)), (2, 6, 6), mode="wrap")
    long = field > np.quantile(field, 0.4)
    cubes = long.repeat(3, axis=0)
    for axis in range(3):
        found = relative_diffusivity(long, axis, voxel_size=(3, 1, 1))
        assert found == pytest.approx(relative_diffusivity(cubes, axis), rel=0.06)
    wrong = relative_diffusivity(long, 0)
    assert abs(wrong / relative_diffusivity(cubes, 0) - 1) > 0.1
