"""The command ``matvir card``: what a generator is, and where it comes from."""

import argparse
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from matvir.families import FAMILIES
from matvir.models.images import ImageModel
from matvir.training.checkpoint import TrainedGenerator, load_generator

CITE = (
    "CITATION.cff of MatVir; for slicegan-* Kench and Cooper 2021, doi:10.1038/s42256-021-00322-1"
)
# What `matvir share` adds.
SHARED = ("licence", "authors", "source")


def run(options: argparse.Namespace) -> None:
    """Print what is known of a generator; see `matvir.cli`."""
    for name, value in card(options.generator):
        print(f"{name:>12}  {value}")  # noqa: T201


def card(path: Path) -> list[tuple[str, str]]:
    """Return what is known of a generator, each with its name.

    Parameters
    ----------
    path : Path
        ``generator.pt`` of a training.

    Raises
    ------
    InputError
        If it is none.
    """
    trained = load_generator(path)
    origin = trained.provenance
    images = [f"{name}, SHA-256 {digest}" for name, digest in origin.get("images", [])]
    told = {name: origin[name] for name in SHARED if origin.get(name)}
    n_parameters = sum(one.numel() for one in trained.network.parameters())
    return [
        ("model", f"{origin.get('model', trained.kind)} ({trained.kind}), {_makes(trained)}"),
        ("material", str(origin.get("material", "not stated"))),
        *(("image", image) for image in images),
        ("phases" if trained.network.kind.labelled else "channels", ", ".join(trained.phases)),
        ("voxel", _voxel(trained.voxel_size_um)),
        (
            "trained",
            f"seed {origin.get('seed')}, configuration {origin.get('config_hash', 'not stated')}",
        ),
        ("by", f"MatVir {origin.get('matvir')}, revision {origin.get('git_revision') or 'none'}"),
        ("size", f"{n_parameters} parameters, {path.stat().st_size} bytes"),
        *((name, _text(value)) for name, value in told.items()),
        ("SHA-256", hashlib.sha256(path.read_bytes()).hexdigest()),
        ("cite", CITE),
        *(("quality", line) for line in _quality(origin.get("quality", []))),
        ("next", f"matvir generate {path} --out volumes"),
    ]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ", ".join(map(str, value))


def _quality(rows: Iterable[dict[str, Any]]) -> list[str]:
    """Return a line for each property: the real mean, the generated one, and their agreement."""
    return [
        f"{row['dimension']} {row['metric']} {row['phase']}: {row['real']:.4g} real, "
        f"{row['generated']:.4g} generated {row['unit'] if row['unit'] != '1' else ''}".rstrip()
        + f"; {_agreement(row['within'], row['statistics'])}"
        for row in rows
    ]


def _agreement(within: int, statistics: int) -> str:
    if not statistics:
        return "too few real samples to say how close more real data would be"
    return f"{within} of {statistics} statistics as close as more real data would be"


def _makes(trained: TrainedGenerator) -> str:
    if isinstance(trained.network, ImageModel):
        return f"makes images of {trained.network.image_size} pixels"
    return f"makes {FAMILIES[trained.kind].makes} of any size"


def _voxel(edges: tuple[float, ...] | None) -> str:
    if edges is None:
        return "size not known"
    return " x ".join(f"{edge:.6g}" for edge in edges) + " um"
