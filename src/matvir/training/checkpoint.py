"""Files of trained generators and of trainings that go on: tensors and plain values only."""

import io
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from matvir.config import NETWORKS, NetworkConfig, from_dict, to_dict
from matvir.errors import InputError
from matvir.files import atomic_path
from matvir.models import build_generator
from matvir.models.images import ImageModel
from matvir.models.slicegan import Generator

FORMAT = "matvir-generator-2"


@dataclass(frozen=True, kw_only=True)
class TrainedGenerator:
    """A generator and what is known about the material it was trained on.

    Attributes
    ----------
    network : Generator or ImageModel
        In evaluation mode, on the CPU.
    kind : str
        Key in `matvir.config.NETWORKS`.
    config : NetworkConfig
        What the network was built from.
    phases : tuple of str
        Name of each phase; its position is its label. Of a generator of grey values or colours,
        which ``network.kind`` says, the channels.
    voxel_size_um : tuple of float or None
        Edge of a voxel along each axis in micrometres.
    provenance : dict
        Material, model, seed, configuration hash, version and revision.
    """

    network: Generator | ImageModel
    kind: str
    config: NetworkConfig
    phases: tuple[str, ...]
    voxel_size_um: tuple[float, ...] | None
    provenance: dict[str, Any]


def save(path: Path, content: dict[str, Any]) -> None:
    """Write tensors and plain containers to ``path``, atomically."""
    # Not straight into the file: torch hides from its errors that a disk is full.
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with atomic_path(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def load(path: Path) -> dict[str, Any]:
    """Read what :func:`save` wrote; nothing in the file can run code.

    Raises
    ------
    InputError
        If the file is missing, truncated or holds anything but tensors and plain values.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise InputError(
            f"{path}: expected a file of tensors written by MatVir, got one that cannot be read "
            f"({str(error).splitlines()[0]}). Remove it and run the command again."
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a mapping of tensors, got {type(content).__name__}.")
    return content


def save_generator(path: Path, trained: TrainedGenerator) -> None:
    """Write a trained generator to ``path``, atomically."""
    save(
        path,
        {
            "format": FORMAT,
            "kind": trained.kind,
            "output": trained.network.kind,
            "config": to_dict(trained.config),
            "phases": list(trained.phases),
            "voxel_size_um": trained.voxel_size_um and list(trained.voxel_size_um),
            "provenance": trained.provenance,
            "state": _contiguous(trained.network),
        },
    )


def _contiguous(network: nn.Module) -> dict[str, torch.Tensor]:
    """Return the weights in one layout, whatever layout was the fastest in training."""
    return {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}


def load_generator(path: Path) -> TrainedGenerator:
    """Read a trained generator.

    Raises
    ------
    InputError
        If the file is not a generator of this version of the format, or its weights do not fit
        its own description.
    """
    content = load(path)
    if content.get("format") != FORMAT:
        raise InputError(
            f"{path}: expected a generator in the format {FORMAT!r}, "
            f"got {content.get('format')!r}. Train it again with this version of MatVir."
        )
    config = from_dict(NETWORKS[content["kind"]], content["config"])
    network = build_generator(config, len(content["phases"]), content["output"])
    try:
        network.load_state_dict(content["state"])
    except RuntimeError as error:
        raise InputError(
            f"{path}: the weights do not fit the network the file describes ({error})."
        ) from error
    voxel_size = content["voxel_size_um"]
    return TrainedGenerator(
        network=network.eval(),
        kind=content["kind"],
        config=config,
        phases=tuple(content["phases"]),
        voxel_size_um=None if voxel_size is None else tuple(voxel_size),
        provenance=content["provenance"],
    )
