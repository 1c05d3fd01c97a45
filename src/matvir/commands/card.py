"""The command ``matvir card``: what a generator is, and where it comes from."""

import argparse
import hashlib
from pathlib import Path

from matvir.families import FAMILIES
from matvir.models.images import ImageModel
from matvir.training.checkpoint import TrainedGenerator, load_generator

CITE = (
    "CITATION.cff of MatVir; for slicegan-* Kench and Cooper 2021, doi:10.1038/s42256-021-00322-1"
)


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
    n_parameters = sum(one.numel() for one in trained.network.parameters())
    return [
        ("model", f"{origin.get('model', trained.kind)} ({trained.kind}), {_makes(trained)}"),
        ("material", str(origin.get("material", "not stated"))),
        ("phases" if trained.network.kind.labelled else "channels", ", ".join(trained.phases)),
        ("voxel", _voxel(trained.voxel_size_um)),
        (
            "trained",
            f"seed {origin.get('seed')}, configuration {origin.get('config_hash', 'not stated')}",
        ),
        ("by", f"MatVir {origin.get('matvir')}, revision {origin.get('git_revision') or 'none'}"),
        ("size", f"{n_parameters} parameters, {path.stat().st_size} bytes"),
        ("SHA-256", hashlib.sha256(path.read_bytes()).hexdigest()),
        ("cite", CITE),
        ("next", f"matvir generate {path} --out volumes"),
    ]


def _makes(trained: TrainedGenerator) -> str:
    if isinstance(trained.network, ImageModel):
        return f"makes images of {trained.network.image_size} pixels"
    return f"makes {FAMILIES[trained.kind].makes} of any size"


def _voxel(edges: tuple[float, ...] | None) -> str:
    if edges is None:
        return "size not known"
    return " x ".join(f"{edge:.6g}" for edge in edges) + " um"
