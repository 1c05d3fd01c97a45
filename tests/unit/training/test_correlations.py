import numpy as np
import pytest
import torch

from matvir.training.correlations import symmetrised, two_point_correlations
from matvir.training.seeding import seeded


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
