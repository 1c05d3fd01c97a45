"""The files of a material and of its runs, read into what the page shows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from matvir.comparison.classifier import read_telling
from matvir.comparison.run import TABLES
from matvir.errors import InputError
from matvir.files import read_json
from matvir.measurement.curves import Curve, read_curves
from matvir.measurement.tables import read_comparison, read_metrics
from matvir.report.palette import run_colour
from matvir.storage.hdf5 import numbers_in, open_hdf5, read_attribute, read_mapping
from matvir.storage.image_types import ImageType
from matvir.storage.images import (
    N_AXES_OF_IMAGES,
    MaterialImage,
    Specimen,
    read_image,
    read_kind,
    read_specimen,
)

# Images that are shown of each model of 2D images.
N_IMAGES = 4
# Volumes that are shown of each model: fewer of large ones, at least one.
N_VOLUMES = 4
MOST_VOXELS = 2**24
RUN_KEY = ["material", "model", "seed"]
# Files of a material, beside the tables of the comparison, and of a run.
OF_MATERIAL = (
    "labels",
    "segmentation",
    "sheet",
    "telling",
    "intervals",
    "real_metrics",
    "real_curves",
)
OF_RUN = ("history", "config", "samples", "metrics", "curves")


@dataclass(frozen=True, kw_only=True)
class MaterialFiles:
    """Where the results of one material are.

    ``tables`` are those of `matvir.comparison.run.TABLES`; ``telling`` holds the slices that give
    generated ones away, ``intervals`` those of 3D properties. ``reference`` is a label file of the
    material's 3D truth, or None; where ``labels`` are 3D they are the truth themselves.
    ``synthetic`` says that the material is the built-in one. ``dataset`` is the entry of the
    configuration that its image was fetched by, or None.
    """

    name: str
    synthetic: bool
    dataset: Mapping[str, Any] | None = None
    labels: Path
    segmentation: Path
    sheet: Path
    reference: Path | None
    metrics: Path
    curves: Path
    tables: Mapping[str, Path]
    telling: Path
    intervals: Path


@dataclass(frozen=True, kw_only=True)
class RunFiles:
    """Where the results of one trained model are; ``latent`` is a folder, or None."""

    material: str
    model: str
    seed: int
    history: Path
    config: Path
    samples: Path
    metrics: Path
    curves: Path
    latent: Path | None = None


def files_of_results(
    inputs: Mapping[str, Sequence[str]],
    materials: Sequence[Mapping[str, Any]],
    runs: Sequence[tuple[str, str, int]],
    autoencoders: Sequence[str],
) -> tuple[list[RunFiles], list[MaterialFiles]]:
    """Return the files of all runs and of all materials.

    Parameters
    ----------
    inputs : mapping of str to sequence of str
        Paths by what they are, as the rule ``report`` names them: one for each material, or one for
        each run.
    materials : sequence of mapping
        ``name``, ``synthetic``, ``reference`` and ``dataset`` of each material.
    runs : sequence of tuple
        Material, model and seed of each run.
    autoencoders : sequence of str
        Models that have codes: what is known of them lies beside the training.
    """

    def files(names: Sequence[str], number: int) -> dict[str, Path]:
        return {name.removeprefix("real_"): Path(inputs[name][number]) for name in names}

    return [
        RunFiles(
            material=material,
            model=model,
            seed=seed,
            latent=Path(inputs["config"][number]).parents[1] / "latent"
            if model in autoencoders
            else None,
            **files(OF_RUN, number),
        )
        for number, (material, model, seed) in enumerate(runs)
    ], [
        MaterialFiles(
            name=material["name"],
            synthetic=material["synthetic"],
            dataset=material["dataset"],
            reference=None if material["reference"] is None else Path(material["reference"]),
            tables=files(tuple(TABLES), number),
            **files(OF_MATERIAL, number),
        )
        for number, material in enumerate(materials)
    ]


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """One trained model and what it made.

    ``latent`` is the folder of what is known of its codes, None if it has none. ``volumes`` are its
    first ones, of shape (n, D, H, W), colours (n, D, H, W, 3); None of a model of 2D images, whose
    first ones are ``images``. ``certainty`` is the mean largest probability of their pixels, None
    where it is not known. ``telling`` are real slices and generated ones by dimension, those that a
    classifier knew most surely.
    """

    model: str
    seed: int
    name: str
    colour: str
    history: list[dict[str, Any]]
    config: dict[str, Any]
    latent: Path | None
    volumes: NDArray[np.uint8] | None
    images: NDArray[np.uint8] | None
    image_axis: int | None
    certainty: float | None
    sample_seeds: tuple[int, ...]
    metrics: pd.DataFrame
    curves: dict[str, dict[str, Curve]]
    tables: dict[str, pd.DataFrame]
    telling: dict[str, tuple[NDArray[np.uint8], NDArray[np.uint8]]]

    @property
    def volume(self) -> NDArray[np.uint8] | None:
        """The first volume; None of a model of 2D images."""
        return None if self.volumes is None else self.volumes[0]


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """One material with its runs.

    ``specimen`` is what the models were trained on, ``reference`` its 3D truth or None. ``dataset``
    says where its image was fetched from, or is None.
    """

    name: str
    synthetic: bool
    dataset: Mapping[str, Any] | None
    specimen: Specimen
    segmentation: dict[str, Any]
    sheet: Path
    reference: MaterialImage | None
    metrics: pd.DataFrame
    curves: dict[str, dict[str, Curve]]
    intervals: pd.DataFrame
    runs: list[Run]

    @property
    def phases(self) -> tuple[str, ...]:
        """Names of the phases."""
        return self.specimen.phases

    @property
    def kind(self) -> ImageType:
        """What its images show."""
        return self.specimen.kind


def read_material(files: MaterialFiles, runs: Sequence[RunFiles]) -> Material:
    """Read everything the page shows of one material.

    Parameters
    ----------
    files : MaterialFiles
        Its files.
    runs : sequence of RunFiles
        The runs of this material, in the order in which the page shows them.

    Raises
    ------
    InputError
        If a file cannot be read.
    """
    specimen = read_specimen(files.labels)
    reference = specimen.volume if files.reference is None else read_image(files.reference)
    tables = {name: read_comparison(path) for name, path in files.tables.items()}
    return Material(
        name=files.name,
        synthetic=files.synthetic,
        dataset=files.dataset,
        specimen=specimen,
        segmentation=read_json(files.segmentation),
        sheet=files.sheet,
        reference=reference,
        metrics=read_metrics(files.metrics),
        curves=read_curves(files.curves),
        intervals=read_comparison(files.intervals),
        runs=[_read_run(run, index, tables, files.telling) for index, run in enumerate(runs)],
    )


def _read_run(
    files: RunFiles, index: int, tables: Mapping[str, pd.DataFrame], telling: Path
) -> Run:
    made: dict[str, Any] = _read_samples(files.samples)
    return Run(
        model=files.model,
        seed=files.seed,
        name=f"{files.model}, seed {files.seed}",
        colour=run_colour(index),
        history=_read_history(files.history),
        config=read_json(files.config),
        latent=files.latent,
        **made,
        metrics=read_metrics(files.metrics),
        curves=read_curves(files.curves),
        tables={name: _of_run(table, files) for name, table in tables.items()},
        telling=read_telling(telling, f"{files.model}/seed-{files.seed}"),
    )


def _of_run(table: pd.DataFrame, files: RunFiles) -> pd.DataFrame:
    mine = (table["model"] == files.model) & (table["seed"] == str(files.seed))
    return table[mine].drop(columns=RUN_KEY).reset_index(drop=True)


def _read_samples(path: Path) -> dict[str, Any]:
    """Return the first volumes or images, without reading the others, and the seeds of all."""
    expected = "a file of generated volumes (HDF5 with 'labels' and 'seeds')"
    with open_hdf5(path, expected, "Remove the file and generate again.") as file:
        labels = numbers_in(file, "labels")
        images = len(read_kind(file).spatial_shape(labels)) == N_AXES_OF_IMAGES
        origin = read_mapping(file)
        n_volumes = max(1, min(N_VOLUMES, MOST_VOXELS // prod(labels.shape[1:])))
        return {
            "volumes": None if images else labels[:n_volumes],
            "images": labels[:N_IMAGES] if images else None,
            "image_axis": origin.get("image_axis"),
            "certainty": origin.get("certainty"),
            "sample_seeds": tuple(read_attribute(file, "seeds")),
        }


def _read_history(path: Path) -> list[dict[str, Any]]:
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    try:
        return [json.loads(line) for line in lines if line]
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}: expected one JSON object a line, got {error}. Train again."
        ) from error
