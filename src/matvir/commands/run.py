"""The commands ``matvir run``, ``segment`` and ``train``: the workflow for one image."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from matvir.errors import ConfigError
from matvir.files import split_dataset, write_text
from matvir.micrograph.first_configuration import first_configuration, material_name
from matvir.micrograph.inspection import inspect
from matvir.report.inspection_figure import draw_inspection
from matvir.settings.build import did_you_mean
from matvir.workflow import default_settings, run_workflow

CONFIGURATION = "config.yaml"


def run(options: argparse.Namespace) -> None:
    """Take an image as far as the verb says, and name what comes of it; see `matvir.cli`."""
    folder = options.out or Path(material_name(options.image))
    configuration = folder / CONFIGURATION
    if configuration.exists():
        chosen = read_choices(configuration)
        require_the_same(options, chosen, configuration)
    else:
        begin(options, folder, configuration)
        chosen = read_choices(configuration)
    target, finish = STAGES[options.verb]
    targets = [target.format(**chosen)] if target else []
    run_workflow(folder, targets, configuration=configuration, cores=options.cores)
    finish(folder, chosen)


def begin(options: argparse.Namespace, folder: Path, configuration: Path) -> None:
    """Write the configuration of an image into a folder that holds nothing else of a run.

    Raises
    ------
    ConfigError
        If there are results of another run, no such model, or an image that is not understood.
    """
    if (folder / "results").exists():
        raise ConfigError(
            f"{folder}: expected a new folder or that of a run of this command, got one with "
            f"results and without {CONFIGURATION}. Name another one with --out."
        )
    defaults = default_settings()
    model = options.model
    if model is not None and model not in defaults["models"]:
        close = did_you_mean(model, defaults["models"])
        raise ConfigError(
            f"--model: expected one of {', '.join(defaults['models'])}, got {model!r}{close}."
        )
    if options.minutes is not None:
        model = model or defaults["run"]["models"][0]
    found = inspect(absolute(options.image))
    text = first_configuration(found, options.phases, model=model, minutes=options.minutes)
    folder.mkdir(parents=True, exist_ok=True)
    open_questions = [one for one in found.doubts if not answered(one, options)]
    if open_questions and not options.accept:
        picture = folder / "inspection.png"
        draw_inspection(found, picture)
        listed = "\n".join(f"  - {one}" for one in open_questions)
        raise ConfigError(
            f"{options.image}: is not what MatVir can be sure of:\n{listed}\nLook at {picture}. "
            "If what it shows is right, give the same command with --accept; if not, write a "
            f"configuration with `matvir init {options.image}` and change it."
        )
    write_text(configuration, text)


def answered(doubt: str, options: argparse.Namespace) -> bool:
    """Return whether the command line settles what an inspection asks."""
    return options.phases is not None and doubt.startswith("labels are colours")


def absolute(source: str) -> str:
    """Return the name of an image, or of a data set in a file, that holds in every folder."""
    path, dataset = split_dataset(source)
    return f"{path.resolve()}:{dataset}" if dataset else str(path.resolve())


def read_choices(configuration: Path) -> dict[str, Any]:
    """Return what a configuration that the command wrote chooses.

    Raises
    ------
    ConfigError
        If it is of several materials, or no configuration of an image at all.
    """
    try:
        settings = yaml.safe_load(configuration.read_text(encoding="utf-8"))
        (material,) = settings["run"]["materials"]
        image = settings["materials"][material]["image"]
        phases = list(settings["materials"][material]["phases"])
        defaults = default_settings()["run"]
        models = settings["run"].get("models", defaults["models"])
        seeds = settings["run"].get("seeds", defaults["seeds"])
        model, seed = models[0], seeds[0]
    except (yaml.YAMLError, KeyError, TypeError, ValueError, IndexError) as error:
        raise ConfigError(
            f"{configuration}: expected the configuration of one image, as this command writes "
            f"it, got one without it ({error!r}). Run it with `snakemake --configfile`, or name "
            "another folder with --out."
        ) from None
    budget = settings.get("models", {}).get(model, {}).get("training", {}).get("budget")
    names = {"material": material, "model": model, "seed": seed}
    return names | {"image": image, "phases": phases, "budget": budget}


def require_the_same(
    options: argparse.Namespace, chosen: Mapping[str, Any], configuration: Path
) -> None:
    """Refuse to go on with what was begun for something else.

    Raises
    ------
    ConfigError
        If the image, or an option that is given, is not that of the configuration.
    """
    minutes = None if options.minutes is None else budget(options.minutes)
    asked = {
        "image": (absolute(options.image), chosen["image"]),
        "--phases": (options.phases, chosen["phases"]),
        "--model": (options.model, chosen["model"]),
        "--minutes": (minutes, chosen["budget"]),
    }
    for name, (wanted, there) in asked.items():
        if wanted is not None and wanted != there:
            raise ConfigError(
                f"{configuration}: expected {name} to be {wanted}, got {there} from the run that "
                "is in this folder. Name another folder with --out, or change the file: what does "
                "not depend on the change is kept."
            )


def budget(minutes: float) -> str:
    """Return the length of a training as configurations have it."""
    return f"{minutes:g}min"


def _segmented(folder: Path, chosen: Mapping[str, Any]) -> None:
    results = folder / "results" / chosen["material"] / "segmented"
    _tell(
        f"labels   {results / 'labels.h5'}",
        f"sheet    {results / 'sheet.png'}: look at it, all that follows can only be as good",
        f"settings {folder / CONFIGURATION}: thresholds, noise, ... can be changed there",
        f"next     matvir run {chosen['image']} --out {folder}",
    )


def _trained(folder: Path, chosen: Mapping[str, Any]) -> None:
    generator = _run_of(folder, chosen) / "train/generator.pt"
    _tell(
        f"generator {generator}",
        f"next      matvir run {chosen['image']} --out {folder}",
        f"or        matvir generate {generator} --size 128 128 128",
    )


def _compared(folder: Path, chosen: Mapping[str, Any]) -> None:
    made = _run_of(folder, chosen)
    _tell(
        f"page      {(folder / 'results/report/index.html').resolve()}",
        f"volumes   {made / 'generate/samples.h5'}, the first as {made / 'generate/volume.tif'}",
        f"generator {made / 'train/generator.pt'}",
        f"next      matvir convert {made / 'generate/samples.h5'} --format vti",
        f"or        matvir generate {made / 'train/generator.pt'} --size 256 256 256",
    )


def _run_of(folder: Path, chosen: Mapping[str, Any]) -> Path:
    return folder / "results/{material}/{model}/seed-{seed}".format(**chosen)


def _tell(*lines: str) -> None:
    for line in lines:
        print(line)  # noqa: T201


# What each verb asks the workflow for, and what it says at the end.
STAGES: dict[str, tuple[str, Callable[[Path, Mapping[str, Any]], None]]] = {
    "segment": ("results/{material}/segmented/sheet.png", _segmented),
    "train": ("results/{material}/{model}/seed-{seed}/train/generator.pt", _trained),
    "run": ("", _compared),
}
