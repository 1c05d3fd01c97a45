import json

import numpy as np
import pytest
import tifffile
from scipy.ndimage import distance_transform_edt
from skimage.filters import threshold_multiotsu
from skimage.restoration import denoise_nl_means, estimate_sigma

from matvir.config import SyntheticConfig
from matvir.errors import ConfigError
from matvir.micrograph.synthetic import (
    BINDER_FRACTION,
    COUNTS_PER_GREY,
    GREY_LEVELS,
    NMC_FRACTION,
    READOUT_NOISE,
    grow_nmc,
    render_micrograph,
    synthesise,
    write_micrograph,
)

PORE, BINDER, NMC = 0, 1, 2


def config(shape, seed=0):
    return SyntheticConfig(kind="nmc", shape=shape, seed=seed)


@pytest.fixture(scope="module")
def electrode():
    return grow_nmc(config((48, 72, 96)))


def test_fractions_are_those_of_the_design(electrode):
    assert electrode.labels.shape == (48, 72, 96)
    assert electrode.labels.dtype == np.uint8
    expected = [1 - NMC_FRACTION - BINDER_FRACTION, BINDER_FRACTION, NMC_FRACTION]
    # A voxel may tie with the threshold.
    np.testing.assert_allclose(electrode.volume_fractions(), expected, atol=3 / 48 / 72 / 96)


def test_same_seed_same_bits_whatever_the_global_state():
    np.random.seed(1)  # noqa: NPY002
    first = grow_nmc(config((24, 26, 30), seed=5)).labels
    np.random.seed(2)  # noqa: NPY002
    second = grow_nmc(config((24, 26, 30), seed=5)).labels
    other = grow_nmc(config((24, 26, 30), seed=6)).labels
    np.testing.assert_array_equal(first, second)
    assert (first != other).mean() > 0.3


def test_isotropic(electrode):
    nmc = electrode.labels == NMC
    # Two-point probability at a lag of half a particle, along each axis.
    lag = 6
    along = [
        np.mean(np.take(nmc, range(lag, n), axis) & np.take(nmc, range(n - lag), axis))
        for axis, n in enumerate(nmc.shape)
    ]
    np.testing.assert_allclose(along, np.mean(along), rtol=0.06)
    assert np.mean(along) > 1.1 * nmc.mean() ** 2


def test_no_boundary_layer():
    faces, whole = [], []
    for seed in range(4):
        labels = grow_nmc(config((24, 40, 48), seed=seed)).labels
        faces.append(np.mean(labels[[0, -1]] == NMC))
        whole.append(np.mean(labels == NMC))
    assert np.mean(faces) == pytest.approx(np.mean(whole), abs=0.04)


def test_particles_have_the_packed_sizes(electrode):
    depth = distance_transform_edt(electrode.labels == NMC)
    assert 9 < depth.max() < 18


def test_binder_lies_on_particles_and_most_of_all_between_them(electrode):
    labels = electrode.labels
    distance = distance_transform_edt(labels != NMC)
    assert distance[labels == BINDER].mean() < 0.7 * distance[labels == PORE].mean()
    # Where a voxel touches a particle, binder prefers places with many particle voxels around.
    around = sum(
        np.roll(labels == NMC, shift, (0, 1, 2)) for shift in np.ndindex(5, 5, 5) if any(shift)
    )
    around = np.roll(around, (-2, -2, -2), (0, 1, 2))
    touching = np.zeros(labels.shape, dtype=bool)
    touching[4:-4, 4:-4, 4:-4] = (distance == 1)[4:-4, 4:-4, 4:-4]
    binder, pore = (around[touching & (labels == phase)].mean() for phase in (BINDER, PORE))
    assert binder > 1.1 * pore


def test_too_small_a_shape():
    with pytest.raises(ConfigError, match=r"at least 24 voxels.*\(24, 23, 30\)"):
        grow_nmc(config((24, 23, 30)))


