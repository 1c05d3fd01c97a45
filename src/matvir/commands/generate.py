"""The command ``matvir generate``: volumes or images from a trained generator."""

import argparse
import logging
import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from matvir.device import use_threads
from matvir.errors import ConfigError
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
from matvir.generation.export import exported, require_exportable, require_free, write_exports
from matvir.generation.run import generate
from matvir.models.diffusion import Diffusion
from matvir.models.images import ImageModel
from matvir.models.slicegan import Generator
from matvir.settings.records import GenerationConfig
from matvir.settings.sizes import Wanted
from matvir.training.checkpoint import TrainedGenerator, load_generator
from matvir.training.density import complete_fractions

logger = logging.getLogger(__name__)


def run(options: argparse.Namespace) -> None:
    """Write what is asked for; see `matvir.cli`."""
    trained = load_generator(options.generator)
    if "licence" in trained.provenance:
        logger.info(
            "%s is shared under %s; `matvir card` says by whom, and how to cite it",
            options.generator,
            trained.provenance["licence"],
        )
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
        formats=(),
        precision=options.precision,
    )
    # The TIFF is written anyway.
    formats = [one for one in options.formats if one != "tiff"]
    if formats and (isinstance(trained.network, ImageModel) or not trained.network.kind.labelled):
        raise ConfigError(
            f"--format: expected a model of volumes of labels, got a {trained.kind} of "
            f"{trained.network.kind.text}. Only TIFF holds what it makes, which is written anyway."
        )
    require_exportable(formats, math.prod(size))
    if not options.force:
        require_free(options.out, "volume", formats)
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
    written = [files[1]]
    if formats:
        written += write_exports(exported(files[0]), options.out, "volume", formats)
    for path in written:
        print(path)  # noqa: T201


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
