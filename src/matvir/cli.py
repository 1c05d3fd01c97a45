"""The command ``matvir``: what the workflow does, for one file at a time."""

import argparse
import difflib
import os
import re
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import matvir
from matvir.errors import MatvirError
from matvir.files import TARGET_NAMES
from matvir.log import log_to_terminal

RUN = """examples:
  matvir run electrode.tif --phases pore binder nmc
  matvir run electrode.tif --model slicegan-fast --minutes 30 --out electrode-fast

Run it again to go on with what was stopped; what is complete is kept.
"""
SEGMENT = """example:
  matvir segment electrode.tif --phases pore binder nmc
"""
TRAIN = """example:
  matvir train electrode.tif --phases pore binder nmc --minutes 15
"""
MEASURE = """examples:
  matvir measure labels.tif --phases pore solid --voxel-size-um 0.5
  matvir measure electrode/results/electrode/diffusion/seed-0/generate/samples.h5 --out values.csv
"""
COMPARE = """example:
  matvir compare volume.tif samples.h5 --phases pore solid --out comparison.csv
"""
CARD = """example:
  matvir card electrode/results/electrode/diffusion/seed-0/train/generator.pt
"""
REPORT = """example:
  matvir report electrode
"""
DOCTOR = """example:
  matvir doctor
"""
GENERATE = """example:
  matvir generate results/nmc/slicegan-conditional/seed-0/train/generator.pt \\
      --volume-fraction pore=0.35 --size 256 256 256 --out pore-0.35
"""
CONVERT = """examples:
  matvir convert results/nmc/diffusion/seed-0/generate/samples.h5 --format vti stl
  matvir convert scan.tif --phases pore solid --voxel-size-um 0.5 --format abaqus
"""
INSPECT = """example:
  matvir inspect electrode.tif
"""
INIT = """example:
  matvir init electrode.tif && snakemake --cores 2 --configfile electrode.yaml
"""
# Verbs that are part of another one.
MODULES = {"segment": "run", "train": "run"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, or 1 after an error that the message explains."""
    options = _parser().parse_args(arguments)
    log_to_terminal()
    module = MODULES.get(options.verb, options.verb)
    run: Callable[[argparse.Namespace], None] = import_module(f"matvir.commands.{module}").run
    try:
        run(options)
    except (MatvirError, OSError) as error:
        print(f"matvir: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="matvir", description=matvir.__doc__)
    parser.add_argument("--version", action="version", version=f"matvir {matvir.__version__}")
    verbs = parser.add_subparsers(
        required=True, metavar="COMMAND", dest="verb", parser_class=_Parser
    )

    def verb(name: str, about: str, description: str, example: str) -> argparse.ArgumentParser:
        return verbs.add_parser(
            name,
            help=about,
            description=description,
            epilog=example,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    _add_image_and_folder(
        verb(
            "run",
            "everything for one image, up to the page",
            "Segment an image, train a generator on it, make volumes, measure them and compare "
            "them with the image, in a folder of their own.",
            RUN,
        )
    )
    _add_inspect(
        verb(
            "inspect",
            "what MatVir sees in an image",
            "Say what is in an image or a volume before anything is made of it, and draw it.",
            INSPECT,
        )
    )
    _add_init(
        verb(
            "init",
            "a configuration for an image",
            "Write a configuration for an image from what `matvir inspect` sees in it.",
            INIT,
        )
    )
    _add_image_and_folder(
        verb(
            "segment",
            "the first step of run: which phase each pixel is",
            "Segment an image and draw the sheet that shows how.",
            SEGMENT,
        )
    )
    _add_image_and_folder(
        verb(
            "train",
            "run up to the trained generator",
            "Segment an image and train a generator on it.",
            TRAIN,
        )
    )
    command = verb(
        "generate",
        "volumes or images from a trained generator",
        "Write volumes from a trained generator: all of them to samples.h5, the first "
        "to volume.tif. Of a model of 2D images, all images to both.",
        GENERATE,
    )
    _add_what_to_make(command)
    _add_how_to_make_it(command)
    _add_convert(
        verb(
            "convert",
            "a volume for another program",
            "Write a volume of labels in formats of other programs, with its voxel size and "
            "the names of its phases.",
            CONVERT,
        )
    )
    _add_measure(
        verb(
            "measure",
            "properties of an image or a volume of labels",
            "Measure every image or volume of a file of labels: volume fractions, surfaces, "
            "diffusivities, ...",
            MEASURE,
        )
    )
    _add_compare(
        verb(
            "compare",
            "generated volumes against a real image or volume",
            "Cut the real material into parts as large as the generated volumes, measure both and "
            "compare them, statistic by statistic.",
            COMPARE,
        )
    )
    command = verb(
        "card",
        "what a generator is, and where it comes from",
        "Print what is known of a generator: material, phases, voxel size, training, hash.",
        CARD,
    )
    command.add_argument("generator", type=Path, help="generator.pt of a training")
    command = verb(
        "report",
        "the page of a run, made anew",
        "Make the page of a run from its results.",
        REPORT,
    )
    command.add_argument("folder", type=Path, help="folder of a run")
    _add_cores(command)
    verb(
        "doctor",
        "what this machine has, and what will be slow",
        "Say which versions, devices, memory and disk there are, and what to mind.",
        DOCTOR,
    )
    return parser


def _add_measure(command: argparse.ArgumentParser) -> None:
    command.add_argument("source", help="samples.h5, labels.h5, or any file of labels")
    _add_labels(command)
    command.add_argument("--out", type=Path, help="a CSV table of all values")


def _add_compare(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("real", help="labels of the real image or volume")
    add("generated", help="samples.h5, or a volume of labels")
    _add_labels(command)
    add("--anisotropic", action="store_true", help="slices along the three axes are not alike")
    add(
        "--out",
        type=Path,
        default=Path("comparison.csv"),
        help="the table (default: comparison.csv here)",
    )
    _add_cores(command)


def _add_labels(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--phases", nargs="+", help="names by ascending label, where the file has none")
    _add_voxel_size(command)
    add("--metrics", nargs="+", help="what to measure (default: what the workflow measures)")


def _add_voxel_size(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--voxel-size-um",
        type=float,
        nargs="+",
        metavar="UM",
        help="one number or one per axis (plane, row, column), where the file has none",
    )


class _Parser(argparse.ArgumentParser):
    """A parser that names the verb that was meant."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong, with a hint, and end."""
        wrong = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if wrong:
            choices = re.findall(r"[\w-]+", wrong[2])
            close = difflib.get_close_matches(wrong[1], choices, n=1, cutoff=0.5)
            message += f"; did you mean {close[0]!r}?" if close else ""
        super().error(message)


def _add_image_and_folder(command: argparse.ArgumentParser) -> None:
    _add_image(command)
    add = command.add_argument
    add("--phases", nargs="+", help="names, from dark to bright or by ascending label")
    add("--model", help="which model to train (default: diffusion)")
    add("--minutes", type=_minutes, help="how long to train (default: that of the model)")
    add("--out", type=Path, help="folder of the run (default: the name of the image, here)")
    add(
        "--accept",
        action="store_true",
        help="go on although it is not certain what the image shows",
    )
    _add_cores(command)


def _add_cores(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--cores", type=_positive, default=os.cpu_count() or 1, help="default: all cores"
    )


def _add_image(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "image", help="a file that docs/segment.md lists, file.h5:/dataset, or a folder of planes"
    )


def _add_inspect(command: argparse.ArgumentParser) -> None:
    _add_image(command)
    command.add_argument(
        "--picture", type=Path, help="where to draw it (default: NAME-inspection.png here)"
    )


def _add_init(command: argparse.ArgumentParser) -> None:
    _add_image(command)
    add = command.add_argument
    add("--out", type=Path, help="the configuration (default: NAME.yaml here)")
    add("--phases", nargs="+", help="names, from dark to bright or by ascending label")
    add("--force", action="store_true", help="replace a configuration that is there")


def _add_convert(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("source", help="samples.h5, labels.h5, or any file of labels that MatVir reads")
    add(
        "--format",
        nargs="+",
        choices=TARGET_NAMES,
        required=True,
        metavar="FORMAT",
        dest="formats",
        help=", ".join(TARGET_NAMES),
    )
    add("--out", type=Path, default=Path("."), help="folder of the files (default: this one)")
    add("--force", action="store_true", help="replace files that are there")
    add(
        "--channel",
        type=_channel,
        help="which of several channels, from 0; or planes, if channels are those of a volume",
    )
    add("--name", default="volume", help="name of the files without suffix (default: volume)")
    add("--sample", type=int, default=0, help="which volume of samples.h5, from 0 (default: 0)")
    add("--phases", nargs="+", help="names by ascending label, where the file has none")
    _add_voxel_size(command)


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
    add(
        "--format",
        nargs="+",
        default=[],
        choices=TARGET_NAMES,
        metavar="FORMAT",
        dest="formats",
        help=f"also write the first volume as: {', '.join(TARGET_NAMES)}",
    )
    add("--force", action="store_true", help="replace files of --format that are there")
    add("--threads", type=_positive, default=os.cpu_count() or 1, help="default: all cores")


def _channel(text: str) -> int | str:
    return text if text == "planes" else int(text)


def _minutes(text: str) -> float:
    number = float(text)
    if not number > 0:
        raise argparse.ArgumentTypeError(f"expected more than 0 minutes, got {text}")
    return number


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {number}")
    return number
