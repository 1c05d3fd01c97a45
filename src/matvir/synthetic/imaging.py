"""Raw micrographs of sections, with the faults of real ones."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.files import atomic_path
from matvir.synthetic.fields import smooth_noise

BLUR = 0.7  # standard deviation in pixels
SHADING = 0.03
# Electrons or photons per grey value, and the detector's own noise in grey values.
COUNTS_PER_GREY = 2.0
READOUT_NOISE = 3.0


def render_micrograph(
    labels: NDArray[np.uint8],
    grey_levels: Sequence[float],
    texture: Sequence[float],
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Image a section as a microscope would: texture, blur, shading and noise.

    Parameters
    ----------
    labels : ndarray of shape (H, W), uint8
        Phase of each pixel.
    grey_levels, texture : sequence of float
        Grey value of each phase and by how much it varies within it (standard deviation).
    rng : numpy.random.Generator
        Source of texture, shading and noise.

    Returns
    -------
    ndarray of shape (H, W), uint8
        Grey values.
    """
    from scipy.ndimage import gaussian_filter

    variation = smooth_noise(labels.shape, 1.5, rng)
    grey = np.take(grey_levels, labels) + np.take(texture, labels) * variation
    grey = gaussian_filter(grey, BLUR) * _shading(labels.shape, rng)
    counts = rng.poisson(np.clip(grey, 0, None) * COUNTS_PER_GREY) / COUNTS_PER_GREY
    noisy = counts + rng.normal(0, READOUT_NOISE, labels.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def write_micrograph(
    path: Path,
    micrograph: NDArray[np.uint8],
    *,
    pixel_size_um: tuple[float, float] | None,
    plane: int,
    provenance: dict[str, Any],
) -> None:
    """Write a micrograph as an ImageJ TIFF.

    Parameters
    ----------
    path : Path
        The file to write; replaced at once when it is complete.
    micrograph : ndarray of shape (H, W), or (H, W, 3) for colours, or (n, H, W), uint8
        Values; of a stack of n images they are grey.
    pixel_size_um : tuple of two float or None
        Height and width of a pixel in micrometres.
    plane : int
        Position of the section along the axis that it is perpendicular to.
    provenance : dict
        How the material was made; plain JSON values.
    """
    import tifffile

    axes = "YX" if micrograph.ndim == 2 else "YXS" if micrograph.shape[-1] == 3 else "ZYX"
    metadata: dict[str, Any] = {
        "axes": axes,
        "plane": plane,
        "provenance": json.dumps(provenance),
    }
    resolution = None
    if pixel_size_um is not None:
        height_um, width_um = pixel_size_um
        # TIFF counts pixels per unit, columns first.
        resolution = (1 / width_um, 1 / height_um)
        metadata["unit"] = "um"
    with atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary,
            micrograph,
            imagej=True,
            photometric="rgb" if axes == "YXS" else "minisblack",
            resolution=resolution,
            metadata=metadata,
        )


def _shading(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a factor around 1 that varies smoothly by ``SHADING`` in a random direction."""
    angle = rng.uniform(0, 2 * np.pi)
    row, column = np.meshgrid(*(np.linspace(-1, 1, edge) for edge in shape), indexing="ij")
    slope = np.cos(angle) * row + np.sin(angle) * column
    return 1 + SHADING * (slope + 0.5 * (row**2 + column**2 - 2 / 3))
