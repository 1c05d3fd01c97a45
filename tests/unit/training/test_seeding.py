import torch

from matvir.training.seeding import STREAMS, derived_seed, seeded


def test_seeds_of_different_places_differ_and_are_reproducible():
    seeds = {
        derived_seed(seed, stream, index)
        for seed in range(5)
        for stream in STREAMS
        for index in range(50)
    }
    assert len(seeds) == 5 * len(STREAMS) * 50
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derived_seed(1, "training", 2) == derived_seed(1, "training", 2)


def test_a_seed_determines_the_numbers():
    first, second = (torch.rand(5, generator=seeded(7)) for _ in range(2))
    assert torch.equal(first, second)
