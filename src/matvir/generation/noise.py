"""Random numbers that are addressed by position, so that any part can be drawn by itself."""

from collections.abc import Sequence
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

    def window(self, ranges: Sequence[Range]) -> NDArray[np.float32]:
        """Return the numbers of a box.

        Parameters
        ----------
        ranges : sequence of three (start, stop)
            The box along each axis; not negative.

        Returns
        -------
        ndarray of shape (channels, d, h, w), float32
            The numbers.
        """
        lengths = [stop - start for start, stop in ranges]
        box = np.empty((self.channels, *lengths), dtype=np.float32)
        for place in product(*(range(a // TILE, (b - 1) // TILE + 1) for a, b in ranges)):
            target, source = zip(
                *(_overlap(k * TILE, ab) for k, ab in zip(place, ranges, strict=True)), strict=True
            )
            box[:, *target] = self._tile(place)[:, *source]
        return box

    def _draw(self, place: tuple[int, int, int]) -> NDArray[np.float32]:
        # The lowest word of the counter runs within the tile.
        stream = np.random.Philox(key=self._key, counter=np.array([0, *place], dtype=np.uint64))
        shape = (self.channels, TILE, TILE, TILE)
        return np.random.Generator(stream).standard_normal(shape, dtype=np.float32)


def _overlap(first: int, box: Range) -> tuple[slice, slice]:
    """Return where the tile that starts at ``first`` lies in the box, and the box in the tile."""
    start, stop = max(first, box[0]), min(first + TILE, box[1])
    return slice(start - box[0], stop - box[0]), slice(start - first, stop - first)
