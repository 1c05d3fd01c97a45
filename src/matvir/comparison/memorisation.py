"""Whether a generator copies its training image: the nearest training crop of generated crops."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import fft

from matvir.errors import InputError

Labels = NDArray[np.uint8]

MEMORISATION_COLUMNS = ("kind", "crop", "distance", "training_image", "row", "column", "note")
KINDS = ("generated", "held-out")
# Label of pixels that show something else than the material; they agree with nothing.
OUTSIDE = 255
# Large enough that unrelated crops differ, small enough to fit into a held-out strip.
CROP_SIZE = 48
N_CROPS = 16
# A crop of nearly one phase alone occurs anywhere and tells nothing about copying.
MAX_SHARE = 0.95
# Of images that keep their values, pixels agree that are in the same of so many classes.
N_CLASSES = 4


def nearest_crops(
    generated: Sequence[Labels],
    training: Sequence[Labels],
    held_out: Sequence[Labels],
    *,
    size: int,
    n_crops: int,
    mirror: bool,
    quarter_turns: bool,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Find the nearest training crop of generated crops, and of real crops no training saw.

    The distance is the share of pixels whose phases differ; every position in every training
    image is tried (by correlation of the phases' indicators in Fourier space), in every symmetry
    that the training used. A generator that copies is nearer to its training data than unseen
    real crops are.

    Parameters
    ----------
    generated, training, held_out : sequence of ndarray of shape (H, W), uint8
        Label images: slices of generated volumes, the images that were trained on, and images of
        the same material that were not. Pixels with the label ``OUTSIDE`` show no material; no
        crop holds one.
    size : int
        Edge of the compared crops in pixels.
    n_crops : int
        Number of crops drawn from the generated and from the held-out images.
    mirror, quarter_turns : bool
        Symmetries under which the training saw its images.
    rng : numpy.random.Generator
        Draws the crops.

    Returns
    -------
    DataFrame
        One row per crop with the columns ``MEMORISATION_COLUMNS``: distance in 0 .. 1 and where
        the nearest training crop begins (image, row, column). One row with an empty distance and
        a note for a kind without a crop of more than one phase.

    Raises
    ------
    InputError
        If no training image is as large as a crop.
    """
    usable = [image for image in training if min(image.shape) >= size]
    if not usable:
        raise InputError(
            f"expected training images of at least {size} x {size} pixels, got the shapes "
            f"{sorted({image.shape for image in training})}. Compare smaller crops."
        )
    search = _Search(usable, size)
    rows: list[dict[str, object]] = []
    for kind, images in zip(KINDS, (generated, held_out), strict=True):
        crops = _draw(images, size, n_crops, rng)
        if not crops:
            note = f"no {kind} crop of {size} x {size} pixels with more than one phase"
            rows.append({"kind": kind, "note": note})
        for index, crop in enumerate(crops):
            found = search.nearest(crop, mirror, quarter_turns)
            rows.append({"kind": kind, "crop": index, **found, "note": ""})
    return pd.DataFrame(rows, columns=list(MEMORISATION_COLUMNS))


def section_labels(one_hot: NDArray[np.uint8]) -> Labels:
    """Return the labels of an encoded section; ``OUTSIDE`` where no channel is set.

    Parameters
    ----------
    one_hot : ndarray of shape (n_phases, rows, columns), uint8
        1 where the pixel is of the phase.
    """
    labels = one_hot.argmax(axis=0).astype(np.uint8)
    labels[~one_hot.any(axis=0)] = OUTSIDE
    return labels


