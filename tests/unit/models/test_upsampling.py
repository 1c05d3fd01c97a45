import pytest
import torch
from torch import nn
from torch.nn import functional

from matvir.errors import ConfigError
from matvir.models.upsampling import (
    FreeConvolution,
    InterpolatingConvolution,
    doubled_convolution,
    draw_normal,
    transposed_convolution,
)
from matvir.training.seeding import seeded


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [
        (4, 2, 2),  # the SliceGAN paper's layers
        (4, 2, 3),  # its last one
        (6, 2, 4),  # interpolating kernels
        (4, 2, 0),  # all of the border
        (4, 2, 1),
        (5, 2, 1),  # kernels that the stride does not divide
        (7, 3, 2),
        (3, 1, 1),  # no upsampling
        (2, 3, 0),  # gaps
    ],
)
def test_sub_pixel_convolution_equals_the_transposed_one(kernel, stride, padding):
    random = seeded(0)
    hidden = torch.randn((2, 3, 5, 4, 6), generator=random, dtype=torch.float64)
    kernels = torch.randn((3, 2, *(kernel,) * 3), generator=random, dtype=torch.float64)
    bias = torch.randn(2, generator=random, dtype=torch.float64)
    expected = functional.conv_transpose3d(hidden, kernels, bias, stride, padding)
    torch.testing.assert_close(
        transposed_convolution(hidden, kernels, bias, stride, padding), expected
    )


def test_gradients_are_those_of_the_transposed_convolution():
    random = seeded(1)
    hidden = torch.randn((1, 3, 4, 5, 6), generator=random, dtype=torch.float64)
    kernels = torch.randn((3, 2, 4, 4, 4), generator=random, dtype=torch.float64)
    bias = torch.zeros(2, dtype=torch.float64)
    leaves = [tensor.requires_grad_() for tensor in (hidden, kernels, bias)]

    def gradients(convolution):
        return torch.autograd.grad(convolution(*leaves, 2, 2).square().sum(), leaves)

    for ours, theirs in zip(
        gradients(transposed_convolution), gradients(functional.conv_transpose3d), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


def test_a_layer_computes_in_the_precision_of_its_input():
    layer = FreeConvolution(3, 2, 4, 2, 2)
    layer.initialise(seeded(0))
    hidden = torch.rand((1, 3, 5, 4, 6), generator=seeded(1))
    exact, coarse = layer(hidden), layer(hidden.bfloat16())
    assert coarse.dtype == torch.bfloat16
    # bfloat16 keeps 8 bits: rounding both factors costs at most some 1/128 of the largest terms.
    assert 0 < (coarse - exact).abs().max() < exact.abs().max() / 64


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [(6, 2, 4), (7, 3, 4), (3, 1, 2), (4, 2, 2), (5, 3, 2)]
)
def test_interpolating_layer_is_linear_upsampling_and_then_a_convolution(kernel, stride, padding):
    layer = InterpolatingConvolution(3, 2, kernel, stride, padding)
    layer.initialise(seeded(0))
    hidden = torch.rand((1, 3, 5, 6, 7), generator=seeded(1))
    upsampled = torch.nn.functional.interpolate(hidden, scale_factor=stride, mode="trilinear")
    # A transposed convolution turns its kernel round.
    expected = torch.nn.functional.conv3d(upsampled, layer.weight.flip(2, 3, 4).transpose(0, 1))
    with torch.no_grad():
        made = layer(hidden)
    # The outermost planes have no neighbour to interpolate with.
    for axis in (2, 3, 4):
        extra = expected.shape[axis] - made.shape[axis]
        assert extra == 2 * (stride // 2)
        expected = expected.narrow(axis, extra // 2, made.shape[axis])
    torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [(4, 2, 2), (4, 2, 3), (4, 2, 1), (5, 3, 2), (5, 3, 4)]
)
def test_interpolating_alone_equals_its_transposed_convolution(kernel, stride, padding):
    """Kernels that are the tent alone go another way, which generation knows nothing of."""
    layer = InterpolatingConvolution(3, 2, kernel, stride, padding).double()
    layer.initialise(seeded(0))
    hidden = torch.rand((2, 3, 5, 4, 6), generator=seeded(1), dtype=torch.float64)
    hidden.requires_grad_()
    leaves = [hidden, layer.weight, layer.bias]
    made = layer(hidden)
    expected = functional.conv_transpose3d(hidden, layer.kernels(), layer.bias, stride, padding)
    torch.testing.assert_close(made, expected)
    for ours, theirs in zip(
        torch.autograd.grad(made.square().mean(), leaves),
        torch.autograd.grad(expected.square().mean(), leaves),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)  # thirds are float32


def test_interpolating_layer_treats_all_places_alike_and_a_free_one_does_not():
    def spread(layer):
        with torch.no_grad():
            out = layer(torch.ones((1, 4, 6, 6, 6)))[..., 2:-2, 2:-2, 2:-2]
        return (out.amax(dim=(2, 3, 4)) - out.amin(dim=(2, 3, 4))).abs().max().item()

    interpolating = InterpolatingConvolution(4, 2, kernel=6, stride=2, padding=4)
    interpolating.initialise(seeded(0))
    free = FreeConvolution(4, 2, 4, 2, 2)
    torch.nn.init.normal_(free.weight, generator=seeded(0))
    assert spread(interpolating) < 1e-5
    assert spread(free) > 0.1


def test_a_kernel_too_small_to_interpolate_is_refused():
    with pytest.raises(ConfigError, match="expected at least 4 for interpolating kernels of str"):
        InterpolatingConvolution(1, 1, kernel=3, stride=2, padding=0)


def test_a_doubled_convolution_is_nearest_neighbours_and_then_a_convolution():
    random = seeded(0)
    convolution = nn.Conv2d(3, 2, 3, padding=1, dtype=torch.float64)
    draw_normal(convolution, random, 1.0)
    nn.init.constant_(convolution.bias, 0.7)
    hidden = torch.randn((2, 3, 5, 4), generator=random, dtype=torch.float64, requires_grad=True)
    made = doubled_convolution(hidden, convolution)
    expected = convolution(functional.interpolate(hidden, scale_factor=2.0))
    assert made.shape == (2, 2, 10, 8)
    torch.testing.assert_close(made, expected)
    weights = torch.randn(made.shape, generator=random, dtype=torch.float64)
    inputs = (hidden, convolution.weight, convolution.bias)
    ours, theirs = (torch.autograd.grad((one * weights).sum(), inputs) for one in (made, expected))
    for our, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our, their)
