import pytest
import torch

from matvir.training.seeding import seeded
from matvir.training.slices import all_slices, diagonal_slices, random_slices


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


def test_diagonal_slices_run_through_neighbouring_diagonals(volumes):
    """Voxel (d, h, w) of volume b has the number 360 b + 120 c + 30 d + 6 h + w."""
    for axis, (along, first, second) in enumerate([(30, 6, 1), (6, 30, 1), (1, 30, 6)]):
        edges = [edge for other, edge in enumerate((4, 5, 6)) if other != axis]
        found = diagonal_slices(volumes, axis, 3, 1000, seeded(0))
        places = (edges[0] - 2) * (edges[1] - 2)
        assert found.shape == (2 * 2 * places, 3, (4, 5, 6)[axis], 3)
        assert (found.diff(dim=2) == along).all()
        steps = found.diff(dim=3)
        assert set(steps.unique().tolist()) == {first + second, first - second}
        assert len({tuple(one.flatten().tolist()) for one in found}) == len(found)


def test_fewer_diagonal_slices_are_distinct_and_follow_the_seed(volumes):
    some, same, other = (diagonal_slices(volumes, 0, 4, 5, seeded(s)) for s in (0, 0, 1))
    assert some.shape == (2 * 5, 3, 4, 4)
    assert torch.equal(some, same)
    assert not torch.equal(some, other)
    assert len({tuple(one.flatten().tolist()) for one in some}) == 10
