"""Random numbers that are addressed by position, so that any part can be drawn by itself."""

from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtri

from matvir.storage.windows import Range

# Numbers are drawn tile by tile; a tile's own stream of random numbers starts at its place.
TILE = 16
# Neighbouring blocks share tiles. What no longer fits is drawn again, with the same result.
CACHED_BYTES = 256_000_000

# Random bits for each number; as many ranks, all equally probable, stand for the distribution.
BITS = 16


class NormalField:
    """Standard normal numbers on a grid without an end.

    The numbers at a position depend on seed, level and position alone, never on what was drawn
    before: each tile of 16 x 16 x 16 positions has a stream of the counter-based generator Philox
    (J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) whose key is the
    seed and the level, and whose counter is the tile's place. Sixteen bits of it choose a number
    among the quantiles of the normal distribution, which takes a third of the time that drawing
    from its continuum does; none is beyond 4.4 standard deviations. They are rounded to numbers
    that bfloat16 has, so networks that compute in it are given the same ones.

    Parameters
    ----------
    seed : int
        In 0 .. 2^64 - 1.
    level : int
        Tells the fields of one seed apart.
    channels : int
        Numbers at each position.
    """

    def __init__(self, seed: int, level: int, channels: int) -> None:
        self.channels = channels
        self._key = np.array([seed, level], dtype=np.uint64)
        tile_bytes = 4 * channels * TILE**3
        self._tile = lru_cache(maxsize=max(CACHED_BYTES // tile_bytes, 1))(self._draw)

    def window(
        self, ranges: Sequence[Range], periods: Sequence[int | None] = (None, None, None)
    ) -> NDArray[np.float32]:
        """Return the numbers of a box.

        Parameters
        ----------
        ranges : sequence of three (start, stop)
            The box along each axis; negative only along an axis with a period.
        periods : sequence of three int or None
            Number of positions after which the numbers repeat along each axis; None: they do not.

        Returns
        -------
        ndarray of shape (channels, d, h, w), float32
            The numbers; in memory the channels of a position are neighbours.
        """
        lengths = [stop - start for start, stop in ranges]
        box = np.empty((*lengths, self.channels), dtype=np.float32)
        along = [list(_runs(*one)) for one in zip(ranges, periods, strict=True)]
        for runs in product(*along):
            place, source, target = zip(*runs, strict=True)
            box[target] = self._tile(place)[source]
        return np.moveaxis(box, -1, 0)

    def _draw(self, place: tuple[int, int, int]) -> NDArray[np.float32]:
        # The lowest word of the counter runs within the tile.
        stream = np.random.Philox(key=self._key, counter=np.array([0, *place], dtype=np.uint64))
        words = stream.random_raw(self.channels * TILE**3 * BITS // 64)
        # In the order of a machine whose lowest byte comes first, on any machine.
        ranks = words.astype("<u8", copy=False).view("<u2")
        return quantiles()[ranks].reshape(TILE, TILE, TILE, self.channels)


@cache
def quantiles() -> NDArray[np.float32]:
    """Return the value of each rank, with the mean 0 and the variance 1 of the distribution.

    Rounded to bfloat16, which leaves 2,680 different ones. Were the noise of the later layers
    rounded only where a network computes in bfloat16, that would be a large part of its error.
    """
    values = ndtri((np.arange(2**BITS) + 0.5) / 2**BITS)
    rounded = torch.from_numpy(values / values.std()).to(torch.bfloat16)
    return rounded.float().numpy()


def _runs(box: Range, period: int | None) -> Iterator[tuple[int, slice, slice]]:
    """Yield the tiles that a box meets along one axis, and the same part of tile and of box."""
    start, stop = box
    position = start
    while position < stop:
        place = position if period is None else position % period
        tile, first = divmod(place, TILE)
        length = min(stop - position, TILE - first)
        if period is not None:
            length = min(length, period - place)
        yield tile, slice(first, first + length), slice(position - start, position - start + length)
        position += length
