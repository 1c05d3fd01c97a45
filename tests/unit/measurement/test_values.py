import numpy as np
import pytest
from scipy import ndimage

from matvir.measurement.measure import measure_value_samples
from matvir.measurement.values import ValueSample, measure_values


def measured(values, **options):
    options = {"channels": ("grey",), "voxel_size_um": None} | options
    return measure_values(ValueSample(values=values, **options))


def value(found, metric, axis="all", channel="grey"):
    (row,) = [r for r in found.rows if (r.phase, r.axis, r.metric) == (channel, axis, metric)]
    return row.value


@pytest.fixture
def waves():
    """Return a sine along axis 1 with a period of 8 pixels: mean 0.5, variance 0.08."""
    wave = 0.5 + 0.4 * np.sin(2 * np.pi * np.arange(96) / 8)
    return np.round(255 * np.tile(wave, (64, 1))).astype(np.uint8)[None]


def test_moments_and_quantiles_are_those_of_numpy():
    rng = np.random.default_rng(0)
    values = (255 * rng.beta(2, 5, (1, 20, 30, 25))).astype(np.uint8)
    found = measured(values)
    share = values[0] / 255
    assert value(found, "mean_value") == pytest.approx(share.mean())
    assert value(found, "value_sd") == pytest.approx(share.std())
    deviations = (share - share.mean()) / share.std()
    assert value(found, "value_skewness") == pytest.approx((deviations**3).mean())
    assert value(found, "value_quantile_95") == pytest.approx(np.quantile(share, 0.95))
    histogram = found.curves["histogram/grey/all"]
    assert histogram.values.sum() == pytest.approx(1)
    assert (histogram.lags @ histogram.values[0]) == pytest.approx(share.mean(), abs=0.005)


def test_a_wave_has_its_covariance_gradient_and_frequency(waves):
    found = measured(waves, voxel_size_um=(0.5, 0.25))
    along = found.curves["autocovariance/grey/1"]
    assert along.unit == "um"
    expected = 0.08 * np.cos(2 * np.pi * along.lags / 2.0)  # 8 pixels are 2 um
    np.testing.assert_allclose(along.values[0][:20], expected[:20], atol=0.004)
    across = found.curves["autocovariance/grey/0"].values[0]
    np.testing.assert_allclose(across, 0.08, rtol=0.02)
    # Mean square of the sine's steps, over the squared pixel.
    steps = 4 * np.sin(np.pi / 8) ** 2 * 0.08
    assert value(found, "squared_gradient", "1") == pytest.approx(steps / 0.25**2, rel=0.02)
    assert value(found, "squared_gradient", "0") == 0
    length = 2 / (2 * np.pi) * np.arccos(1 / np.e)
    assert value(found, "correlation_length", "1") == pytest.approx(length, rel=0.05)
    assert np.isnan(value(found, "correlation_length", "0"))
    spectrum = found.curves["power_spectrum/grey/radial"]
    assert spectrum.unit == "1/um"
    assert spectrum.lags[spectrum.values[0].argmax()] == pytest.approx(0.5, abs=0.03)


def test_the_power_of_noise_is_its_variance_at_all_frequencies():
    rng = np.random.default_rng(1)
    noise = np.clip(128 + 30 * rng.standard_normal((1, 40, 50, 60)), 0, 255).astype(np.uint8)
    spectrum = measured(noise).curves["power_spectrum/grey/radial"]
    expected = (noise / 255).var()
    np.testing.assert_allclose(spectrum.values[0][6:], expected, rtol=0.25)
    assert spectrum.values[0][6:].mean() == pytest.approx(expected, rel=0.05)


def test_blur_shortens_the_spectrum_as_a_gaussian_does():
    rng = np.random.default_rng(2)
    sigma = 1.5
    field = ndimage.gaussian_filter(rng.standard_normal((300, 340)), sigma, mode="wrap")
    values = np.clip(128 + 40 * field / field.std(), 0, 255).astype(np.uint8)[None]
    spectrum = measured(values).curves["power_spectrum/grey/radial"]
    f = spectrum.lags
    shape = np.exp(-4 * np.pi**2 * sigma**2 * f**2)
    inside = (f > 0.02) & (f < 0.15)
    ratio = spectrum.values[0][inside] / shape[inside]
    assert ratio.std() / ratio.mean() < 0.15


def test_channels_are_measured_by_themselves():
    rng = np.random.default_rng(3)
    values = rng.integers(0, 256, (3, 24, 32), dtype=np.uint8)
    values[1] = 7
    found = measured(values, channels=("red", "green", "blue"))
    assert value(found, "mean_value", channel="green") == pytest.approx(7 / 255)
    assert np.isnan(value(found, "value_skewness", channel="green"))
    assert value(found, "mean_value", channel="blue") == pytest.approx(values[2].mean() / 255)
    notes = {r.note for r in found.rows if r.phase == "green" and np.isnan(r.value)}
    assert notes == {"the channel is constant"}


def test_samples_make_one_table():
    rng = np.random.default_rng(4)
    samples = [rng.integers(0, 256, (1, 16, 20), dtype=np.uint8) for _ in range(3)]
    found = measure_value_samples(
        samples, names=["a", "b", "c"], channels=["grey"], voxel_size_um=[0.5, 0.5]
    )
    means = found.table[found.table["metric"] == "mean_value"]
    assert means["sample"].tolist() == ["a", "b", "c"]
    assert means["value"].tolist() == pytest.approx([s.mean() / 255 for s in samples])
    assert found.curves["autocovariance/grey/radial"].values.shape[0] == 3
