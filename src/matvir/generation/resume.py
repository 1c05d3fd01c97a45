"""What is done of a volume that takes long, in files, so that a killed generation goes on."""

import hashlib
import logging
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matvir.files import atomic_path

logger = logging.getLogger(__name__)

# Seconds between two saves of an unfinished volume.
SAVE_EVERY = 60.0


class VolumeState:
    """The files of one volume in a folder: its last saved step, or all of it.

    Parameters
    ----------
    folder : Path
        Where the files are; made when the first one is written.
    parts : list of bytes
        All that decides the volume: files of another one have other names.
    """

    def __init__(self, folder: Path, parts: list[bytes]) -> None:
        digest = hashlib.sha256()
        for part in parts:
            digest.update(hashlib.sha256(part).digest())
        self.folder, self.name = folder, digest.hexdigest()[:16]
        self.saved_at = time.monotonic()

    def finished(self) -> NDArray[np.uint8] | None:
        """Return the voxels of the volume, if it is finished."""
        path = self._finished_path()
        return np.load(path) if path.exists() else None

    def finish(self, voxels: NDArray[np.uint8]) -> None:
        """Keep all voxels of the volume."""
        self._write(self._finished_path(), voxels)
        for path in self._steps():
            path.unlink()

    def last_step(self) -> tuple[int, NDArray[np.float32]] | None:
        """Return the number of the last saved step, and what it begins with."""
        steps = sorted((int(path.stem.rpartition("-")[2]), path) for path in self._steps())
        if not steps:
            return None
        step, path = steps[-1]
        logger.info("going on with a volume at step %d, from %s", step, path)
        return step, np.load(path, mmap_mode="r")

    def save_step(self, step: int, values: NDArray[np.float32]) -> None:
        """Keep what a step begins with, if the last save is long enough ago."""
        if time.monotonic() - self.saved_at < SAVE_EVERY:
            return
        older = self._steps()
        self._write(self.folder / f"{self.name}-step-{step}.npy", values)
        for path in older:
            path.unlink()
        self.saved_at = time.monotonic()

    def _finished_path(self) -> Path:
        return self.folder / f"{self.name}-finished.npy"

    def _steps(self) -> list[Path]:
        return list(self.folder.glob(f"{self.name}-step-*.npy"))

    def _write(self, path: Path, values: NDArray[np.generic]) -> None:
        with atomic_path(path) as unfinished, unfinished.open("wb") as file:
            np.save(file, values, allow_pickle=False)
