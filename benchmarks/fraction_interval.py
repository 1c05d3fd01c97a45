"""How often the interval on a volume fraction from one image holds the fraction it is to hold.

Run it as ``python benchmarks/fraction_interval.py``; the table goes to ``benchmarks/results/``. Two
materials whose fraction and integral range are known exactly are grown many times: discs of one
size that overlap at random, and Gaussian fields cut at a threshold. Images hold 20, 50 and 200
integral ranges. It needs numpy, scipy, pandas and MatVir.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage, signal, special
from table import write_table

from matvir.metrics.fraction_interval import fraction_interval

N_IMAGES = 1000
OBSERVATIONS = (20, 50, 200)
FRACTIONS = (0.1, 0.3, 0.5)
CONFIDENCE = 0.95
RADIUS = 6.2  # of the discs, in pixels
SIGMA = 4.0  # of the Gaussian that noise is smoothed with, in pixels

Mask = NDArray[np.bool_]


def disc() -> Mask:
    """Return the pixels of a disc."""
    offsets = np.arange(-int(RADIUS), int(RADIUS) + 1)
    return offsets[:, None] ** 2 + offsets**2 <= RADIUS**2


def discs(rng: np.random.Generator, fraction: float, edge: int) -> Mask:
    """Grow discs around pixels that are drawn independently of each other."""
    margin = int(RADIUS)
    chance = 1 - (1 - fraction) ** (1 / disc().sum())
    centres = rng.random((edge + 2 * margin,) * 2) < chance
    if not centres.any():
        return np.zeros((edge, edge), dtype=bool)
    near = ndimage.distance_transform_edt(~centres) <= RADIUS
    return near[margin:-margin, margin:-margin]


def range_of_discs(fraction: float) -> float:
    """Return their integral range: outside are pixels without a centre in the disc around them."""
    one = disc().astype(float)
    shared = np.rint(signal.fftconvolve(one, one[::-1, ::-1])) / one.sum()
    outside = 1 - fraction
    return float((outside ** (2 - shared) - outside**2).sum() / (fraction * outside))


def kernel() -> NDArray[np.float64]:
    """Return the weights along an axis that keep the variance of noise at 1."""
    offsets = np.arange(-int(5 * SIGMA), int(5 * SIGMA) + 1)
    weights = np.exp(-(offsets**2) / (2 * SIGMA**2))
    return weights / np.sqrt((weights**2).sum())


def field(rng: np.random.Generator, fraction: float, edge: int) -> Mask:
    """Cut a Gaussian field where it exceeds the threshold that leaves ``fraction`` below."""
    weights = kernel()
    noise = rng.standard_normal((edge + len(weights) - 1,) * 2)
    smooth = signal.oaconvolve(noise, weights[:, None], "valid", axes=0)
    smooth = signal.oaconvolve(smooth, weights[None], "valid", axes=1)
    return smooth < special.ndtri(fraction)


def range_of_field(fraction: float) -> float:
    """Return its integral range, with the series of the bivariate normal distribution.

    The covariance of the cut is a power series of that of the field, with Hermite polynomials of
    the threshold (Harald Cramer, Mathematical Methods of Statistics, 1946, section 21.12).
    """
    threshold = special.ndtri(fraction)
    weights = kernel()
    along = np.correlate(weights, weights, "full")
    density = np.exp(-(threshold**2) / 2) / np.sqrt(2 * np.pi)
    total, factorial = 0.0, 1.0
    for order in range(1, 120):
        factorial *= order
        hermite = special.eval_hermitenorm(order - 1, threshold)
        # The sum over both axes is the square of that over one.
        total += density**2 * hermite**2 / factorial * (along**order).sum() ** 2
    return total / (fraction * (1 - fraction))


MATERIALS: dict[str, tuple[Callable[..., Mask], Callable[[float], float]]] = {
    "overlapping discs": (discs, range_of_discs),
    "Gaussian field": (field, range_of_field),
}


def row(material: str, fraction: float, observations: int) -> dict[str, object]:
    """Grow images of one kind and size, and count how often their interval holds the fraction."""
    grow, integral_range = MATERIALS[material]
    edge = round(np.sqrt(observations * integral_range(fraction)))
    rng = np.random.default_rng(
        [list(MATERIALS).index(material), observations, int(1e3 * fraction)]
    )
    found = [
        fraction_interval(grow(rng, fraction, edge), confidence=CONFIDENCE) for _ in range(N_IMAGES)
    ]
    known = [one for one in found if not np.isnan(one.observations)]
    held = np.mean([one.low <= fraction <= one.high for one in known])
    numbers = np.array([one.observations for one in known])
    return {
        "material": material,
        "fraction": fraction,
        "observations": observations,
        "image": f"{edge} x {edge}",
        "interval known %": f"{100 * len(known) / N_IMAGES:.1f}",
        "holds the fraction %": f"{100 * held:.1f}",
        "median half width": f"{np.median([(one.high - one.low) / 2 for one in known]):.3f}",
        "median observations found": f"{np.median(numbers):.0f}",
        "standard deviation of their logarithm": f"{np.log(numbers).std():.2f}",
    }


def main() -> None:
    """Grow all images and write the table."""
    rows = [
        row(material, fraction, observations)
        for material in MATERIALS
        for fraction in FRACTIONS
        for observations in OBSERVATIONS
    ]
    error = 100 * np.sqrt(CONFIDENCE * (1 - CONFIDENCE) / N_IMAGES)
    write_table(
        "fraction-interval",
        pd.DataFrame(rows),
        f"`python benchmarks/fraction_interval.py`. How often the {100 * CONFIDENCE:g} % interval "
        "on a volume fraction from one image holds the material's fraction, which is known; "
        f"{N_IMAGES} images a row, so by chance within {2 * error:.1f} % in 19 of 20 rows. "
        "Observations: integral ranges that an image holds. An interval is not known where the "
        "autocovariance does not fall to 0.1 within half the image.",
        libraries=("numpy", "scipy"),
    )


if __name__ == "__main__":
    main()
