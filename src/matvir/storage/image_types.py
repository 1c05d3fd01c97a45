"""Image types: what the values of an image mean, and all that differs between them.

There are three: phases, grey values and colours. Files and provenance name them by their texts.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Voxels = NDArray[np.uint8]


class ImageType(ABC):
    """What the values of an image mean; `PHASES`, `GREY` and `COLOUR` are the only objects.

    Networks and sections have an axis of channels, one per phase or colour. Arrays of voxels have
    one number per voxel, or a last axis of three colours.

    Attributes
    ----------
    text : str
        Name in files, provenance and messages.
    labelled : bool
        Whether voxels hold labels of phases; else values in 0 .. 255.
    channels : tuple of str
        Names of the channels; empty of phases, which the user names.
    colour_shape : tuple of int
        What the shape of an array of voxels has after the spatial axes: (3,) of colours, else ().
    full : int
        What stands for 1 in encoded channels of uint8.
    bytes_per_voxel : float
        About what a voxel takes in a compressed file.
    """

    text: ClassVar[str]
    labelled: ClassVar[bool] = False
    channels: ClassVar[tuple[str, ...]] = ()
    colour_shape: ClassVar[tuple[int, ...]] = ()
    full: ClassVar[int] = 255
    bytes_per_voxel: ClassVar[float]

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return type(self).__name__

    def __reduce__(self) -> str:
        """Let copies and pickles be the one object again."""
        return type(self).__name__.upper()

    def spatial_shape(self, voxels: NDArray[Any]) -> tuple[int, ...]:
        """Return the shape of an array of voxels without an axis of colours."""
        return voxels.shape[: voxels.ndim - len(self.colour_shape)]

    @abstractmethod
    def encode(self, voxels: Voxels, n_channels: int, material: NDArray[np.bool_]) -> Voxels:
        """Return voxels as channels.

        Parameters
        ----------
        voxels : ndarray of shape (...), or (..., 3) of colours, uint8
            Labels in 0 .. n_channels - 1, or values.
        n_channels : int
            Number of phases or channels.
        material : ndarray of shape (...), bool
            False where a voxel is outside the material; of no effect on values.

        Returns
        -------
        ndarray of shape (n_channels, ...), uint8
            One-hot, all 0 outside the material; or values in 0 .. 255.
        """

    @abstractmethod
    def decode(self, logits: "Tensor") -> "Tensor":
        """Return what a last layer's output, (B, n_channels, ...), stands for, in 0 .. 1.

        Probabilities (softmax), or values (half of tanh + 1).
        """

    @abstractmethod
    def logits(self, means: "Tensor") -> "Tensor":
        """Return what `decode` would turn into ``means``, shape (n_channels,), in 0 .. 1."""

    @abstractmethod
    def voxels(self, decoded: "Tensor") -> Voxels:
        """Return the most probable phases, or the values, that a decoded output shows.

        Parameters
        ----------
        decoded : Tensor of shape (B, n_channels, ...)
            What `decode` returned.

        Returns
        -------
        ndarray of shape (B, ...), or (B, ..., 3) of colours, uint8
        """

    @abstractmethod
    def means(
        self, voxels: Voxels, n_channels: int, material: NDArray[np.bool_] | None
    ) -> NDArray[np.float64]:
        """Return the fraction of each phase, or the mean of each channel, in 0 .. 1.

        Parameters
        ----------
        voxels, n_channels, material
            As of `encode`; the material may be None if all of it is.

        Returns
        -------
        ndarray of shape (n_channels,)
        """


class Phases(ImageType):
    """Each voxel holds the label of a phase."""

    text = "phases"
    labelled = True
    full = 1
    # Labels compress to about 0.13 bytes in chunks and 0.16 in planes, other values hardly.
    bytes_per_voxel = 0.2

    def encode(self, voxels: Voxels, n_channels: int, material: NDArray[np.bool_]) -> Voxels:
        """Implement `ImageType.encode`."""
        phases = np.arange(n_channels).reshape(-1, *[1] * voxels.ndim)
        return ((voxels == phases) & material).astype(np.uint8)

    def decode(self, logits: "Tensor") -> "Tensor":
        """Implement `ImageType.decode`."""
        return logits.softmax(dim=1)

    def logits(self, means: "Tensor") -> "Tensor":
        """Implement `ImageType.logits`."""
        return means.log()

    def voxels(self, decoded: "Tensor") -> Voxels:
        """Implement `ImageType.voxels`."""
        return np.asarray(decoded.argmax(dim=1).byte().cpu().numpy())

    def means(
        self, voxels: Voxels, n_channels: int, material: NDArray[np.bool_] | None
    ) -> NDArray[np.float64]:
        """Implement `ImageType.means`."""
        labels = voxels if material is None else voxels[material]
        counts = np.bincount(labels.ravel(), minlength=n_channels)
        return counts / counts.sum()


class Values(ImageType):
    """Each voxel keeps its values: one number in 0 .. 255 per channel."""

    @abstractmethod
    def channels_last(self, voxels: Voxels) -> Voxels:
        """Return voxels with a last axis of channels, (..., n_channels)."""

    @abstractmethod
    def joined(self, channels: Voxels, axis: int) -> Voxels:
        """Return an array with channels along ``axis`` as voxels."""

    def channels_first(self, voxels: Voxels) -> Voxels:
        """Return voxels with a first axis of channels, (n_channels, ...)."""
        return np.moveaxis(self.channels_last(voxels), -1, 0)

    def encode(self, voxels: Voxels, n_channels: int, material: NDArray[np.bool_]) -> Voxels:
        """Implement `ImageType.encode`."""
        return self.channels_first(voxels)

    def decode(self, logits: "Tensor") -> "Tensor":
        """Implement `ImageType.decode`."""
        return (logits.tanh() + 1) / 2

    def logits(self, means: "Tensor") -> "Tensor":
        """Implement `ImageType.logits`."""
        return (2 * means - 1).atanh()

    def voxels(self, decoded: "Tensor") -> Voxels:
        """Implement `ImageType.voxels`."""
        return self.joined((255 * decoded).round().byte().cpu().numpy(), axis=1)

    def means(
        self, voxels: Voxels, n_channels: int, material: NDArray[np.bool_] | None
    ) -> NDArray[np.float64]:
        """Implement `ImageType.means`."""
        means: NDArray[np.float64] = voxels.reshape(-1, n_channels).mean(axis=0) / 255
        return means


class Grey(Values):
    """Each voxel holds a grey value."""

    text = "grey"
    channels = ("grey",)
    bytes_per_voxel = 1.0

    def channels_last(self, voxels: Voxels) -> Voxels:
        """Implement `Values.channels_last`."""
        return voxels[..., None]

    def joined(self, channels: Voxels, axis: int) -> Voxels:
        """Implement `Values.joined`."""
        return channels.squeeze(axis)


class Colour(Values):
    """Each voxel holds a red, a green and a blue value."""

    text = "rgb"
    channels = ("red", "green", "blue")
    colour_shape = (3,)
    bytes_per_voxel = 3.0

    def channels_last(self, voxels: Voxels) -> Voxels:
        """Implement `Values.channels_last`."""
        return voxels

    def joined(self, channels: Voxels, axis: int) -> Voxels:
        """Implement `Values.joined`."""
        return np.moveaxis(channels, axis, -1)


PHASES, GREY, COLOUR = Phases(), Grey(), Colour()


def image_type(text: object) -> ImageType:
    """Return the image type that a file names.

    Raises
    ------
    ValueError
        If it names none of them.
    """
    every: tuple[ImageType, ...] = (PHASES, GREY, COLOUR)
    for one in every:
        if one.text == text:
            return one
    raise ValueError(f"the kind {text!r} in place of one of {[one.text for one in every]}")
