"""Files of trained generators and of trainings that go on: tensors and plain values only."""

import io
import math
import pickletools
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from matvir.errors import InputError
from matvir.families import FAMILIES
from matvir.families import load as load_place
from matvir.files import atomic_path
from matvir.models import Network, build_network
from matvir.settings.build import from_dict, to_dict
from matvir.settings.models import NetworkConfig
from matvir.storage.image_types import image_type

FORMAT = "matvir-generator-2"
# All that torch writes for tensors in plain containers, as pickle names it. Its own reader runs no
# code either, but makes a ``bytearray`` of any length.
STORAGES = ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")
CALLED = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    *(f"torch {kind}Storage" for kind in STORAGES),
}
CALLING = {"STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4"}
# What a ZIP archive begins with; torch reads anything else as a pickle of former times.
BEGINNING = b"PK\x03\x04"


@dataclass(frozen=True, kw_only=True)
class TrainedGenerator:
    """A generator and what is known about the material it was trained on.

    Attributes
    ----------
    network : Network
        In evaluation mode, on the CPU.
    kind : str
        Key in `matvir.families.FAMILIES`.
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

    network: Network
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
        _check_archive(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
        _check_tensors(content, path.stat().st_size)
    except FileNotFoundError:
        raise
    except Exception as error:  # of many types, as they come of a file that someone else wrote
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(
            f"{path}: expected a file of tensors written by MatVir, as 'generator.pt' of a "
            f"training, got one that cannot be read ({reason}). Give such a file; if a run wrote "
            "this one, it is damaged: copy it again, or let the run make it anew."
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a mapping of tensors, got {type(content).__name__}.")
    return content


def _check_archive(path: Path) -> None:
    """Check that a file is an archive of uncompressed parts with checksums, of tensors alone."""
    with open(path, "rb") as file:
        if file.read(len(BEGINNING)) != BEGINNING:
            raise ValueError("no archive from its first byte on")
    with zipfile.ZipFile(path) as archive:
        names = [name.lower() for name in archive.namelist()]
        if len(set(names)) < len(names):
            raise ValueError("two parts of one name")
        if any(part.compress_type != zipfile.ZIP_STORED for part in archive.infolist()):
            raise ValueError("a part is compressed")
        damaged = archive.testzip()
        if damaged is not None:
            raise ValueError(f"the checksum of {damaged} is wrong")
        for name in archive.namelist():
            if name.lower().endswith(".pkl"):
                _check_calls(archive.read(name))


def _check_calls(pickled: bytes) -> None:
    """Check that a pickle calls nothing but what puts tensors and containers together."""
    for opcode, argument, _ in pickletools.genops(pickled):
        if opcode.name in CALLING:
            raise ValueError(f"it calls something by {opcode.name}")
        if opcode.name == "GLOBAL" and argument not in CALLED:
            raise ValueError(f"it calls {argument}")


def _check_tensors(content: Any, file_bytes: int) -> None:
    """Check that neither tensors nor containers pretend to hold more than their file does."""
    known: dict[int, int] = {}

    def size(part: Any) -> int:
        """Return how many values a part has, those of shared ones counted each time."""
        if isinstance(part, torch.Tensor):
            if part.numel() * part.element_size() > file_bytes:
                raise ValueError(f"a tensor of shape {tuple(part.shape)} in {file_bytes} bytes")
            return 1
        if not isinstance(part, Mapping | list | tuple):
            return 1
        if id(part) not in known:
            known[id(part)] = file_bytes  # should it hold itself
            parts = part.values() if isinstance(part, Mapping) else part
            known[id(part)] = 1 + sum(map(size, parts))
        return known[id(part)]

    if size(content) > file_bytes:
        raise ValueError("containers that hold each other again and again")


def save_generator(path: Path, trained: TrainedGenerator) -> None:
    """Write a trained generator to ``path``, atomically."""
    save(
        path,
        {
            "format": FORMAT,
            "kind": trained.kind,
            "output": trained.network.kind.text,
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
    found = content.get("format")
    if found != FORMAT:
        what = repr(found) if isinstance(found, str) else type(found).__name__
        newer = isinstance(found, str) and _is_newer(found)
        raise InputError(
            f"{path}: expected a generator in the format {FORMAT!r}, got {what}. "
            + (
                "A newer version of MatVir wrote it: install that one."
                if newer
                else "Train it again with this version of MatVir."
            )
        )
    try:
        return _described(content)
    except Exception as error:  # of many types, as they come of a file that someone else wrote
        raise InputError(
            f"{path}: the weights do not fit the network the file describes ({error}). Train it "
            "again."
        ) from error


def _is_newer(found: str) -> bool:
    """Tell whether the name of a format has a higher number than that of this version."""
    (name, own), (other, _, number) = FORMAT.rsplit("-", 1), found.rpartition("-")
    return other == name and number.isdecimal() and int(number) > int(own)


def _described(content: dict[str, Any]) -> TrainedGenerator:
    """Return the generator that the content of a file describes."""
    family = FAMILIES[content["kind"]]
    config = from_dict(load_place(family.settings), content["config"])
    phases, state, voxel_size = (content[key] for key in ("phases", "state", "voxel_size_um"))
    if not phases or not all(isinstance(phase, str) for phase in phases):
        raise ValueError("phases without names")
    output = image_type(content["output"])
    if voxel_size is not None and not all(0 < float(edge) < math.inf for edge in voxel_size):
        raise ValueError("a voxel size that is no length")
    load_place(family.network).check_description(config, len(phases))
    # First without memory, since a description may ask for any amount of it.
    with torch.device("meta"):
        sizes = build_network(family.name, config, len(phases), output).state_dict()
    wrong = [k for k, v in sizes.items() if k not in state or state[k].shape != v.shape]
    if wrong or len(state) != len(sizes):
        raise ValueError(f"{len(wrong)} of {len(sizes)} tensors of other shapes, as {wrong[:1]}")
    if not all(torch.isfinite(value).all() for value in state.values()):
        raise ValueError("weights that are not finite")
    network = build_network(family.name, config, len(phases), output)
    network.load_state_dict(state)
    network.check_weights()
    return TrainedGenerator(
        network=network.eval(),
        kind=content["kind"],
        config=config,
        phases=tuple(phases),
        voxel_size_um=None if voxel_size is None else tuple(voxel_size),
        provenance=dict(content["provenance"]),
    )
