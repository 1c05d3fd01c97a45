"""Denoising: noise is measured, removed, and edges stay."""

import numpy as np
import pytest
from scipy import ndimage

from matvir.errors import ConfigError
from matvir.micrograph.denoising import denoise, estimate_noise
from matvir.settings.records import DenoiseConfig

METHODS = ("nonlocal-means", "total-variation", "median")


def step(shape):
    image = np.zeros(shape, np.float32)
    image[..., shape[-1] // 2 :] = 100.0
    return image


@pytest.mark.parametrize("shape", [(96, 128), (20, 24, 32)])
def test_noise_of_known_strength(rng, shape):
    noisy = step(shape) + rng.normal(0, 8, shape).astype(np.float32)
    assert estimate_noise(noisy) == pytest.approx(8, rel=0.1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(64, 80), (10, 16, 24)])
def test_error_falls_and_the_edge_stays(rng, method, shape):
    clean = step(shape)
    noisy = clean + rng.normal(0, 8, shape).astype(np.float32)
    strength = 1.0 if method != "median" else 2.0
    smooth = denoise(noisy, DenoiseConfig(method=method, strength=strength))
    assert smooth.shape == shape
    assert np.std(smooth - clean) < 0.5 * np.std(noisy - clean)
    middle = shape[-1] // 2
    assert smooth[..., middle].mean() - smooth[..., middle - 1].mean() > 80


@pytest.mark.parametrize("method", ["nonlocal-means", "total-variation"])
def test_units_do_not_matter(rng, method):
    noisy = step((32, 40)) + rng.normal(0, 8, (32, 40)).astype(np.float32)
    config = DenoiseConfig(method=method, strength=1.0)
    scaled = denoise(256 * noisy, config)
    np.testing.assert_allclose(scaled / 256, denoise(noisy, config), atol=0.05)


def test_median_is_the_one_of_a_disk(rng):
    noisy = rng.random((20, 30))
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]])
    expected = ndimage.generic_filter(noisy, np.median, footprint=cross, mode="nearest")
    found = denoise(noisy, DenoiseConfig(method="median", strength=1.0))
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("method", ["nonlocal-means", "total-variation", "none"])
def test_image_without_noise_stays(method):
    clean = step((32, 40))
    found = denoise(clean, DenoiseConfig(method=method, strength=1.0), noise=0.0)
    np.testing.assert_array_equal(found, clean)
    assert found is not clean


def test_none_keeps_a_noisy_image(rng):
    noisy = rng.random((20, 30))
    np.testing.assert_array_equal(denoise(noisy, DenoiseConfig(method="none", strength=3)), noisy)


def test_bad_settings(rng):
    with pytest.raises(ConfigError, match=r"denoise.strength: expected a number >= 0, got -1"):
        denoise(rng.random((8, 9)), DenoiseConfig(method="median", strength=-1))
    with pytest.raises(ConfigError, match="there is no method 'wavelet'"):
        denoise(rng.random((8, 9)), DenoiseConfig(method="wavelet", strength=1))
