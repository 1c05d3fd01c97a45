"""What each verb of the command ``matvir`` takes on the command line."""

import argparse
import os
from pathlib import Path

from matvir.files import TARGET_NAMES


def add_image_and_folder(command: argparse.ArgumentParser) -> None:
    """Add what `run`, `segment` and `train` take."""
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


def add_inspect(command: argparse.ArgumentParser) -> None:
    """Add what `inspect` takes."""
    _add_image(command)
    command.add_argument(
        "--picture", type=Path, help="where to draw it (default: NAME-inspection.png here)"
    )


def add_init(command: argparse.ArgumentParser) -> None:
    """Add what `init` takes."""
    _add_image(command)
    add = command.add_argument
    add("--out", type=Path, help="the configuration (default: NAME.yaml here)")
    add("--phases", nargs="+", help="names, from dark to bright or by ascending label")
    add("--force", action="store_true", help="replace a configuration that is there")


def add_generate(command: argparse.ArgumentParser) -> None:
    """Add what `generate` takes."""
    _add_what_to_make(command)
    _add_how_to_make_it(command)


def add_convert(command: argparse.ArgumentParser) -> None:
    """Add what `convert` takes."""
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


def add_measure(command: argparse.ArgumentParser) -> None:
    """Add what `measure` takes."""
    command.add_argument("source", help="samples.h5, labels.h5, or any file of labels")
    _add_labels(command)
    command.add_argument("--out", type=Path, help="a CSV table of all values")


def add_compare(command: argparse.ArgumentParser) -> None:
    """Add what `compare` takes."""
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


def add_card(command: argparse.ArgumentParser) -> None:
    """Add what `card` takes."""
    command.add_argument("generator", type=Path, help="generator.pt of a training")


def add_share(command: argparse.ArgumentParser) -> None:
    """Add what `share` takes."""
    add = command.add_argument
    add("generator", type=Path, help="generator.pt of a run that is complete")
    add(
        "--licence",
        required=True,
        help="under which others may use it, such as CC-BY-4.0; that of the image has to allow it",
    )
    add("--authors", nargs="+", default=[], metavar="NAME", help="who trained it")
    add("--source", help="where the image is from: a DOI, a citation")
    add(
        "--comparison",
        type=Path,
        help="comparison.csv of the run (default: where the workflow has it)",
    )
    add("--out", type=Path, required=True, help="the file to pass on")


def add_report(command: argparse.ArgumentParser) -> None:
    """Add what `report` takes."""
    command.add_argument("folder", type=Path, help="folder of a run")
    _add_cores(command)


def _add_image(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "image", help="a file that docs/segment.md lists, file.h5:/dataset, or a folder of planes"
    )


def _add_cores(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--cores", type=_positive, default=os.cpu_count() or 1, help="default: all cores"
    )


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


def add_nothing(command: argparse.ArgumentParser) -> None:
    """Add nothing: `doctor` takes nothing."""
