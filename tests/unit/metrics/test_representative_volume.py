import numpy as np
import pytest

from matvir.errors import InputError
from matvir.metrics.representative_volume import representative_edge, spread_between_blocks


@pytest.mark.parametrize(("shape", "n_edges"), [((96, 104, 128), 10), ((500, 420), 14)])
def test_voxels_without_correlation(rng, shape, n_edges):
    edges, spread = spread_between_blocks(rng.random(shape) < 0.3)
    assert edges.tolist() == [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192][: n_edges + 1]
    n_blocks = np.array([np.prod(np.array(shape) // int(edge)) for edge in edges])
    expected = np.sqrt(0.3 * 0.7 / edges ** len(shape))
    # The relative error of a standard deviation of n normal numbers is 1 / sqrt(2 (n - 1)).
    assert (np.abs(spread / expected - 1) < 4 / np.sqrt(2 * (n_blocks - 1)) + 1e-3).all()


def test_cubes_of_one_phase():
    """Cubes of 4 voxels at the corners of a lattice of 8: known at every edge that divides it."""
    cell = np.zeros((8, 8, 8), dtype=bool)
    cell[:4, :4, :4] = True
    edges, spread = spread_between_blocks(np.tile(cell, (2, 3, 4)))
    n = 2 * 3 * 4 * 8
    at = dict(zip(edges, spread, strict=True))
    assert at[4] == pytest.approx(np.sqrt(1 / 8 * 7 / 8 * n / (n - 1)))  # blocks full or empty
    assert at[8] == pytest.approx(0, abs=1e-12)  # each block is a cell


def test_blocks_of_voxels_that_are_no_cubes_are_cubes():
    """Layers 4 um thick and 4 um apart, in voxels of 2, 1 and 0.5 um."""
    mask = np.zeros((24, 16, 40), dtype=bool)
    mask[(np.arange(24) // 2) % 2 == 0] = True
    edges, spread = spread_between_blocks(mask, voxel_size=(2, 1, 0.5))
    assert edges.tolist() == [2, 4, 6, 8]
    n_blocks = np.array([24 * 8 * 10, 12 * 4 * 5, 8 * 2 * 3, 6 * 2 * 2])
    # Blocks of 6 um hold a whole layer and half a gap, or the other way round.
    population = np.array([0.5, 0.5, 1 / 6, 0])
    assert spread == pytest.approx(population * np.sqrt(n_blocks / (n_blocks - 1)), abs=1e-12)


def test_a_gaussian_field_that_is_cut_at_its_median(rng, blobs):
    """Its covariance is known, asin(rho) / (2 pi), and so is the variance of means over blocks."""
    scale = 1.5
    edges, spread = spread_between_blocks(blobs(rng, (96, 80, 104), 2, scale=scale) == 1)
    for edge in (2, 4, 8):
        lags = np.arange(1 - edge, edge)
        squares = lags[:, None, None] ** 2 + lags[:, None] ** 2 + lags**2
        covariance = np.arcsin(np.exp(-squares / (4 * scale**2))) / (2 * np.pi)
        pairs = 1 - np.abs(lags) / edge  # share of the blocks' points that have a partner inside
        variance = np.einsum("ijk,i,j,k->", covariance, pairs, pairs, pairs) / edge**3
        assert spread[edges == edge] == pytest.approx(np.sqrt(variance), rel=0.05)


@pytest.mark.parametrize(
    ("shape", "voxel"),
    [((64, 56, 60), (1, 1, 1)), ((64, 56, 160), (2, 1, 0.5)), ((600, 520), (2, 1))],
)
def test_representative_edge_of_voxels_without_correlation(rng, shape, voxel):
    """sqrt(0.2 * 0.8 / n) is 5 % of 0.2 for n = 1600 voxels."""
    edges, spread = spread_between_blocks(rng.random(shape) < 0.2, voxel_size=voxel)
    expected = (1600 * np.prod(voxel)) ** (1 / len(shape))
    assert edges[0] < expected < edges[-1]
    found = representative_edge(edges, spread, 0.2, len(shape))
    assert found == pytest.approx(expected, rel=0.1)
    # From blocks that are all smaller.
    few = edges < expected / 2
    found = representative_edge(edges[few], spread[few], 0.2, len(shape))
    assert found == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(
    ("spread", "fraction", "expected"),
    [
        ((0.01, 0.0), 0.5, 1),  # at most the first edge
        ((0.5, 0.0), 0.5, 4),
        ((0.1, 0.025 / 4), 0.5, 2),  # halfway on both scales
        ((0.4, 0.2), 0.5, 4 * 8 ** (2 / 3)),
        ((0.0, 0.0), 1.0, np.nan),
        ((0.0, 0.0), 0.0, np.nan),
    ],
)
def test_representative_edge_of_known_curves(spread, fraction, expected):
    found = representative_edge(np.array([1.0, 4.0]), np.array(spread), fraction, 3)
    assert found == pytest.approx(expected, nan_ok=True)


def test_thin_samples_of_long_voxels_have_no_blocks():
    edges, spread = spread_between_blocks(np.ones((6, 6, 6), dtype=bool), voxel_size=(10, 1, 1))
    assert edges.size == spread.size == 0
    assert np.isnan(representative_edge(edges, spread, 0.5, 3))


def test_labels_are_refused():
    with pytest.raises(InputError, match="expected a mask of bool, got uint8"):
        spread_between_blocks(np.zeros((4, 4), dtype=np.uint8))
