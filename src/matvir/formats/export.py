"""What is written of a volume, whatever the format."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Export:
    """A volume of labels to write for another program.

    Attributes
    ----------
    voxels : ndarray of shape (D, H, W), uint8
        Phase of each voxel; axes are (plane, row, column), which are z, y and x of other programs.
    phases : tuple of str
        Name of each phase; its position is its label.
    voxel_size_um : tuple of three float or None
        Edge of a voxel along each axis in micrometres; None if it is not known.
    provenance : dict
        Where the volume came from; plain JSON values.
    """

    voxels: NDArray[np.uint8]
    phases: tuple[str, ...]
    voxel_size_um: tuple[float, ...] | None
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def edges(self) -> tuple[float, ...]:
        """Edges of a voxel in `unit`."""
        return self.voxel_size_um or (1.0, 1.0, 1.0)

    @property
    def unit(self) -> str:
        """Unit of the edges."""
        return "voxel" if self.voxel_size_um is None else "um"
