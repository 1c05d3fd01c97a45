import pytest
import torch

from matvir.training.seeding import seeded
from matvir.training.slices import all_slices, plane_groups, random_slices


@pytest.fixture
def volumes():
    return torch.arange(2 * 3 * 4 * 5 * 6).reshape(2, 3, 4, 5, 6)


def test_all_slices_of_a_non_cubic_volume_in_every_direction(volumes):
    expected = [
        torch.stack([volumes[b, :, d] for b in range(2) for d in range(4)]),
        torch.stack([volumes[b, :, :, h] for b in range(2) for h in range(5)]),
        torch.stack([volumes[b, :, :, :, w] for b in range(2) for w in range(6)]),
    ]
    for axis in range(3):
        assert torch.equal(all_slices(volumes, axis), expected[axis])


def test_random_slices_are_distinct_slices_of_the_volume(volumes):
    for axis, size in enumerate((4, 5, 6)):
        every = all_slices(volumes, axis)
        chosen = random_slices(volumes, axis, 3, seeded(0))
        assert chosen.shape == (6, *every.shape[1:])
        found = [(every == one).flatten(1).all(dim=1).nonzero().item() for one in chosen]
        assert len(set(found)) == 6
        assert {index // size for index in found} == {0, 1}


def test_all_positions_are_drawn_in_the_long_run(volumes):
    seen = set()
    for seed in range(100):
        seen |= set(random_slices(volumes, 2, 1, seeded(seed))[:, 0, 0, 0].tolist())
    assert len(seen) == 2 * 6


def test_an_isotropic_material_shares_one_set_of_micrographs():
    assert plane_groups(True) == [(0, 1, 2)]
    assert plane_groups(False) == [(0,), (1,), (2,)]
