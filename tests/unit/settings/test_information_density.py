import numpy as np
import pytest
import torch
from torch.nn.functional import conv_transpose1d

from matvir.errors import ConfigError
from matvir.settings.information_density import (
    broken_rules,
    information_density,
    nearest_admissible,
    require_even_density,
)

PAPER = ((4, 2, 2),) * 4 + ((4, 2, 3),)
FAST = ((3, 1, 2), (4, 2, 2)) * 3 + ((3, 1, 2), (6, 2, 4))


@pytest.mark.parametrize(
    "layer", [(4, 2, 2), (6, 3, 3), (6, 2, 4), (3, 1, 2), (4, 2, 3), (1, 1, 0)]
)
def test_sets_that_keep_the_rules(layer):
    assert broken_rules(layer) == []
    assert nearest_admissible(layer) == layer


@pytest.mark.parametrize(
    ("layer", "rule", "nearest"),
    [
        ((3, 2, 1), "divides the kernel size", (4, 2, 2)),
        ((4, 2, 1), "padding is at least", (4, 2, 2)),
        ((2, 2, 0), "stride is below the kernel size", (4, 2, 2)),
        ((5, 3, 3), "divides the kernel size", (6, 3, 3)),
    ],
)
def test_each_rule_and_the_nearest_set(layer, rule, nearest):
    assert any(rule in broken for broken in broken_rules(layer))
    assert nearest_admissible(layer) == nearest


def test_the_error_names_layer_rule_and_the_nearest_set():
    expected = (
        r"network.generator: layer 2 has kernel size 3, stride 2 and padding 1, expected that the "
        r"stride divides .*\(3 mod 2 is not 0\).* nearest set is kernel size 4, stride 2, padding 2"
    )
    with pytest.raises(ConfigError, match=expected):
        require_even_density([(4, 2, 2), (3, 2, 1), (4, 2, 2)])


@pytest.mark.parametrize("layers", [PAPER, FAST])
def test_admissible_layers_reach_every_voxel_alike(layers):
    np.testing.assert_array_equal(information_density(layers, 12), 1)


@pytest.mark.parametrize("layers", [((3, 2, 1),) * 3, ((4, 2, 1),) * 2, ((2, 3, 0), (5, 2, 2))])
def test_other_layers_do_not_and_equal_a_convolution_of_ones(layers):
    density = torch.ones((1, 1, 7), dtype=torch.float64)
    for kernel, stride, padding in layers:
        ones = torch.ones((1, 1, kernel), dtype=torch.float64)
        density = conv_transpose1d(density, ones, stride=stride, padding=padding)
    expected = (density / density.max()).flatten().numpy()
    found = information_density(layers, 7)
    np.testing.assert_allclose(found, expected)
    assert found.min() < 0.9
