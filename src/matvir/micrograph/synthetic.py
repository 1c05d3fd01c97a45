"""Built-in material: a three-phase battery electrode whose 3D truth is known.

Particles of active material (NMC) are packed by random sequential addition, made uneven, and
joined by a web of binder; the rest is pore. The fractions of the phases are exact by construction.
A raw micrograph of one section, with the faults of a real one, starts the pipeline as a user's own
image would.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir import provenance
from matvir.config import SyntheticConfig
from matvir.errors import ConfigError
from matvir.files import atomic_path
from matvir.labels import LabelImage

PORE, BINDER, NMC = 0, 1, 2
NMC_PHASES = ("pore", "binder", "nmc")
NMC_FRACTION = 0.415
BINDER_FRACTION = 0.135

# Radius in voxels, and the volume fraction of the spheres of this radius, from large to small.
PACKING = ((12, 0.11), (10, 0.10), (8, 0.10), (7, 0.07), (6, 0.06), (5, 0.06))
# The packing is denser at the walls of its box; twice the largest radius is out of their reach.
MARGIN = 24
# Slabs thinner than the largest particle cannot hold the stated mix of sizes.
MIN_EDGE = 2 * PACKING[0][0]

GREY_LEVELS = (55.0, 115.0, 190.0)
GREY_TEXTURE = (3.0, 5.0, 4.0)
BLUR = 0.7  # standard deviation in pixels
SHADING = 0.03
# Electrons or photons per grey value, and the detector's own noise in grey values.
COUNTS_PER_GREY = 2.0
READOUT_NOISE = 3.0


@dataclass(frozen=True, kw_only=True)
class SyntheticMaterial:
    """A grown material and a raw micrograph of one of its sections.

    Attributes
    ----------
    truth : LabelImage
        The material, shape (D, H, W).
    micrograph : ndarray of shape (H, W), uint8
        Raw grey image of ``truth.labels[plane]``.
    plane : int
        Position of the section along axis 0 of the truth.
    """

    truth: LabelImage
    micrograph: NDArray[np.uint8]
    plane: int


def synthesise(
    config: SyntheticConfig,
    *,
    phases: tuple[str, ...],
    voxel_size_um: float | tuple[float, ...] | None,
) -> SyntheticMaterial:
    """Grow the configured material and take a micrograph of its middle plane of axis 0.

    Parameters
    ----------
    config : SyntheticConfig
        Kind, shape (plane, row, column) and seed.
    phases : tuple of str
        Names of pore, binder and active material, in this order.
    voxel_size_um : float, tuple of equal floats or None
        Edge of a voxel in micrometres.

    Raises
    ------
    ConfigError
        If there are not three names, the voxel is not a cube or the shape is too small.
    """
    if len(phases) != len(NMC_PHASES):
        raise ConfigError(
            f"phases: the synthetic material has {len(NMC_PHASES)} phases {NMC_PHASES}, got "
            f"{len(phases)} names {tuple(phases)}. Give one name for each, from dark to bright."
        )
    edges = {float(edge) for edge in np.ravel([] if voxel_size_um is None else voxel_size_um)}
    if len(edges) > 1:
        raise ConfigError(
            f"voxel_size_um: the synthetic material has cubic voxels, got {voxel_size_um}. "
            "Give one number."
        )
    truth = replace(
        grow_nmc(config),
        phases=tuple(phases),
        voxel_size_um=None if not edges else (edges.pop(),) * 3,
    )
    plane = config.shape[0] // 2
    # A stream of its own: the noise of the micrograph does not depend on how the truth was grown.
    rng = np.random.default_rng((config.seed, 1))
    micrograph = render_micrograph(truth.labels[plane], rng)
    return SyntheticMaterial(truth=truth, micrograph=micrograph, plane=plane)


def grow_nmc(config: SyntheticConfig) -> LabelImage:
    """Grow an isotropic NMC-like electrode.

    Spheres of radii 5 to 12 voxels are placed by random sequential addition (S. Torquato, *Random
    Heterogeneous Materials*, 2002, section 3.4) in a larger box, from which the volume is cut. A
    smooth random field added to their signed distance makes them uneven. Binder fills the
    voxels that are closest to several surfaces at once (contacts and gaps), with a fine texture.

    Parameters
    ----------
    config : SyntheticConfig
        Shape (plane, row, column) in voxels and seed; the same seed gives the same labels.

    Returns
    -------
    LabelImage
        Labels 0 pore, 1 binder, 2 nmc of the configured shape; no voxel size.

    Raises
    ------
    ConfigError
        If an edge is smaller than the largest particle.
    """
    if min(config.shape) < MIN_EDGE:
        raise ConfigError(
            f"synthetic.shape: expected edges of at least {MIN_EDGE} voxels, the diameter of the "
            f"largest particle, got {config.shape}. Give a larger shape."
        )
    rng = np.random.default_rng(config.seed)
    inner = tuple(slice(MARGIN, MARGIN + edge) for edge in config.shape)
    spheres = _pack_spheres(tuple(edge + 2 * MARGIN for edge in config.shape), rng)
    nmc = _uneven(spheres, inner, rng)
    labels = np.where(nmc[inner], np.uint8(NMC), np.uint8(PORE))
    labels[_binder(nmc, inner, rng)] = BINDER
    return LabelImage(
        labels=labels,
        phases=NMC_PHASES,
        provenance={
            "source": "grown by matvir.micrograph.synthetic.grow_nmc",
            "synthetic": {"kind": config.kind, "shape": list(config.shape), "seed": config.seed},
            **provenance.package(),
        },
    )


def render_micrograph(labels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Image a section as a microscope would: texture, blur, shading and noise.

    Parameters
    ----------
    labels : ndarray of shape (H, W), uint8
        Section of the synthetic material: 0 pore (dark), 1 binder, 2 nmc (bright).
    rng : numpy.random.Generator
        Source of texture, shading and noise.

    Returns
    -------
    ndarray of shape (H, W), uint8
        Grey values.
    """
    from scipy.ndimage import gaussian_filter

    texture = _smooth_noise(labels.shape, 1.5, rng)
    grey = np.take(GREY_LEVELS, labels) + np.take(GREY_TEXTURE, labels) * texture
    grey = gaussian_filter(grey, BLUR) * _shading(labels.shape, rng)
    counts = rng.poisson(np.clip(grey, 0, None) * COUNTS_PER_GREY) / COUNTS_PER_GREY
    noisy = counts + rng.normal(0, READOUT_NOISE, labels.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def write_micrograph(path: Path, material: SyntheticMaterial) -> None:
    """Write the micrograph as an ImageJ TIFF with its pixel size and the plane it shows."""
    import tifffile

    metadata: dict[str, Any] = {
        "axes": "YX",
        "plane": material.plane,
        "provenance": json.dumps(material.truth.provenance),
    }
    resolution = None
    if material.truth.voxel_size_um is not None:
        _, height_um, width_um = material.truth.voxel_size_um
        # TIFF counts pixels per unit, columns first.
        resolution = (1 / width_um, 1 / height_um)
        metadata["unit"] = "um"
    with atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary, material.micrograph, imagej=True, resolution=resolution, metadata=metadata
        )


