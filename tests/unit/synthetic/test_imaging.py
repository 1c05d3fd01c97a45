import json

import numpy as np
import pytest
import tifffile
from skimage.filters import threshold_multiotsu
from skimage.restoration import denoise_nl_means, estimate_sigma

from matvir.synthetic.growth import KINDS
from matvir.synthetic.imaging import (
    COUNTS_PER_GREY,
    READOUT_NOISE,
    render_micrograph,
    write_micrograph,
)
from matvir.synthetic.nmc import grow_nmc

KIND = KINDS["nmc"]


def render(labels, rng):
    return render_micrograph(labels, KIND.grey_levels, KIND.texture, rng)


@pytest.fixture(scope="module")
def section():
    return grow_nmc((24, 72, 96), np.random.default_rng(0))[12]


@pytest.mark.parametrize("phase", [0, 1, 2])
def test_grey_level_and_noise_of_one_phase(phase, rng):
    grey = render(np.full((200, 300), phase, dtype=np.uint8), rng).astype(float)
    level = KIND.grey_levels[phase]
    assert grey.mean() == pytest.approx(level, rel=0.01)
    # Shading and texture are smooth, so neighbouring pixels differ by the noise alone, almost.
    noise = np.diff(grey, axis=1).var() / 2
    expected = level / COUNTS_PER_GREY + READOUT_NOISE**2 + 1 / 12
    assert expected * 0.97 < noise < expected * 1.15


def test_shading_varies_by_a_few_per_cent(rng):
    grey = render(np.full((240, 360), 2, dtype=np.uint8), rng).astype(float)
    blocks = grey.reshape(6, 40, 6, 60).mean(axis=(1, 3)) / grey.mean()
    assert 0.02 < np.ptp(blocks) < 0.12


def test_micrograph_follows_its_generator(section):
    first, second, other = (render(section, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert first.dtype == np.uint8
    assert first.shape == section.shape
    assert (first != other).mean() > 0.5


def test_micrograph_can_be_segmented_but_not_perfectly(section, rng):
    grey = render(section, rng) / 255
    noise = estimate_sigma(grey)
    smooth = denoise_nl_means(grey, patch_size=5, patch_distance=6, h=0.8 * noise, sigma=noise)
    found = np.digitize(smooth, threshold_multiotsu(smooth, 3))
    masks = [(found == phase, section == phase) for phase in range(3)]
    scores = [(a & b).sum() / (a | b).sum() for a, b in masks]
    assert 0.83 < np.mean(scores) < 0.97


@pytest.mark.parametrize("shape", [(25, 26), (7, 25, 26), (25, 26, 3)])
@pytest.mark.parametrize("pixel_size_um", [(0.5, 0.4), None])
def test_written_micrograph(tmp_path, rng, pixel_size_um, shape):
    grey = rng.integers(0, 256, shape, dtype=np.uint8)
    write_micrograph(
        tmp_path / "raw.tif",
        grey,
        pixel_size_um=pixel_size_um,
        plane=12,
        provenance={"synthetic": {"seed": 0}},
    )
    with tifffile.TiffFile(tmp_path / "raw.tif") as file:
        np.testing.assert_array_equal(file.asarray(), grey)
        metadata = file.imagej_metadata
        sizes = [file.pages[0].tags[f"{name}Resolution"].value for name in "YX"]
    assert metadata["plane"] == 12
    assert json.loads(metadata["provenance"])["synthetic"]["seed"] == 0
    if pixel_size_um is None:
        assert "unit" not in metadata
    else:
        assert metadata["unit"] == "um"
        assert [per / pixels for pixels, per in sizes] == pytest.approx(pixel_size_um)
