"""Labels that explain a blurred image: for phases about as thin as the blur of the microscope.

Thresholds put a rim of medium grey between a dark and a bright phase, and lose what is thinner than
the blur. Here the labels are those whose grey values, blurred, are most like the image, with as
little interface as that needs: the most probable ones under Gaussian noise and a Potts prior
(S. Geman and D. Geman, IEEE Trans. Pattern Anal. Mach. Intell. 6, 1984, 721, where the image is
blurred too), found by iterated conditional modes (J. Besag, J. R. Stat. Soc. B 48, 1986, 259).
"""

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

# What a pixel costs whose neighbours are all of other phases, in nats; near ones count more.
ALONE = 13.7
SWEEPS = 8
# Pixels so far apart are changed at once; the blurs of those that are nearer overlap.
SPACING = 3
# Standard deviations at which the blur ends.
REACH = 3.0
# A phase's noise is measured on pixels this far inside it, if there are so many.
INSIDE, FEWEST = 2, 50


def explain_blurred(
    image: Floats,
    labels: NDArray[np.uint8],
    blur: float,
    *,
    n_phases: int,
    levels: Floats | None = None,
    valid: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.uint8], Floats]:
    """Improve labels until, blurred, they explain an image.

    Parameters
    ----------
    image : ndarray of shape (H, W) or (D, H, W)
        Grey values, not denoised, without shading.
    labels : ndarray with the shape of ``image``, uint8
        First labels, as of thresholds.
    blur : float
        Standard deviation of the blur in pixels.
    n_phases : int
        Number of phases.
    levels : ndarray of shape (n_phases,), optional
        Grey value of each phase; by default those that explain the image best.
    valid : ndarray of bool with the shape of ``image``, optional
        Where the image shows the material.

    Returns
    -------
    labels : ndarray with the shape of ``image``, uint8
        Phase of each pixel.
    levels : ndarray of shape (n_phases,)
        Grey value of each phase.
    """
    material = np.ones(labels.shape, bool) if valid is None else valid
    found, fitted = labels.copy(), levels is None
    known = _levels(image, found, blur, n_phases, material) if levels is None else levels
    precision = material / _noise(image, found, known, blur, material) ** 2
    for _ in range(SWEEPS):
        for part in _parts(image.ndim):
            residual = precision * (image - _blurred(known[found], blur))
            _choose(found, part, known, _blurred(residual, blur), precision, blur)
        if fitted:
            known = _levels(image, found, blur, n_phases, material)
    return found, known


def _blurred(values: Floats, blur: float) -> Floats:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(values.astype(np.float64), blur, mode="nearest", radius=_reach(blur))


def _reach(blur: float) -> int:
    return max(1, round(REACH * blur))


def _own_share(blur: float, n_axes: int) -> float:
    """Return the sum of the squares of the blur's weights."""
    kernel = np.exp(-((np.arange(-_reach(blur), _reach(blur) + 1) / blur) ** 2) / 2)
    return float(((kernel / kernel.sum()) ** 2).sum() ** n_axes)


def _levels(
    image: Floats,
    labels: NDArray[np.uint8],
    blur: float,
    n_phases: int,
    material: NDArray[np.bool_],
) -> Floats:
    """Return the grey values of the phases that, blurred, are nearest to the image."""
    shares = [_blurred(labels == phase, blur)[material] for phase in range(n_phases)]
    found = np.linalg.lstsq(np.stack(shares, axis=1), image[material], rcond=None)[0]
    # A phase that is hardly there has no level to be measured; between the others it does no harm.
    return np.clip(found, image[material].min(), image[material].max())


def _noise(
    image: Floats,
    labels: NDArray[np.uint8],
    levels: Floats,
    blur: float,
    material: NDArray[np.bool_],
) -> Floats:
    """Return the noise at each pixel, that within its phase; phases seldom wide enough share it."""
    from scipy.ndimage import binary_erosion

    residual = image - _blurred(levels[labels], blur)
    of_phases = np.full(len(levels), residual[material].std())
    for phase in range(len(levels)):
        inside = binary_erosion((labels == phase) & material, iterations=INSIDE)
        if inside.sum() >= FEWEST:
            of_phases[phase] = residual[inside].std()
    # Without any noise every pixel decides by its grey value alone.
    least = np.finfo(np.float32).eps * max(float(np.ptp(image)), 1.0)
    return np.maximum(_blurred(of_phases[labels], 1.0), least)


def _parts(n_axes: int) -> Iterator[tuple[slice, ...]]:
    """Yield the sets of pixels that are changed at once."""
    for starts in product(range(SPACING), repeat=n_axes):
        yield tuple(slice(start, None, SPACING) for start in starts)


def _choose(
    labels: NDArray[np.uint8],
    part: tuple[slice, ...],
    levels: Floats,
    pull: Floats,
    precision: Floats,
    blur: float,
) -> None:
    """Give each pixel of a part the phase of the least energy, its neighbours as they are.

    ``pull`` is the blurred residual over its variance: how much the image asks for a higher value.
    """
    present, weight = labels[part], precision[part] * _own_share(blur, labels.ndim)
    energies = []
    around = np.pad(labels, 1, mode="edge")
    for phase, level in enumerate(levels):
        step = level - levels[present]
        unlike, total = np.zeros(present.shape), 0.0
        for offset in product((0, 1, 2), repeat=labels.ndim):
            distance = np.sqrt(sum((place - 1) ** 2 for place in offset))
            if distance > 0:
                window = tuple(
                    slice(place, place + edge)
                    for place, edge in zip(offset, labels.shape, strict=True)
                )
                unlike += (around[window][part] != phase) / distance
                total += 1 / distance
        energies.append(0.5 * step**2 * weight - step * pull[part] + ALONE * unlike / total)
    labels[part] = np.argmin(energies, axis=0)