def brightness_limits(images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """Return the brightnesses that divide the pixels of images into classes of equal size.

    Parameters
    ----------
    images : sequence of ndarray of shape (n_channels, rows, columns)
        Grey values or colours; the brightness of a pixel is the mean of its channels.

    Returns
    -------
    ndarray of shape (N_CLASSES - 1,)
        Ascending.
    """
    brightness = np.concatenate([image.mean(axis=0).ravel() for image in images])
    return np.quantile(brightness, np.arange(1, N_CLASSES) / N_CLASSES)


def brightness_classes(image: NDArray[np.uint8], limits: NDArray[np.float64]) -> Labels:
    """Return the class of each pixel of an image that keeps its values, so that crops compare.

    Parameters
    ----------
    image : ndarray of shape (rows, columns) or (rows, columns, n_channels)
        Grey values or colours.
    limits : ndarray
        What :func:`brightness_limits` returned.
    """
    brightness = image if image.ndim == 2 else image.mean(axis=2)
    return np.digitize(brightness, limits).astype(np.uint8)


def memorisation_verdict(table: pd.DataFrame) -> tuple[str, bool | None]:
    """Say in a sentence whether generated crops are copies.

    Copying is suspected if the nearest generated crop is less than half as far from the training
    data as the nearest held-out crop. The medians do not decide: a generator of coarser or
    smoother structures is nearer to any image without copying it.

    Parameters
    ----------
    table : DataFrame
        What :func:`nearest_crops` returned.

    Returns
    -------
    tuple of str and bool or None
        The sentence, and whether copying is suspected; None if it could not be judged.
    """
    distances = {kind: table.loc[table["kind"] == kind, "distance"].dropna() for kind in KINDS}
    generated, held_out = distances["generated"], distances["held-out"]
    if generated.empty:
        return "No generated crop was compared with the training data.", None
    text = f"The nearest training crop of a generated crop differs in {_spread(generated)}"
    if held_out.empty:
        return f"{text}; there are no held-out crops to judge this by.", None
    text = f"{text}, that of an unseen real crop in {_spread(held_out)}"
    copied = bool(generated.min() < held_out.min() / 2)
    end = "copying is suspected" if copied else "no sign of copying"
    return f"{text}: {end}.", copied


def _spread(distances: pd.Series) -> str:
    middle, smallest = 100 * distances.median(), 100 * distances.min()
    return f"{middle:.1f} % of the pixels (median; smallest {smallest:.1f} %)"


def _draw(
    images: Sequence[Labels], size: int, n_crops: int, rng: np.random.Generator
) -> list[Labels]:
    """Draw crops, each usable position in each image alike; none if there is no such position."""
    starts = [np.argwhere(_usable_starts(image, size)) for image in images]
    ends = np.cumsum([len(positions) for positions in starts])
    if not len(ends) or ends[-1] == 0:
        return []
    crops = []
    for index in rng.integers(ends[-1], size=n_crops):
        number = int(np.searchsorted(ends, index, side="right"))
        row, column = starts[number][index - ends[number]]  # counted from the end
        crops.append(images[number][row : row + size, column : column + size])
    return crops


def _usable_starts(image: Labels, size: int) -> NDArray[np.bool_]:
    """Return where a crop may begin: all of it material, and not nearly all of one phase."""
    if min(image.shape) < size:
        return np.zeros((0, 0), dtype=bool)
    usable = _window_counts(image == OUTSIDE, size) == 0
    for phase in np.unique(image):
        usable &= _window_counts(image == phase, size) <= MAX_SHARE * size**2
    return usable


def _window_counts(mask: NDArray[np.bool_], size: int) -> NDArray[np.int64]:
    """Count the true pixels of every window of ``size``, by its first row and column."""
    sums = np.pad(mask.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    upper, lower = sums[:-size], sums[size:]
    return lower[:, size:] - lower[:, :-size] - upper[:, size:] + upper[:, :-size]


def _symmetries(crop: Labels, mirror: bool, quarter_turns: bool) -> Iterator[Labels]:
    """Yield the crop in every allowed symmetry of the square."""
    turned = [np.rot90(crop, k) for k in range(4)] if quarter_turns else [crop]
    yield from turned
    if mirror:
        yield from (np.fliplr(image) for image in turned)
        if not quarter_turns:  # with quarter turns these two are among the above
            yield np.flipud(crop)
            yield np.rot90(crop, 2)


class _Search:
    """Finds the position of the training images that agrees with a crop in most pixels."""

    def __init__(self, images: Sequence[Labels], size: int) -> None:
        self._size = size
        labels = np.unique(np.concatenate([np.unique(image) for image in images]))
        self._phases = labels[labels != OUTSIDE]
        self._shapes = [image.shape for image in images]
        # Valid positions do not wrap around, so the images need no padding.
        self._padded = [
            tuple(fft.next_fast_len(edge, real=True) for edge in s) for s in self._shapes
        ]
        self._spectra = [
            self._spectrum(image, padded)
            for image, padded in zip(images, self._padded, strict=True)
        ]

    def _spectrum(self, image: Labels, shape: tuple[int, ...]) -> NDArray[np.complex64]:
        one_hot = (image == self._phases[:, None, None]).astype(np.float32)
        return fft.rfft2(one_hot, s=shape)

    def nearest(self, crop: Labels, mirror: bool, quarter_turns: bool) -> dict[str, float]:
        candidates = [
            found
            for variant in _symmetries(crop, mirror, quarter_turns)
            for found in self._in_images(variant)
        ]
        return min(candidates, key=lambda found: found["distance"])

    def _in_images(self, crop: Labels) -> Iterator[dict[str, float]]:
        # Images of one shape share the crop's transform.
        crop_spectra = {
            padded: np.conj(self._spectrum(crop, padded)) for padded in set(self._padded)
        }
        for image, (padded, spectrum) in enumerate(zip(self._padded, self._spectra, strict=True)):
            product = np.einsum("prc,prc->rc", spectrum, crop_spectra[padded])
            height, width = (edge - self._size + 1 for edge in self._shapes[image])
            agreeing = fft.irfft2(product, s=padded)[:height, :width]
            row, column = np.unravel_index(agreeing.argmax(), agreeing.shape)
            # The number of agreeing pixels is whole; float32 transforms err far below one half.
            count = round(float(agreeing[row, column]))
            yield {
                "distance": 1 - count / self._size**2,
                "training_image": image,
                "row": int(row),
                "column": int(column),
            }
