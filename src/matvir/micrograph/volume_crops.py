"""Random cubic crops of a volume: what a model that learns from volumes sees of the material."""

import numpy as np
import torch
from torch import Tensor

from matvir.errors import InputError
from matvir.micrograph.encoding import TrainingData

# Orders of the axes; the first three are rotations, the others reflections too.
ORDERS = ((0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 2, 1), (1, 0, 2), (2, 1, 0))


class VolumeCropSampler:
    """Draws crops uniformly from all places of a volume.

    A crop is mirrored at random if the material allows it; of an isotropic material its axes are
    exchanged too.

    Parameters
    ----------
    data : TrainingData
        Read with its volume.
    size : int
        Edge of a crop in voxels.
    device : torch.device
        Where the volume is kept (as uint8) and the crops come from.

    Raises
    ------
    InputError
        If there is no volume, some of it is masked, or it is smaller than a crop.
    """

    def __init__(self, data: TrainingData, size: int, device: torch.device) -> None:
        if data.volume is None:
            raise InputError(
                "gan3d: expected a 3D image to learn from, got 2D images. Give a volume as "
                "'image', or train a slicegan model, which learns from sections."
            )
        if data.masked:
            raise InputError(
                "gan3d: expected a volume that is all material, got one with a 'circle'. Cut out a "
                "part inside of it with 'crop'."
            )
        shape = data.kind.spatial_shape(data.volume)
        if min(shape) < size:
            raise InputError(
                f"gan3d: the training part of the volume has {' x '.join(map(str, shape))} voxels, "
                f"expected at least {size} along each axis. Give a larger volume, or hold out less."
            )
        self.size, self.kind, self.n_phases = size, data.kind, data.n_phases
        self.mirror, self.isotropic = data.mirror, data.isotropic
        # (D, H, W, channels) but for labels and grey values.
        self.volume = torch.from_numpy(np.ascontiguousarray(data.volume)).to(device)
        self.shape = shape

    def sample(self, n: int, random: torch.Generator) -> Tensor:
        """Draw crops with replacement.

        Returns
        -------
        Tensor of shape (n, n_phases, size, size, size), float32
            One-hot, or values in 0 .. 1.
        """
        return torch.stack([self._crop(random) for _ in range(n)])

    def _crop(self, random: torch.Generator) -> Tensor:
        def draw(high: int) -> int:
            return int(torch.randint(high, (1,), generator=random, device=random.device))

        corner = [draw(edge - self.size + 1) for edge in self.shape]
        crop = self.volume[tuple(slice(start, start + self.size) for start in corner)]
        if self.mirror:
            crop = crop.flip([axis for axis in range(3) if draw(2)])
        if self.isotropic:
            orders = ORDERS if self.mirror else ORDERS[:3]
            crop = crop.permute(*orders[draw(len(orders))], *range(3, crop.ndim))
        if self.kind.labelled:
            phases = torch.arange(self.n_phases, device=crop.device)[:, None, None, None]
            return (crop == phases).float()
        return crop.reshape(*[self.size] * 3, self.n_phases).permute(3, 0, 1, 2) / 255