def _pack_spheres(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Place touching spheres of all radii of ``PACKING`` in a box of this shape."""
    from porespy.generators import random_spheres

    spheres = np.zeros(shape, dtype=bool)
    for radius, share in PACKING:
        spheres = random_spheres(
            im=spheres,
            r=radius,
            phi=share,
            clearance=-1,
            protrusion=1,
            edges="extended",
            seed=int(rng.integers(2**31)),
        )
    return spheres


def _uneven(
    spheres: NDArray[np.bool_], inner: tuple[slice, ...], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Deform the spheres by about a voxel and give them their exact fraction of ``inner``."""
    import edt
    from scipy.ndimage import gaussian_filter

    depth = gaussian_filter(edt.sdf(spheres, parallel=1), 1.0)
    depth += 1.2 * _smooth_noise(spheres.shape, 6.0, rng)
    depth += 0.3 * _smooth_noise(spheres.shape, 2.0, rng)
    return depth > _threshold_of_largest(depth[inner], NMC_FRACTION)


def _binder(
    nmc: NDArray[np.bool_], inner: tuple[slice, ...], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return the binder within ``inner``: beside particles, first of all between several."""
    import edt
    from scipy.ndimage import gaussian_filter

    # A blurred particle phase is highest in gaps and at contacts; the distance favours coatings.
    affinity = 6.0 * gaussian_filter(nmc.astype(np.float32), 3.5)
    affinity -= 0.35 * edt.edt(~nmc, parallel=1)
    affinity += 0.5 * _smooth_noise(nmc.shape, 6.0, rng)
    affinity += 0.7 * _smooth_noise(nmc.shape, 1.5, rng)
    affinity[nmc] = -np.inf
    affinity = affinity[inner]
    return affinity > _threshold_of_largest(affinity, BINDER_FRACTION)


def _threshold_of_largest(values: NDArray[np.float32], share: float) -> np.float32:
    """Return the value that is exceeded by this share of ``values``."""
    rank = values.size - round(share * values.size) - 1
    return np.partition(values, rank, axis=None)[rank]


def _smooth_noise(
    shape: tuple[int, ...], sigma: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return a Gaussian random field with unit variance and correlation length ``sigma``."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(rng.standard_normal(shape, dtype=np.float32), sigma, mode="wrap")
    return noise / noise.std()


def _shading(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a factor around 1 that varies smoothly by ``SHADING`` in a random direction."""
    angle = rng.uniform(0, 2 * np.pi)
    row, column = np.meshgrid(*(np.linspace(-1, 1, edge) for edge in shape), indexing="ij")
    slope = np.cos(angle) * row + np.sin(angle) * column
    return 1 + SHADING * (slope + 0.5 * (row**2 + column**2 - 2 / 3))
