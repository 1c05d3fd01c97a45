from dataclasses import replace

import numpy as np
import pytest
import torch

from matvir.training.losses.correlations import (
    CorrelationLoss,
    correlation_losses,
    symmetrised,
    two_point_correlations,
)
from matvir.training.seeding import seeded

CPU = torch.device("cpu")


def random_sections(n, n_phases, rows, columns, seed):
    labels = torch.randint(n_phases, (n, rows, columns), generator=seeded(seed))
    return torch.nn.functional.one_hot(labels, n_phases).permute(0, 3, 1, 2).to(torch.uint8)


def counted(images, material, reach):
    """Every pair of points of each lag, one by one."""
    n_phases, rows, columns = images.shape[1:]
    pairs = [(i, j) for i in range(n_phases) for j in range(i, n_phases)]
    result = np.zeros((len(pairs), 2 * reach + 1, 2 * reach + 1))
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            total, found = 0, np.zeros(len(pairs))
            for image, mask in zip(images.numpy(), material.numpy(), strict=True):
                for r in range(max(-down, 0), min(rows - down, rows)):
                    for c in range(max(-right, 0), min(columns - right, columns)):
                        total += mask[r, c] * mask[r + down, c + right]
                        found += [image[i, r, c] * image[j, r + down, c + right] for i, j in pairs]
            result[:, down + reach, right + reach] = found / total
    return torch.tensor(result, dtype=torch.float32)


def test_correlations_equal_a_count_of_all_pairs_in_a_masked_image():
    images = random_sections(2, 3, 5, 7, seed=0)
    material = torch.ones((2, 5, 7))
    material[0, 3:, 4:] = 0
    images = images * material[:, None].to(torch.uint8)
    found = two_point_correlations(images, 2, material)
    torch.testing.assert_close(found, counted(images, material, 2), rtol=1e-5, atol=1e-6)
    everywhere = torch.ones((2, 5, 7))
    whole = random_sections(2, 3, 5, 7, seed=1)
    torch.testing.assert_close(
        two_point_correlations(whole, 3), counted(whole, everywhere, 3), rtol=1e-5, atol=1e-6
    )


def test_stripes_have_the_correlations_of_stripes():
    """Columns of period 4: half of all points, and a triangle wave along the rows."""
    stripes = (torch.arange(16) % 4 < 2).float().expand(12, 16)
    found = two_point_correlations(torch.stack([stripes, 1 - stripes])[None], 4)
    # Lag 1 from column c has 15 pairs per row, of which 4 of 0-0, and so on.
    assert found[0, 4, 4].item() == pytest.approx(0.5)
    assert found[1, 4, 4].item() == pytest.approx(0)
    assert found[0, 4, 6].item() == pytest.approx(0, abs=1e-6)
    assert found[1, 4, 6].item() == pytest.approx(0.5 * 8 / 7, rel=1e-5)  # 8 of 14 pairs
    assert found[0, 7, 4].item() == pytest.approx(0.5, rel=1e-5)  # along the stripes


def test_gradient_is_that_of_finite_differences():
    images = torch.rand((2, 2, 4, 5), generator=seeded(3), requires_grad=True)

    def total():
        found = two_point_correlations(images, 2)
        return (found * torch.arange(found.numel()).reshape(found.shape)).sum()

    (gradient,) = torch.autograd.grad(total(), images)
    direction = torch.rand(images.shape, generator=seeded(4))
    with torch.no_grad():
        step, here = 1e-2, images.clone()
        images.copy_(here + step * direction)
        above = total()
        images.copy_(here - step * direction)
        below = total()
    # The correlations are quadratic, so the central difference is exact up to rounding.
    expected = ((above - below) / (2 * step)).item()
    assert (gradient * direction).sum().item() == pytest.approx(expected, rel=1e-3)


def test_symmetrised_correlations_have_the_symmetries_and_no_others():
    raw = torch.rand((2, 5, 5), generator=seeded(0))
    both = symmetrised(raw, mirror=True, quarter_turns=True)
    for image in (both.flip(-1), both.flip(-2), both.transpose(-1, -2)):
        torch.testing.assert_close(image, both)
    mirrored = symmetrised(raw, mirror=True, quarter_turns=False)
    torch.testing.assert_close(mirrored.flip(-1), mirrored)
    assert not torch.allclose(mirrored.transpose(-1, -2), mirrored)
    turned = symmetrised(raw, mirror=False, quarter_turns=True)
    torch.testing.assert_close(torch.rot90(turned, 1, (-2, -1)), turned)
    assert not torch.allclose(turned.flip(-1), turned)
    assert torch.equal(symmetrised(raw, mirror=False, quarter_turns=False), raw)


