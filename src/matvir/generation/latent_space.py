"""What the codes of an autoencoder say: a map, latent interpolations, and properties read off.

An encoder is of use for design if images near each other in its codes are alike, and if properties
of the material follow from a code.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from matvir.errors import InputError
from matvir.metrics.two_point_correlation import (
    correlation_length,
    correlation_map,
    phase_spectra,
    radial_average,
)
from matvir.micrograph.crops import ImageSampler
from matvir.micrograph.encoding import TrainingData
from matvir.models.vae import Vae
from matvir.training.seeding import derived_seed, seeded

Floats = NDArray[np.float64]
# A property and the phase that has it.
Property = tuple[str, str]
REGRESSION_COLUMNS = ("property", "phase", "unit", "n_fitted", "n_tested", "r2", "note")
# Weights of the squared coefficients that ridge regression chooses from.
RIDGES = np.logspace(-3, 4, 15)
# Images in a row, and rows of interpolations between two codes.
N_SHOWN, N_INTERPOLATIONS = 9, 2
# Real crops whose codes are looked at, of those that were learned from and of others each.
N_CROPS = 400
# Below this number a coefficient of determination means nothing.
FEWEST = 20


@dataclass(frozen=True, eq=False)
class PrincipalMap:
    """Codes in the plane in which they vary most.

    Attributes
    ----------
    places : ndarray of shape (n, 2)
        The first two principal components of each code.
    shares : ndarray of shape (2,)
        Share of the variance along each of them, in 0 .. 1.
    """

    places: Floats
    shares: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class LatentSpace:
    """What is found of the codes of an autoencoder.

    Attributes
    ----------
    strips : dict of str to ndarray of shape (n, H, W), uint8
        Rows of images by their names.
    places : PrincipalMap
        Codes of real crops.
    shade : ndarray of shape (n,)
        What the map is coloured by.
    shade_name : str
        Its name.
    table : DataFrame
        Of `regressions`.
    tested, predicted : dict of (str, str) to ndarray
        Properties of the tested images, and what codes say of them.
    """

    strips: dict[str, NDArray[np.uint8]]
    places: PrincipalMap
    shade: Floats
    shade_name: str
    table: pd.DataFrame
    tested: dict[Property, Floats]
    predicted: dict[Property, Floats]


@torch.no_grad()
def codes_of(network: Vae, images: Tensor) -> Tensor:
    """Return the mean codes of images, shape (n, latent_length).

    Parameters
    ----------
    network : Vae
        A trained one.
    images : Tensor of shape (n, n_phases, H, W)
        One-hot, or values in 0 .. 1.
    """
    return network.encode(images)[0]


def principal_map(codes: Floats) -> PrincipalMap:
    """Project codes, shape (n, length), onto their first two principal components."""
    centred = codes - codes.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    variances = values**2
    return PrincipalMap(left[:, :2] * values[:2], variances[:2] / variances.sum())


@torch.no_grad()
def between(network: Vae, first: Tensor, second: Tensor, n: int) -> Tensor:
    """Return ``n`` images of the interpolation from one code to another, both ends included.

    Parameters
    ----------
    network : Vae
        A trained one.
    first, second : Tensor of shape (latent_length,)
        The two codes.
    n : int
        Number of images.
    """
    shares = torch.linspace(0, 1, n)[:, None]
    return network((1 - shares) * first + shares * second)


def properties(images: Tensor, phases: tuple[str, ...]) -> dict[Property, Floats]:
    """Measure what codes are asked for: volume fractions, and lengths of the correlations.

    Parameters
    ----------
    images : Tensor of shape (n, n_phases, H, W)
        One-hot.
    phases : tuple of str
        Names of the phases.

    Returns
    -------
    dict of (str, str) to ndarray of shape (n,)
        By property and phase: ``volume_fraction``, and ``correlation_length`` in pixels, the
        distance where the radially averaged autocovariance has fallen to 1/e (NaN where it does
        not, or the phase is absent).
    """
    labels = images.argmax(dim=1).numpy()
    found: dict[Property, list[float]] = {}
    for one in labels:
        spectra = phase_spectra(one, len(phases))
        for index, phase in enumerate(phases):
            lags, values = radial_average(correlation_map(spectra, index, index))
            fraction = float((one == index).mean())
            found.setdefault(("volume_fraction", phase), []).append(fraction)
            length = correlation_length(lags, values)
            found.setdefault(("correlation_length", phase), []).append(length)
    return {key: np.array(values) for key, values in found.items()}


def regressions(
    fitted: tuple[Floats, dict[Property, Floats]],
    tested: tuple[Floats, dict[Property, Floats]],
) -> tuple[pd.DataFrame, dict[Property, Floats]]:
    """Predict properties from codes by ridge regression.

    Parameters
    ----------
    fitted, tested : tuple of (ndarray of shape (n, length), dict)
        Codes of images and their properties: those that coefficients are found with, and others
        that they are judged by.

    Returns
    -------
    table : DataFrame
        With the columns ``REGRESSION_COLUMNS``. ``r2`` is the coefficient of determination on the
        tested images: 1 is perfect, 0 no better than their mean.
    predictions : dict
        Of the tested images, by property and phase; NaN where the property is.
    """
    from sklearn.linear_model import RidgeCV  # not needed where models are trained

    rows, predictions = [], {}
    for key, values in fitted[1].items():
        known, judged = (np.isfinite(side[1][key]) for side in (fitted, tested))
        prediction = np.full(len(judged), np.nan)
        row: dict[str, object] = dict(zip(("property", "phase"), key, strict=True))
        row["unit"] = "pixel" if key[0] == "correlation_length" else "1"
        row |= {"n_fitted": int(known.sum()), "n_tested": int(judged.sum()), "r2": np.nan}
        row["note"] = ""
        if min(known.sum(), judged.sum()) < FEWEST:
            row["note"] = f"fewer than {FEWEST} images have it"
        elif np.ptp(tested[1][key][judged]) == 0:
            row["note"] = "the same in all tested images"
        else:
            model = RidgeCV(RIDGES).fit(fitted[0][known], values[known])
            prediction[judged] = model.predict(tested[0][judged])
            row["r2"] = model.score(tested[0][judged], tested[1][key][judged])
        rows.append(row)
        predictions[key] = prediction
    return pd.DataFrame(rows, columns=list(REGRESSION_COLUMNS)), predictions


@torch.no_grad()
def explore(
    network: Vae, seen: TrainingData, unseen: TrainingData | None, *, seed: int
) -> LatentSpace:
    """Look at an autoencoder's reconstructions, samples and codes.

    Parameters
    ----------
    network : Vae
        A trained one, on the CPU.
    seen : TrainingData
        What it learned from.
    unseen : TrainingData or None
        The held-out part, which judges the regressions; if there is none, or none as large as an
        image, other crops of what it learned from do, and the table says so.
    seed : int
        Determines which crops and codes are looked at.
    """
    random = seeded(derived_seed(seed, "latent"))
    size, cpu = network.image_size, torch.device("cpu")
    learned = ImageSampler(seen, size, 1, cpu).sample(N_CROPS, random)
    sampler, note = _judging(seen, unseen, size)
    others = sampler.sample(N_CROPS, random)
    codes = [codes_of(network, images) for images in (learned, others)]
    strips = {
        "real crops": others[:N_SHOWN],
        "their reconstructions": network(codes[1][:N_SHOWN]),
        "images of random codes": network(network.draw(N_SHOWN, random)),
    }
    for index in range(N_INTERPOLATIONS):
        first, second = codes[1][N_SHOWN + 2 * index : N_SHOWN + 2 * index + 2]
        strips[f"from one real crop to another ({index + 1})"] = between(
            network, first, second, N_SHOWN
        )
    measured = [_properties(images, seen) for images in (learned, others)]
    pairs = [(c.double().numpy(), p) for c, p in zip(codes, measured, strict=True)]
    table, predicted = regressions(pairs[0], pairs[1])
    table["note"] = [" ".join(filter(None, (own, note))) for own in table["note"]]
    shaded = next(iter(measured[0]))
    return LatentSpace(
        strips={name: network.kind.voxels(images) for name, images in strips.items()},
        places=principal_map(pairs[0][0]),
        shade=measured[0][shaded],
        shade_name=f"{shaded[0].replace('_', ' ')}, {shaded[1]}",
        table=table,
        tested=measured[1],
        predicted=predicted,
    )


def _judging(
    seen: TrainingData, unseen: TrainingData | None, size: int
) -> tuple[ImageSampler, str]:
    """Return where crops that judge come from, and what is to be said of them."""
    if unseen is not None:
        try:
            return ImageSampler(unseen, size, 1, "cpu"), ""
        except InputError:  # too narrow
            pass
    return ImageSampler(seen, size, 1, "cpu"), "tested on crops that overlap those learned from"


def _properties(images: Tensor, data: TrainingData) -> dict[Property, Floats]:
    if data.kind.labelled:
        return properties(images, data.phases)
    means = images.mean(dim=(2, 3)).double().numpy()
    return {("mean_value", name): means[:, i] for i, name in enumerate(data.phases)}
