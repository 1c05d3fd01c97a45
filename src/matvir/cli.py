"""The command ``matvir``: what the workflow does, for one file at a time."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

import matvir
from matvir.device import use_threads
from matvir.errors import ConfigError, MatvirError
from matvir.families import FAMILIES, load
from matvir.generation.aim import aim, as_fractions
from matvir.generation.control import (
    Control,
    as_ends,
    ramp,
    read_plane,
    read_profile,
    warn_of_extrapolation,
)
from matvir.generation.run import generate
from matvir.log import log_to_terminal
from matvir.models.diffusion import Diffusion
from matvir.models.images import ImageModel
from matvir.models.slicegan import Generator
from matvir.settings.records import GenerationConfig
from matvir.settings.sizes import Wanted
from matvir.training.checkpoint import TrainedGenerator, load_generator
from matvir.training.density import complete_fractions

EXAMPLE = """example:
  matvir generate results/nmc/slicegan-conditional/seed-0/train/generator.pt \\
      --volume-fraction pore=0.35 --size 256 256 256 --out pore-0.35
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, or 1 after an error that the message explains."""
    options = _parser().parse_args(arguments)
    log_to_terminal()
    try:
        options.run(options)
    except (MatvirError, OSError) as error:
        print(f"matvir: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="matvir", description=matvir.__doc__)
    parser.add_argument("--version", action="version", version=f"matvir {matvir.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser(
        "generate",
        help="volumes or images from a trained generator",
        description="Write volumes from a trained generator: all of them to samples.h5, the first "
        "to volume.tif. Of a model of 2D images, all images to both.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_what_to_make(command)
    _add_how_to_make_it(command)
    command.set_defaults(run=_generate)
    return parser


def _add_what_to_make(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("generator", type=Path, help="generator.pt of a training")
    add("--out", type=Path, default=Path("."), help="folder of the files (default: this one)")
    add("-n", "--number", type=_positive, default=1, help="how many to make (default: 1)")
    add(
        "--size",
        type=_positive,
        nargs=3,
        metavar=("D", "H", "W"),
        help="planes, rows and columns in voxels (default: 128 128 128)",
    )
    add(
        "--edge",
        type=_positive,
        help="edge of a cube in voxels, or of a 2D image in pixels (default: 128, or what the "
        "model of images makes)",
    )
    add(
        "--periodic",
        type=int,
        nargs="*",
        choices=range(3),
        default=[],
        help="axes along which volumes are periodic",
    )
    add(
        "--volume-fraction",
        nargs="+",
        default=[],
        metavar="PHASE=FRACTION",
        help="fractions that a diffusion model or a conditional generator is to make; phases that "
        "are not named share the rest as they do in the material",
    )
    add(
        "--profile",
        nargs="+",
        default=[],
        metavar="PHASE=FIRST:LAST",
        help="of a diffusion model, fractions that change along --axis from the first plane to the "
        "last; or a CSV table with a column per phase",
    )
    add(
        "--through",
        metavar="IMAGE",
        help="of a diffusion model, an image of labels that is a plane of each volume, "
        "perpendicular to --axis at --position",
    )
    add("--axis", type=int, choices=range(3), default=0, help="axis of both (default: 0)")
    add("--position", type=int, default=0, help="plane of --through in voxels (default: 0)")
    add(
        "--extrapolate",
        action="store_true",
        help="allow fractions outside the range that the generator was trained for",
    )


def _add_how_to_make_it(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--seed", type=int, help="seed of the volumes (default: that of the training)")
    add(
        "--precision",
        choices=["float32", "bfloat16", "auto"],
        default="float32",
        help="numbers to compute with (default: float32)",
    )
    add("--threads", type=_positive, default=os.cpu_count() or 1, help="default: all cores")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {number}")
    return number


def _generate(options: argparse.Namespace) -> None:
    trained = load_generator(options.generator)
    seed = trained.provenance["seed"] if options.seed is None else options.seed
    size = _size(options, trained)
    wanted = as_fractions(options.volume_fraction)
    use_threads(options.threads)
    diffuses = isinstance(trained.network, Diffusion)
    control = _control(options, trained, size, wanted) if diffuses else None
    if not diffuses and (options.profile or options.through):
        raise ConfigError(
            f"--profile, --through: a {trained.kind} cannot be told what planes are to have. Train "
            "a diffusion model."
        )
    if wanted and not diffuses:
        trained = replace(trained, network=_aimed(options, trained, wanted))
    config = GenerationConfig(
        n_volumes=options.number,
        size_voxels=size,
        size_um=None,
        periodic=tuple(options.periodic),
        precision=options.precision,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    files = options.out / "samples.h5", options.out / "volume.tif"
    details = {"seed_of_volumes": seed, "volume_fractions": wanted or None}
    asked = {"profile": options.profile, "through": options.through}
    if any(asked.values()):
        details |= asked | {"axis": options.axis, "position": options.position}
    generate(
        trained,
        config,
        *files,
        seed=seed,
        threads=options.threads,
        details=details,
        control=control,
    )
    print(files[1])  # noqa: T201


def _size(options: argparse.Namespace, trained: TrainedGenerator) -> tuple[int, int, int]:
    """Return the size that was asked for, or the default one, if the generator can make it."""
    network = trained.network
    if options.size and (options.edge or isinstance(network, ImageModel)):
        raise ConfigError(
            f"--size: got {' '.join(map(str, options.size))} where one number is expected; "
            "use --edge alone."
        )
    default = network.image_size if isinstance(network, ImageModel) else 128
    depth, height, width = options.size or (options.edge or default,) * 3
    wanted = Wanted(
        size=(depth, height, width),
        periodic=options.periodic,
        axis=trained.provenance.get("image_axis"),
        name=f"a {trained.kind}",
    )
    load(FAMILIES[trained.kind].sizes)(trained.config, wanted)
    return depth, height, width


def _control(
    options: argparse.Namespace,
    trained: TrainedGenerator,
    size: tuple[int, int, int],
    wanted: dict[str, float],
) -> Control | None:
    """Return what volumes of a diffusion model are to have, None for those of the material."""
    network, phases = trained.network, trained.phases
    assert isinstance(network, Diffusion)
    if not (wanted or options.profile or options.through):
        return None
    if not network.kind.labelled:
        raise ConfigError(
            "--volume-fraction, --profile, --through: expected a model of phases, got one of "
            f"{network.kind.text} values."
        )
    own, fractions, profile, plane = network.fractions.tolist(), None, None, None
    if wanted and options.profile:
        raise ConfigError("--volume-fraction, --profile: give one of the two.")
    if wanted:
        fractions = np.array(complete_fractions(wanted, phases, own))
    if options.profile:
        first = options.profile[0]
        if len(options.profile) == 1 and "=" not in first:
            profile = read_profile(Path(first), options.axis, phases, own)
        else:
            profile = ramp(as_ends(options.profile), options.axis, phases, own)
    if options.through:
        plane = read_plane(
            options.through,
            options.axis,
            options.position,
            n_phases=len(phases),
            size=size,
            voxel_size_um=trained.voxel_size_um,
        )
    control = Control(fractions=fractions, profile=profile, plane=plane)
    warn_of_extrapolation(control, phases, own)
    return control


def _aimed(
    options: argparse.Namespace, trained: TrainedGenerator, wanted: dict[str, float]
) -> Generator:
    """Return a conditional generator that aims at the fractions that were asked for."""
    if not isinstance(trained.network, Generator):
        raise ConfigError(
            f"--volume-fraction: a {trained.kind} makes the fractions of its material only. Train "
            "a diffusion model or a slicegan-conditional."
        )
    return aim(
        trained.network,
        trained.phases,
        wanted,
        seed=trained.provenance["seed"],
        extrapolate=options.extrapolate,
    )
