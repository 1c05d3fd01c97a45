"""Random numbers that are addressed by position, so that any part can be drawn by itself."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

Range = tuple[int, int]

# Numbers are drawn tile by tile; a tile's own stream of random numbers starts at its place.
TILE = 16
# Neighbouring blocks share tiles. What no longer fits is drawn again, with the same result.
CACHED_BYTES = 256_000_000


class NormalField:
    """Standard normal numbers on a grid without an end.

    The numbers at a position depend on seed, level and position alone, never on what was drawn
    before: each tile of 16 x 16 x 16 positions has a stream of the counter-based generator Philox
    (J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) whose key is the
    seed and the level, and whose counter is the tile's place.

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
            The numbers.
        """
        lengths = [stop - start for start, stop in ranges]
        box = np.empty((self.channels, *lengths), dtype=np.float32)
        along = [list(_runs(*one)) for one in zip(ranges, periods, strict=True)]
        for runs in product(*along):
            place, source, target = zip(*runs, strict=True)
            box[:, *target] = self._tile(place)[:, *source]
        return box

    def _draw(self, place: tuple[int, int, int]) -> NDArray[np.float32]:
        # The lowest word of the counter runs within the tile.
        stream = np.random.Philox(key=self._key, counter=np.array([0, *place], dtype=np.uint64))
        shape = (self.channels, TILE, TILE, TILE)
        return np.random.Generator(stream).standard_normal(shape, dtype=np.float32)


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
