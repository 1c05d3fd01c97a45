"""Weights of a layer in fewer bits, chosen so that its outputs hardly change."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

# Positions that outputs are judged at, and the seed that chooses them.
N_POSITIONS, SEED = 2000, 0
# What is added to the second moments, relative to their mean: with less, inputs that the sample
# hardly shows are made to take over so much that they spoil what they are seen in later.
DAMPING = 1e-2
N_AT_ONCE = 64


def round_weights(weights: Tensor, moments: Tensor, dtype: torch.dtype) -> Tensor:
    """Round weights one after the other, each error made up for by those not yet rounded.

    What a number loses by rounding the later ones take over, as far as inputs that go together let
    them. Source: E. Frantar et al., "GPTQ", arXiv 2210.17323, section 3.3.

    Parameters
    ----------
    weights : Tensor of shape (n_out, n)
        Of a linear layer.
    moments : Tensor of shape (n, n), float64
        Means of the products of every two inputs.
    dtype : torch.dtype
        What weights are rounded to.

    Returns
    -------
    Tensor of shape (n_out, n), float64
        Numbers that ``dtype`` has.
    """
    damping = DAMPING * moments.diagonal().mean() * torch.eye(len(moments)).to(moments)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(moments + damping))
    shares = torch.linalg.cholesky(inverse, upper=True)
    left, n = weights.to(torch.float64, copy=True), weights.shape[1]
    for start in range(0, n, N_AT_ONCE):
        stop = min(start + N_AT_ONCE, n)
        lost = torch.empty_like(left[:, start:stop])
        for index in range(start, stop):
            rounded = left[:, index].to(dtype).double()
            one = lost[:, index - start] = (left[:, index] - rounded) / shares[index, index]
            left[:, index:stop] -= one[:, None] * shares[index, index:stop]
            left[:, index] = rounded
        # All that come later take over at once, which is many times as fast.
        left[:, stop:] -= lost @ shares[start:stop, stop:]
    return left


def round_kernels(
    kernels: Tensor, bias: Tensor, inputs: Tensor, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Return a convolution in fewer bits whose outputs are close to its own.

    Parameters
    ----------
    kernels : Tensor of shape (n_out, n_in, K, K, K)
        Of the convolution.
    bias : Tensor of shape (n,)
        Of its first ``n`` outputs, the next ``n``, and so on.
    inputs : Tensor of shape (1, n_in, D, H, W)
        What it is given; zeros are around it if an edge is below K.
    dtype : torch.dtype
        What kernels and bias are rounded to.

    Returns
    -------
    kernels, bias : Tensor
        As those given, of ``dtype``.
    """
    seen = _positions(inputs[0].float(), kernels.shape[-1])
    # The bias is the weight of an input of 1. It is the first: all else can make up for its error.
    # So precise that sums in another order, as with more threads, do not lead to other weights.
    seen = seen.double()
    seen = torch.cat([seen.new_ones(len(seen), 1), seen], dim=1)
    biases = bias.repeat(len(kernels) // len(bias))
    weights = torch.cat([biases[:, None], kernels.flatten(1)], dim=1)
    rounded = round_weights(weights, seen.T @ seen / len(seen), dtype)
    made = rounded[:, 1:].reshape(kernels.shape).to(dtype)
    return made.contiguous(memory_format=torch.channels_last_3d), rounded[: len(bias), 0].to(dtype)


def _positions(inputs: Tensor, edge: int) -> Tensor:
    """Return what a kernel of this edge sees at random positions, (n, n_in * edge^3)."""
    missing = [max(edge - size, 0) for size in reversed(inputs.shape[1:])]
    inputs = functional.pad(inputs, [n for one in missing for n in (one, one)])
    windows = inputs.unfold(1, edge, 1).unfold(2, edge, 1).unfold(3, edge, 1)
    sizes = windows.shape[1:4]
    # Not torch's generator: what it draws may differ between versions.
    random = np.random.default_rng(SEED)
    chosen = random.permutation(sizes.numel())[:N_POSITIONS]
    first, second, third = map(torch.from_numpy, np.unravel_index(chosen, sizes))
    return windows[:, first, second, third].transpose(0, 1).flatten(1)
