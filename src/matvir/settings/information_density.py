"""Rules that keep the information density of a generator even.

Source: S. Kench and S. J. Cooper, arXiv 2102.07708, section 4 and Fig. 2: a transposed convolution
whose kernels do not overlap evenly gives some voxels fewer latents than others, which shows as a
checkerboard, and gives those at the border of its output fewest.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from matvir.errors import ConfigError

# (kernel size, stride, padding) of a layer along every axis.
Geometry = tuple[int, int, int]


def broken_rules(layer: Geometry) -> list[str]:
    """Return which of the three rules a transposed convolution breaks, in words; none if all hold.

    Parameters
    ----------
    layer : tuple of (int, int, int)
        Kernel size k, stride s and padding p.
    """
    kernel, stride, padding = layer
    broken = []
    if stride >= max(kernel, 2):  # a stride of 1 upsamples nothing
        broken.append(
            f"the stride is below the kernel size ({stride} >= {kernel}), for kernels to overlap"
        )
    if kernel % stride:
        broken.append(
            f"the stride divides the kernel size ({kernel} mod {stride} is not 0), for kernels to "
            "overlap everywhere alike"
        )
    if padding < kernel - stride:
        broken.append(
            f"the padding is at least the kernel size less the stride "
            f"({padding} < {kernel} - {stride}), to cut off the border, where fewer overlap"
        )
    return broken


def nearest_admissible(layer: Geometry) -> Geometry:
    """Return the layer of the same stride that keeps the rules and differs least from ``layer``.

    Least in the sum of the differences of kernel size and padding.
    """
    kernel, stride, padding = layer
    reach = range(2 * max(layer) + 2)
    candidates = [(k, stride, p) for k in reach[1:] for p in reach]
    kept = [one for one in candidates if not broken_rules(one)]
    return min(kept, key=lambda one: (abs(one[0] - kernel) + abs(one[2] - padding), one))


def faults(layers: Sequence[Geometry]) -> Iterator[str]:
    """Yield a sentence for each layer that breaks a rule: which layer, which rules, what to do."""
    for number, layer in enumerate(layers, start=1):
        broken = broken_rules(layer)
        if broken:
            kernel, stride, padding = nearest_admissible(layer)
            yield (
                f"layer {number} has kernel size {layer[0]}, stride {layer[1]} and padding "
                f"{layer[2]}, expected that {' and that '.join(broken)}; the nearest set is kernel "
                f"size {kernel}, stride {stride}, padding {padding}"
            )


def require_even_density(layers: Sequence[Geometry]) -> None:
    """Check a generator against the three rules.

    Raises
    ------
    ConfigError
        With every layer that breaks one.
    """
    found = list(faults(layers))
    if found:
        raise ConfigError(f"network.generator: {'; '.join(found)}.")


def information_density(layers: Sequence[Geometry], latent_size: int) -> NDArray[np.float64]:
    """Return how many latents reach each voxel along one axis, by how many ways through the layers.

    A volume's density at a voxel is the product of those along its axes.

    Parameters
    ----------
    layers : sequence of (int, int, int)
        Kernel size, stride and padding of each transposed convolution.
    latent_size : int
        Edge of the latent field.

    Returns
    -------
    ndarray of shape (output size,)
        Relative to the largest; the same everywhere if the rules are kept.
    """
    density = np.ones(latent_size)
    for kernel, stride, padding in layers:
        spread = np.zeros((len(density) - 1) * stride + kernel)
        for offset in range(kernel):
            spread[offset : offset + len(density) * stride : stride][: len(density)] += density
        density = spread[padding : len(spread) - padding]
    return density / density.max()
