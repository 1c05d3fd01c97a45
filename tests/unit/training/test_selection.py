from dataclasses import replace

import numpy as np
import pytest
import torch

from matvir.micrograph.encoding import TrainingData
from matvir.settings.models import SelectionConfig
from matvir.storage.image_types import GREY
from matvir.training.correlations import two_point_correlations
from matvir.training.selection import Validation, relative_errors

CPU = torch.device("cpu")
CONFIG = SelectionConfig(start=0, every=2, volumes=1, reach=9, patience=3)


class Slabs:
    """Stands for a generator of layers perpendicular to axis 0, the first phases on top."""

    def __init__(self, shares, edge=20):
        heights = np.round(np.cumsum(shares) * edge).astype(int)
        self.labels = torch.from_numpy(np.searchsorted(heights, np.arange(edge), side="right"))
        self.edge = edge

    def logits(self, _):
        one_hot = torch.nn.functional.one_hot(self.labels, 3).T.float()
        return one_hot[None, :, :, None, None].expand(-1, -1, -1, self.edge, self.edge)


def one_hot(labels, n_phases=3):
    return (labels[:, None] == torch.arange(n_phases).view(1, -1, 1, 1)).to(torch.uint8)


def test_images_like_the_micrograph_have_no_errors_others_those_of_a_count():
    random = torch.Generator().manual_seed(0)
    image = one_hot(torch.randint(0, 3, (1, 30, 44), generator=random))
    target = two_point_correlations(image, 5)
    correlations, areas = relative_errors(target, target, 3)
    assert torch.equal(correlations, torch.zeros(3))
    assert torch.equal(areas, torch.zeros(3))
    # What was phase 2 becomes phase 1: the pair (0, 1) now has the contacts of (0, 2) too.
    merged = one_hot(torch.where(image[:, 2] == 1, 1, image[:, 1].long()))
    _, areas = relative_errors(two_point_correlations(merged, 5), target, 3)
    rows, columns = image[0, :, 1:].long(), image[0, :, :, 1:].long()
    upper, left = image[0, :, :-1].long(), image[0, :, :, :-1].long()

    def contacts(first, second):
        def count(a, b):
            return ((a[first] * b[second]).sum() + (a[second] * b[first]).sum()) / a[0].numel()

        return count(upper, rows) + count(left, columns)

    assert areas[0].item() == pytest.approx((contacts(0, 2) / contacts(0, 1)).item(), rel=1e-4)
    assert areas[1:].tolist() == pytest.approx([1.0, 1.0], abs=1e-5)


def test_a_phase_that_the_micrograph_lacks_counts_as_a_rare_one():
    random = torch.Generator().manual_seed(1)
    labels = torch.randint(0, 2, (1, 30, 44), generator=random)
    target = two_point_correlations(one_hot(labels), 5)
    found = target.clone()
    found[5, 5, 5] = 0.004  # of phase 2, at lag 0
    correlations, _ = relative_errors(found, target, 3)
    assert correlations.tolist() == pytest.approx([0, 0, 0.4], abs=1e-5)


def errors_of(validation, network):
    return validation(network, network.logits(None))


def test_the_largest_error_of_a_phase_is_relative_to_its_fraction(data):
    """A phase of fraction f that is not generated at all has the error 1: S2(0) is f."""
    validation = Validation(CONFIG, [data], 20, CPU)
    errors = errors_of(validation, Slabs([1.0, 0.0, 0.0]))
    target = validation.targets[0]
    rows, columns = np.mgrid[-9:10, -9:10]
    within = torch.from_numpy(np.hypot(rows, columns) <= 9)
    surplus = ((1 - target[0][within]) / target[0, 9, 9]).max().item()
    assert errors.correlation == pytest.approx(max(surplus, 1.0), rel=1e-4)
    assert errors.area == pytest.approx(1.0, abs=1e-4)
    # Of the areas, that of phases 0 and 1 is so small that it counts for less.
    contact = ((target[1, 9, 8] + target[1, 9, 10] + target[1, 8, 9] + target[1, 10, 9]) / 4).item()
    assert contact < 1e-3
    assert errors.score == pytest.approx((surplus + 4 + contact / 1e-3) / 6, rel=1e-4)


def test_the_micrograph_is_all_its_parts_by_their_pixels(data):
    axis = 0
    whole = data.sections[axis]
    top, rest = whole[:, :, :30], whole[:, :, 30:]
    parts = [replace(data, sections={axis: np.ascontiguousarray(part)}) for part in (top, rest)]
    target = Validation(CONFIG, parts, 20, CPU).targets[0]
    fractions = target[[0, 3, 5], 9, 9]  # autocorrelations at lag 0
    expected = whole.mean(axis=(0, 2, 3), dtype=float)
    np.testing.assert_allclose(fractions, expected, rtol=1e-5)


def test_lags_stay_below_half_of_the_smallest_section(data):
    narrow = replace(data, sections={0: data.sections[0][:, :, :24, :14]})
    config = replace(CONFIG, reach=40)
    assert Validation(config, [data, narrow], 20, CPU).reach == 7
    assert Validation(config, [data], 20, CPU).reach == 10


class Brightness:
    """Stands for a generator of grey noise around a mean."""

    kind = GREY

    def __init__(self, mean, deviation, edge=24):
        noise = torch.randn((2, 1, edge, edge, edge), generator=torch.Generator().manual_seed(3))
        self.volumes = mean + deviation * noise

    def logits(self, _):
        return self.volumes

    def decode(self, volumes):
        return volumes


@pytest.mark.parametrize("shift", [0.0, 0.1])
def test_values_are_judged_by_their_deviations_whatever_the_parts_have_in_common(shift):
    """The held-out part may be brighter: what counts is the mean and the variance of both."""
    rng = np.random.default_rng(1)

    def part(mean, rows):
        noise = np.clip(255 * (mean + 0.08 * rng.standard_normal((1, 1, rows, 120))), 0, 255)
        return TrainingData(
            phases=("grey",),
            voxel_size_um=None,
            mirror=True,
            quarter_turns=True,
            isotropic=True,
            sections={0: noise.astype(np.uint8)},
            kind=GREY,
        )

    parts = [part(0.4, 90), part(0.4 + shift, 90)]
    both = np.concatenate([one.sections[0].ravel() for one in parts]) / 255
    validation = Validation(CONFIG, parts, 24, CPU)
    like = errors_of(validation, Brightness(both.mean(), 0.08))
    if shift == 0:
        # Real noise is correlated at lag zero only, and so is the generated one.
        assert like.correlation < 0.1
        assert like.area < 0.1
    else:  # the step between the parts is a variance of 0.05^2 at all lags, of 0.08^2 + 0.05^2
        assert like.correlation == pytest.approx(0.05**2 / (0.08**2 + 0.05**2), abs=0.08)
    brighter = errors_of(validation, Brightness(both.mean() + 0.08, 0.08))
    assert brighter.correlation > like.correlation + 0.1
    rougher = errors_of(validation, Brightness(both.mean(), 0.12))
    assert rougher.area == pytest.approx((0.12 / 0.08) ** 2 - 1, abs=0.15)
