"""The command ``matvir``: what the workflow does, for one image or file at a time."""

import argparse
import difflib
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import NoReturn

import matvir
from matvir import arguments
from matvir.errors import MatvirError
from matvir.log import log_to_terminal


@dataclass(frozen=True)
class Verb:
    """One verb: what it is about, what it does, what it takes, and examples.

    It is in the module of `matvir.commands` that has its name, or in ``module``.
    """

    about: str
    description: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    examples: str
    module: str | None = None


VERBS = {
    "run": Verb(
        "everything for one image, up to the page",
        "Segment an image, train a generator on it, make volumes, measure them and compare "
        "them with the image, in a folder of their own.",
        arguments.add_image_and_folder,
        """examples:
  matvir run electrode.tif --phases pore binder nmc
  matvir run electrode.tif --model slicegan-fast --minutes 30 --out electrode-fast

Run it again to go on with what was stopped; what is complete is kept.
""",
    ),
    "inspect": Verb(
        "what MatVir sees in an image",
        "Say what is in an image or a volume before anything is made of it, and draw it.",
        arguments.add_inspect,
        """example:
  matvir inspect electrode.tif
""",
    ),
    "init": Verb(
        "a configuration for an image",
        "Write a configuration for an image from what `matvir inspect` sees in it.",
        arguments.add_init,
        """example:
  matvir init electrode.tif && snakemake --cores 2 --configfile electrode.yaml
""",
    ),
    "segment": Verb(
        "the first step of run: which phase each pixel is",
        "Segment an image and draw the sheet that shows how.",
        arguments.add_image_and_folder,
        """example:
  matvir segment electrode.tif --phases pore binder nmc
""",
        module="run",
    ),
    "train": Verb(
        "run up to the trained generator",
        "Segment an image and train a generator on it.",
        arguments.add_image_and_folder,
        """example:
  matvir train electrode.tif --phases pore binder nmc --minutes 15
""",
        module="run",
    ),
    "generate": Verb(
        "volumes or images from a trained generator",
        "Write volumes from a trained generator: all of them to samples.h5, the first to "
        "volume.tif. Of a model of 2D images, all images to both.",
        arguments.add_generate,
        """example:
  matvir generate results/nmc/slicegan-conditional/seed-0/train/generator.pt \\
      --volume-fraction pore=0.35 --size 256 256 256 --out pore-0.35
""",
    ),
    "convert": Verb(
        "a volume for another program",
        "Write a volume of labels in formats of other programs, with its voxel size and the "
        "names of its phases.",
        arguments.add_convert,
        """examples:
  matvir convert results/nmc/diffusion/seed-0/generate/samples.h5 --format vti stl
  matvir convert scan.tif --phases pore solid --voxel-size-um 0.5 --format abaqus
""",
    ),
    "measure": Verb(
        "properties of an image or a volume of labels",
        "Measure every image or volume of a file of labels: volume fractions, surfaces, "
        "diffusivities, ...",
        arguments.add_measure,
        """examples:
  matvir measure labels.tif --phases pore solid --voxel-size-um 0.5
  matvir measure electrode/results/electrode/diffusion/seed-0/generate/samples.h5 --out values.csv
""",
    ),
    "compare": Verb(
        "generated volumes against a real image or volume",
        "Cut the real material into parts as large as the generated volumes, measure both and "
        "compare them, statistic by statistic.",
        arguments.add_compare,
        """example:
  matvir compare volume.tif samples.h5 --phases pore solid --out comparison.csv
""",
    ),
    "card": Verb(
        "what a generator is, and where it comes from",
        "Print what is known of a generator: material, phases, voxel size, training, hash.",
        arguments.add_card,
        """example:
  matvir card electrode/results/electrode/diffusion/seed-0/train/generator.pt
""",
    ),
    "share": Verb(
        "a generator to pass on, with its card",
        "Write a generator with its licence, its authors and how well it agrees with the real "
        "material into one file: `matvir card` prints them, `matvir generate` needs nothing else.",
        arguments.add_share,
        """example:
  matvir share electrode/results/electrode/diffusion/seed-0/train/generator.pt \\
      --licence CC-BY-4.0 --authors "A. Author" --source doi:10.1000/182 --out electrode.pt
""",
    ),
    "report": Verb(
        "the page of a run, made anew",
        "Make the page of a run from its results.",
        arguments.add_report,
        """example:
  matvir report electrode
""",
    ),
    "doctor": Verb(
        "what this machine has, and what will be slow",
        "Say which versions, devices, memory and disk there are, and what to mind.",
        arguments.add_nothing,
        """example:
  matvir doctor
""",
    ),
}


def main(given: Sequence[str] | None = None) -> int:
    """Run the command; return 0, or 1 after an error that the message explains."""
    options = _parser().parse_args(given)
    log_to_terminal()
    module = VERBS[options.verb].module or options.verb
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
    for name, verb in VERBS.items():
        command = verbs.add_parser(
            name,
            help=verb.about,
            description=verb.description,
            epilog=verb.examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        verb.add_arguments(command)
    return parser


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
