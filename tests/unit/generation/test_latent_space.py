from dataclasses import replace

import numpy as np
import pytest
import torch

from matvir.generation.latent_space import (
    N_SHOWN,
    REGRESSION_COLUMNS,
    between,
    codes_of,
    explore,
    principal_map,
    properties,
    regressions,
)
from matvir.micrograph.encoding import TrainingData
from matvir.models.vae import Vae
from matvir.report.latent import draw_latent
from matvir.settings.models import VaeNetworkConfig
from matvir.storage.image_types import PHASES
from matvir.training.seeding import seeded

CONFIG = VaeNetworkConfig(image_size=16, latent_length=5, channels=(4, 6), discriminator=None)


@pytest.fixture
def network():
    made = Vae(CONFIG, 2)
    made.initialise(seeded(1))
    return made.eval()


@pytest.fixture
def data(rng):
    labels = rng.integers(0, 2, (40, 48))
    return TrainingData(
        phases=("a", "b"),
        voxel_size_um=None,
        mirror=True,
        quarter_turns=True,
        isotropic=True,
        sections={0: (labels == np.arange(2)[:, None, None])[None].astype(np.uint8)},
    )


def one_hot(labels):
    labels = torch.as_tensor(labels)
    return torch.stack([labels == phase for phase in range(2)], dim=1).float()


def test_the_map_shows_the_plane_of_largest_variance(rng):
    plane = rng.normal(size=(300, 2)) * (5, 2)
    turned = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    codes = np.hstack([plane, 0.1 * rng.normal(size=(300, 4))]) @ turned + 7
    found = principal_map(codes)
    variances = codes.var(axis=0).sum()
    np.testing.assert_allclose(found.places.var(axis=0) / variances, found.shares)
    assert found.shares.sum() > 0.99
    assert found.shares[0] == pytest.approx(25 / 29, abs=0.04)
    assert abs(np.corrcoef(found.places[:, 0], plane[:, 0])[0, 1]) > 0.99


def test_a_way_begins_and_ends_at_its_codes(network):
    first, second = network.draw(2, seeded(2))
    way = between(network, first, second, 5)
    assert way.shape == (5, 2, 16, 16)
    with torch.no_grad():
        ends = network(torch.stack([first, (first + second) / 2, second]))
    torch.testing.assert_close(way[[0, 2, 4]], ends)


def test_properties_of_random_pixels_and_of_blocks():
    rng = np.random.default_rng(0)
    fine = (rng.random((1, 64, 64)) < 0.3).astype(int)
    coarse = np.kron(rng.integers(0, 2, (1, 8, 8)), np.ones((1, 8, 8), int))
    found = properties(one_hot(np.concatenate([fine, coarse])), ("a", "b"))
    assert list(found) == [
        ("volume_fraction", "a"),
        ("correlation_length", "a"),
        ("volume_fraction", "b"),
        ("correlation_length", "b"),
    ]
    np.testing.assert_allclose(found["volume_fraction", "b"], [fine.mean(), coarse.mean()])
    # The covariance of single pixels is 0 at the eight next ones, (1 + sqrt(2)) / 2 away.
    lengths = found["correlation_length", "b"]
    assert lengths[0] == pytest.approx((1 - 1 / np.e) * (1 + np.sqrt(2)) / 2, abs=0.03)
    # That of random blocks of 8 falls along an axis as 1 - r / 8, and faster on diagonals.
    assert 3 < lengths[1] < 8


def test_a_property_that_is_linear_in_the_code_is_found_and_noise_is_not(rng):
    codes = [rng.normal(size=(200, 5)) for _ in range(2)]
    weights = rng.normal(size=5)
    sides = [(c, {("p", "a"): c @ weights + 3, ("q", "a"): rng.normal(size=200)}) for c in codes]
    sides[1][1]["p", "a"][:3] = np.nan
    table, predicted = regressions(sides[0], sides[1])
    assert tuple(table.columns) == REGRESSION_COLUMNS
    linear, noise = table.itertuples()
    assert linear.r2 > 0.999
    assert (linear.n_fitted, linear.n_tested) == (200, 197)
    assert noise.r2 < 0.1
    expected = codes[1][3:] @ weights + 3
    np.testing.assert_allclose(predicted["p", "a"][3:], expected, atol=0.05)
    assert np.isnan(predicted["p", "a"][:3]).all()


def test_too_few_images_give_a_reason_instead_of_a_number(rng):
    values = np.full(50, np.nan)
    values[:10] = 1
    side = rng.normal(size=(50, 3)), {("correlation_length", "a"): values}
    row = regressions(side, side)[0].iloc[0]
    assert np.isnan(row["r2"])
    assert row["note"] == "fewer than 20 images have it"
    assert row["unit"] == "pixel"


def test_exploring_judges_on_the_part_that_was_held_out(network, data, monkeypatch, tmp_path):
    monkeypatch.setattr("matvir.generation.latent_space.N_CROPS", 30)
    whole = replace(data, sections={0: np.ones_like(data.sections[0]) * [[[[0]], [[1]]]]})
    held_out = replace(whole, sections={0: whole.sections[0].astype(np.uint8)})
    found = explore(network, data, held_out, seed=3)
    assert (found.tested["volume_fraction", "b"] == 1).all()
    assert not found.table["note"].str.contains("overlap").any()
    assert all(len(strip) == N_SHOWN for strip in found.strips.values())
    narrow = replace(held_out, sections={0: held_out.sections[0][:, :, :8]})
    for unseen in (narrow, None):
        found = explore(network, data, unseen, seed=3)
        assert found.table["note"].str.contains("overlap those learned from").all()
        assert 0.3 < found.tested["volume_fraction", "b"].mean() < 0.7
    again = explore(network, data, None, seed=3)
    assert all(np.array_equal(found.strips[name], again.strips[name]) for name in found.strips)
    draw_latent(found, data.phases, PHASES, tmp_path / "latent.png")
    assert (tmp_path / "latent.png").stat().st_size > 10_000


def test_codes_are_means(network):
    images = torch.rand((3, 2, 16, 16), generator=seeded(0))
    torch.testing.assert_close(codes_of(network, images), network.encode(images)[0])
