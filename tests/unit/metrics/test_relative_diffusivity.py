import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import cg

from matvir.errors import InputError
from matvir.metrics.percolation import connected_components, percolating_part
from matvir.metrics.relative_diffusivity import relative_diffusivity, tortuosity_factor


def conjugate_gradients(mask, axis):
    """Solve the same problem with an assembled matrix; the mask must percolate."""
    conducting = np.moveaxis(percolating_part(connected_components(mask), axis), axis, 0)
    n_layers, *cross_section = conducting.shape
    n_nodes = int(conducting.sum())
    number = np.full(conducting.shape, -1)
    number[conducting] = np.arange(n_nodes)
    pairs = []
    for direction in range(3):
        along = np.moveaxis(number, direction, 0)
        both = (along[:-1] >= 0) & (along[1:] >= 0)
        pairs.append(np.stack([along[:-1][both], along[1:][both]]))
    left, right = np.concatenate(pairs, axis=1)
    inlet, outlet = number[0][number[0] >= 0], number[-1][number[-1] >= 0]
    # The faces lie half a voxel from the first and the last layer: conductance 2.
    diagonal = np.bincount(np.concatenate([left, right]), minlength=n_nodes).astype(float)
    diagonal += 2.0 * np.bincount(np.concatenate([inlet, outlet]), minlength=n_nodes)
    links = sparse.coo_array((-np.ones(left.size), (left, right)), shape=(n_nodes, n_nodes))
    matrix = (links + links.T + sparse.diags_array(diagonal)).tocsr()
    source = np.zeros(n_nodes)
    source[inlet] = 2.0
    concentration, failure = cg(matrix, source, rtol=1e-9)
    assert failure == 0
    return 2 * concentration[outlet].sum() * n_layers / np.prod(cross_section)


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


def test_cubic_array_of_insulating_spheres(sphere):
    mask = ~sphere((64, 64, 64), (0.10 * 3 / (4 * np.pi)) ** (1 / 3) * 64)
    assert mask.mean() == pytest.approx(0.9, abs=0.002)
    value = relative_diffusivity(mask, 1)
    assert value == pytest.approx(0.8520, abs=0.0007)
    # Maxwell: (1 - phi) / (1 + phi / 2); steps of voxels lower it a little.
    assert value == pytest.approx(0.9 / 1.05, rel=0.008)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_equals_conjugate_gradients(rng, blobs, axis):
    mask = blobs(rng, (24, 18, 30), 2) == 1
    expected = conjugate_gradients(mask, axis)
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
    assert np.isnan(relative_diffusivity(mask, 0, max_iterations=100))
    assert capsys.readouterr().out == ""


def test_threads_of_torch_are_left_as_they_were():
    import torch

    before = torch.get_num_threads()
    relative_diffusivity(np.ones((4, 4, 4), dtype=bool), 0)
    assert torch.get_num_threads() == before


def test_reference_values_of_a_part_of_the_documented_electrode(electrode):
    mask = electrode[:48, :40, :44] == 0
    assert relative_diffusivity(mask, 0) == pytest.approx(conjugate_gradients(mask, 0), rel=1e-3)


@pytest.mark.slow
def test_reference_values_of_the_documented_electrode(electrode):
    mask = electrode == 0
    value = relative_diffusivity(mask, 0)
    assert value == pytest.approx(0.2166, abs=5e-4)
    assert tortuosity_factor(float(mask.mean()), value) == pytest.approx(2.0776, rel=2e-3)


def test_2d_sample_is_refused():
    with pytest.raises(InputError, match="needs a 3D sample"):
        relative_diffusivity(np.ones((6, 6), dtype=bool), 0)


def test_voxels_that_are_no_cubes_are_refused():
    with pytest.raises(InputError, match="relative diffusivity needs cubic voxels"):
        relative_diffusivity(np.ones((6, 6, 6), dtype=bool), 0, voxel_size=(2, 1, 1))
