"""Pictures of volumes: an isometric view by casting parallel rays through the voxels."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

# Brightness of the faces towards the viewer along axis 0 (top), 1 and 2.
FACE_LIGHT = np.array([1.0, 0.86, 0.70])
# Towards the light, in (plane, row, column); the viewer looks from the corner (0, 0, 0).
LIGHT = np.array([-0.80, -0.50, -0.33])
SUPERSAMPLING = 2


@dataclass(frozen=True, eq=False)
class _Hits:
    """Where rays meet the solid; arrays of shape (n_rays,), ``voxel`` and ``face`` -1 if nowhere.

    ``voxel`` is a flat index, ``face`` the axis across which the ray entered it, and ``depth``
    the distance along each axis from the ray's entry into the volume, in voxels.
    """

    voxel: NDArray[np.int64]
    face: NDArray[np.int64]
    depth: NDArray[np.float64]


def cut_corner(shape: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Return a mask of ``shape`` without the octant at the corner (0, 0, 0)."""
    solid = np.ones(shape, dtype=bool)
    solid[tuple(slice(edge // 2) for edge in shape)] = False
    return solid


def render_cube(
    rgb: NDArray[np.uint8],
    *,
    solid: NDArray[np.bool_],
    width: int,
) -> NDArray[np.uint8]:
    """Draw the visible faces of a volume.

    Parameters
    ----------
    rgb : ndarray of shape (D, H, W, 3), uint8
        Colour of each voxel; axis 0 points down, axis 1 to the left and axis 2 to the right, both
        away from the viewer.
    solid : ndarray of bool of shape (D, H, W)
        Voxels that are drawn; such as :func:`cut_corner`.
    width : int
        Width of the picture in pixels.

    Returns
    -------
    ndarray of shape (height, width, 4), uint8
        Colour and opacity; transparent beside the volume.
    """
    hits, shape = _cast(solid, width * SUPERSAMPLING)
    found = hits.voxel >= 0
    colour = np.zeros((len(found), 4))
    seen = rgb.reshape(-1, 3)[hits.voxel[found]]
    colour[found, :3] = seen * FACE_LIGHT[hits.face[found], None]
    colour[found, 3] = 255
    return _downsample(colour.reshape(*shape, 4))


def render_surface(
    phase: NDArray[np.bool_], colour: NDArray[np.uint8], *, width: int
) -> NDArray[np.uint8]:
    """Draw the surface of one phase, shaded by its slope, its depth and how enclosed it is.

    Parameters
    ----------
    phase : ndarray of bool of shape (D, H, W)
        The voxels of the phase.
    colour : ndarray of shape (3,), uint8
        Colour of the phase.
    width : int
        Width of the picture in pixels.

    Returns
    -------
    ndarray of shape (height, width, 4), uint8
        Colour and opacity; transparent where no voxel of the phase is seen.
    """
    hits, shape = _cast(phase, width * SUPERSAMPLING)
    found = hits.voxel >= 0
    voxel = hits.voxel[found]
    light = _slope_light(phase, voxel, hits.face[found])
    enclosed = gaussian_filter(phase.astype(np.float32), 3.0, mode="constant").ravel()[voxel]
    depth = hits.depth[found] / max(phase.shape)
    light *= (1.25 - 0.75 * enclosed) * (1 - 0.45 * np.minimum(depth, 1))
    # A dark colour hides its own shading: start from a lighter one.
    base = 60 + 0.76 * colour.astype(float)
    image = np.zeros((len(found), 4))
    image[found, :3] = np.clip(base * light[:, None], 0, 255)
    image[found, 3] = 255
    return _downsample(image.reshape(*shape, 4))


def _slope_light(
    phase: NDArray[np.bool_], voxel: NDArray[np.int64], face: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return Lambert's brightness of surface voxels, 0.45 .. 1.05, from the smoothed phase."""
    smooth = gaussian_filter(phase.astype(np.float32), 1.2, mode="nearest")
    outward = -np.stack([g.ravel()[voxel] for g in np.gradient(smooth)], axis=1)
    # On the volume's own faces the cut is flat: mix in the normal of the voxel's face.
    outward /= np.linalg.norm(outward, axis=1, keepdims=True) + 1e-6
    first = np.stack([index == 0 for index in np.unravel_index(voxel, phase.shape)], axis=1)
    on_cut = first[np.arange(len(voxel)), face]
    outward[on_cut] = -np.eye(3)[face[on_cut]]
    towards_light = LIGHT / np.linalg.norm(LIGHT)
    return 0.45 + 0.60 * np.clip(outward @ towards_light, 0, 1)


def _cast(solid: NDArray[np.bool_], width: int) -> tuple[_Hits, tuple[int, int]]:
    """Cast parallel rays along (1, 1, 1) and find the first solid voxel of each."""
    rays = _rays(solid.shape, width)
    n_pixels = rays.shape[0] * rays.shape[1]
    hits = _Hits(
        voxel=np.full(n_pixels, -1, dtype=np.int64),
        face=np.full(n_pixels, -1, dtype=np.int64),
        depth=np.zeros(n_pixels),
    )
    first_hits = _compiled()
    ways = rays.number, rays.start, rays.index, rays.entered, rays.order
    first_hits(solid, *ways, hits.voxel, hits.face, hits.depth)
    return hits, rays.shape


@cache
def _compiled() -> Callable[..., None]:
    """Return `_first_hits` as machine code, made once a process."""
    from numba import njit

    compiled: Callable[..., None] = njit(_first_hits)
    return compiled


def _first_hits(
    solid: NDArray[np.bool_],
    number: NDArray[np.int64],
    start: NDArray[np.float64],
    index: NDArray[np.int64],
    entered: NDArray[np.int64],
    order: NDArray[np.int64],
    voxel: NDArray[np.int64],
    face: NDArray[np.int64],
    depth: NDArray[np.float64],
) -> None:
    """Find the first solid voxel of each ray; the last three arrays are filled, by pixel.

    The entry into each next voxel lies at a plane perpendicular to one axis. Along (1, 1, 1) a ray
    crosses the planes of the three axes in turns, in an order that its start alone decides (the
    traversal of Amanatides and Woo, Eurographics 1987, for one direction).
    """
    planes, rows, columns = solid.shape
    for ray in range(len(number)):
        at, axis, turn = index[ray].copy(), entered[ray], 0
        while at[0] < planes and at[1] < rows and at[2] < columns:
            if solid[at[0], at[1], at[2]]:
                pixel = number[ray]
                voxel[pixel] = (at[0] * rows + at[1]) * columns + at[2]
                face[pixel] = axis
                depth[pixel] = max(at[axis] - start[ray, axis], 0.0)
                break
            axis = order[ray, turn % 3]
            at[axis] += 1
            turn += 1


@dataclass(frozen=True, eq=False)
class _Rays:
    """Rays that meet a volume, n of them.

    ``number`` is that of the pixel, ``start`` where it enters (n, 3), ``index`` the first voxel,
    ``entered`` the axis whose face it enters through, and ``order`` (n, 3) the axes whose planes it
    crosses in turns. ``shape`` is that of the picture.
    """

    number: NDArray[np.int64]
    start: NDArray[np.float64]
    index: NDArray[np.int64]
    entered: NDArray[np.int64]
    order: NDArray[np.int64]
    shape: tuple[int, int]


@lru_cache(maxsize=4)
def _rays(extent: tuple[int, ...], width: int) -> _Rays:
    """Return the rays of a picture; they are the same for all phases and volumes of one size."""
    start, shape = _entries(extent, width)
    edges = np.array(extent)
    number = np.flatnonzero(((start > -1e-9) & (start < edges)).all(axis=1))
    start = start[number]
    index = np.minimum(np.floor(start + 1e-9).astype(np.int64), edges - 1)
    return _Rays(
        number=number,
        start=start,
        index=index,
        entered=np.abs(start).argmin(axis=1),
        order=np.argsort(index + 1 - start, axis=1, kind="stable"),
        shape=shape,
    )


def _entries(extent: tuple[int, ...], width: int) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """Return where the ray of each pixel enters the octant of positive coordinates.

    On the screen, axis 0 points down, axes 1 and 2 up to the left and to the right at 30 degrees.
    """
    d, h, w = extent
    cosine, sine = np.sqrt(3) / 2, 0.5
    pixel = (h + w) * cosine / width
    height = round((d + (h + w) * sine) / pixel)
    x = (np.arange(width) + 0.5) * pixel - h * cosine
    y = (np.arange(height) + 0.5) * pixel - (h + w) * sine
    y, x = np.meshgrid(y, x, indexing="ij")
    # A point (a, b, c) appears at x = (c - b) cos 30, y = a - (b + c) / 2. With the entry at
    # the smallest coordinate zero the other two follow.
    difference = x / cosine
    point = np.stack([y, np.zeros_like(x), difference], axis=-1)
    point[..., 0] += difference / 2
    point -= point.min(axis=-1, keepdims=True)
    return point.reshape(-1, 3), (height, width)


def _downsample(image: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Average blocks of pixels, colours weighted by opacity."""
    n = SUPERSAMPLING
    height, width = (edge // n * n for edge in image.shape[:2])
    blocks = image[:height, :width].reshape(height // n, n, width // n, n, 4)
    opacity = blocks[..., 3].sum(axis=(1, 3))
    colour = (blocks[..., :3] * blocks[..., 3:]).sum(axis=(1, 3))
    result = np.zeros((height // n, width // n, 4))
    result[..., :3] = colour / np.maximum(opacity, 1)[..., None]
    result[..., 3] = opacity / n**2
    return np.round(result).astype(np.uint8)