def test_loss_of_one_phase_alone_has_the_closed_form():
    """Without order, S_ij = f_i f_j; of a slice of phase 0 alone, S_00 = 1 and the rest is 0."""
    sections = random_sections(40, 2, 60, 50, seed=5)
    loss = CorrelationLoss(sections, 6, mirror=True, quarter_turns=True)
    slices = torch.zeros((4, 2, 20, 22))
    slices[:, 0] = 1
    first, second = (sections.float().mean(dim=(0, 2, 3))).tolist()
    # Relative to sqrt(f_i f_j), for the three pairs; lag 0, weight 1, is different.
    pairs = ((1 - first**2) / first, -((first * second) ** 0.5), -second)
    lags = torch.arange(-6, 7)
    distance = (lags[:, None] ** 2 + lags**2).sqrt()
    weight = (distance <= 6) / (distance + 1)
    at_zero = ((1 - first) / first, 0.0, -1.0)
    expected = sum(
        (error**2 * (weight.sum() - 1) + zero**2)
        for error, zero in zip(pairs, at_zero, strict=True)
    ) / (3 * weight.sum())
    correlation, area = loss(slices)
    assert correlation.item() == pytest.approx(expected.item(), rel=0.01)
    assert area.item() == pytest.approx(1)  # no interface where there should be one


def test_losses_of_the_same_material_are_zero_on_average_though_each_slice_differs():
    sections = random_sections(60, 2, 40, 40, seed=6)
    loss = CorrelationLoss(sections, 5, mirror=True, quarter_turns=True)
    values, areas = zip(
        *(loss(random_sections(2, 2, 12, 15, seed=s).float()) for s in range(100, 400)),
        strict=True,
    )
    squares = [
        ((loss._of(random_sections(2, 2, 12, 15, seed=s).float(), None) - loss.target) / loss.scale)
        .square()
        .mul(loss.weight)
        .sum()
        .item()
        for s in range(100, 400)
    ]
    error = np.std(values) / len(values) ** 0.5
    assert abs(np.mean(values)) < 3 * error
    assert np.mean(squares) > 8 * error
    assert abs(np.mean(areas)) < 3 * np.std(areas) / len(areas) ** 0.5


def test_areas_are_matched_each_relative_to_itself():
    """Stripes of width 2 and of width 4: half the interfaces along the columns."""
    stripes = [torch.arange(24) // width % 2 for width in (2, 4)]
    narrow, wide = (
        torch.stack([1 - one, one])[None, :, None].expand(2, 2, 24, 24).to(torch.uint8)
        for one in stripes
    )
    loss = CorrelationLoss(narrow, 6, mirror=True, quarter_turns=True)
    _, area = loss(wide.float())
    # 5 and 11 of the 23 pairs of neighbours in a row are unlike; both halves have the same error.
    assert area.item() == pytest.approx((5 / 11 - 1) ** 2, rel=1e-4)


def test_a_phase_that_the_sections_do_not_show_counts_as_one_of_a_percent():
    sections = random_sections(4, 2, 30, 30, seed=7)
    absent = torch.cat([sections, torch.zeros_like(sections[:, :1])], dim=1)
    loss = CorrelationLoss(absent, 4, mirror=True, quarter_turns=True)
    slices = torch.zeros((2, 3, 12, 12))
    slices[:, 2] = 1
    # Of the six pairs the last one, S_22 = 1 in place of 0, is all but everything.
    assert loss(slices)[0].item() == pytest.approx(1 / 0.01**2 / 6, rel=0.01)


def test_each_axis_has_its_own_target_and_thin_sections_are_replaced(data):
    sections = data.sections[0]
    turned = np.ascontiguousarray(sections.transpose(0, 1, 3, 2))
    apart = replace(data, isotropic=False, sections={0: sections, 1: sections, 2: turned})
    losses = correlation_losses(apart, 32, 99, CPU)
    assert [loss.reach for loss in losses] == [16, 16, 16]  # half a slice
    thin = replace(data, sections={0: sections, 1: sections[..., :9], 2: sections[..., :9]})
    losses = correlation_losses(thin, 32, 10, CPU)
    assert losses[1] is losses[0]
    assert losses[2] is losses[0]