@pytest.mark.parametrize("phase", [PORE, BINDER, NMC])
def test_grey_level_and_noise_of_one_phase(phase, rng):
    grey = render_micrograph(np.full((200, 300), phase, dtype=np.uint8), rng).astype(float)
    level = GREY_LEVELS[phase]
    assert grey.mean() == pytest.approx(level, rel=0.01)
    # Shading and texture are smooth, so neighbouring pixels differ by the noise alone, almost.
    noise = np.diff(grey, axis=1).var() / 2
    expected = level / COUNTS_PER_GREY + READOUT_NOISE**2 + 1 / 12
    assert expected * 0.97 < noise < expected * 1.15


def test_shading_varies_by_a_few_per_cent(rng):
    grey = render_micrograph(np.full((240, 360), NMC, dtype=np.uint8), rng).astype(float)
    blocks = grey.reshape(6, 40, 6, 60).mean(axis=(1, 3)) / grey.mean()
    assert 0.02 < np.ptp(blocks) < 0.12


def test_micrograph_follows_its_generator(electrode):
    section = electrode.labels[20]
    first, second, other = (
        render_micrograph(section, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, second)
    assert first.dtype == np.uint8
    assert first.shape == section.shape
    assert (first != other).mean() > 0.5


def test_micrograph_can_be_segmented_but_not_perfectly(electrode, rng):
    section = electrode.labels[24]
    grey = render_micrograph(section, rng) / 255
    noise = estimate_sigma(grey)
    smooth = denoise_nl_means(grey, patch_size=5, patch_distance=6, h=0.8 * noise, sigma=noise)
    found = np.digitize(smooth, threshold_multiotsu(smooth, 3))
    masks = [(found == phase, section == phase) for phase in range(3)]
    scores = [(a & b).sum() / (a | b).sum() for a, b in masks]
    assert 0.83 < np.mean(scores) < 0.97


def test_synthesise_names_phases_and_voxels():
    material = synthesise(config((24, 25, 26)), phases=("a", "b", "c"), voxel_size_um=(0.5,) * 3)
    assert material.truth.phases == ("a", "b", "c")
    assert material.truth.voxel_size_um == (0.5, 0.5, 0.5)
    assert material.plane == 12
    assert material.micrograph.shape == (25, 26)
    assert material.truth.provenance["synthetic"] == {
        "kind": "nmc",
        "shape": [24, 25, 26],
        "seed": 0,
    }


def test_synthesise_refuses_other_phases():
    with pytest.raises(ConfigError, match=r"3 phases .* got 2 names \('pore', 'nmc'\)"):
        synthesise(config((24, 24, 24)), phases=("pore", "nmc"), voxel_size_um=None)


def test_synthesise_refuses_other_voxels():
    with pytest.raises(ConfigError, match=r"cubic voxels, got \(0.4, 0.4, 0.8\)"):
        synthesise(
            config((24, 24, 24)), phases=("pore", "binder", "nmc"), voxel_size_um=(0.4, 0.4, 0.8)
        )


@pytest.mark.parametrize("voxel_size_um", [0.4, None])
def test_written_micrograph(tmp_path, voxel_size_um):
    material = synthesise(
        config((24, 25, 26)), phases=("pore", "binder", "nmc"), voxel_size_um=voxel_size_um
    )
    write_micrograph(tmp_path / "raw.tif", material)
    with tifffile.TiffFile(tmp_path / "raw.tif") as file:
        np.testing.assert_array_equal(file.asarray(), material.micrograph)
        metadata = file.imagej_metadata
        pixels, per = file.pages[0].tags["XResolution"].value
    assert metadata["plane"] == 12
    assert json.loads(metadata["provenance"])["synthetic"]["seed"] == 0
    if voxel_size_um is None:
        assert "unit" not in metadata
    else:
        assert metadata["unit"] == "um"
        assert per / pixels == pytest.approx(0.4)
