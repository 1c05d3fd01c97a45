"""Compare every trained model of a material with the real data (rule ``compare``)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from matvir.comparison.classifier import (
    ClassifierTest,
    Judgement,
    build_test,
    write_telling,
)
from matvir.comparison.intervals import (
    INTERVAL_COLUMNS,
    fraction_errors,
    property_intervals,
    sensitivity_of,
)
from matvir.comparison.run import TABLES, GeneratedSamples, Measured, TrainingSections, compare_run
from matvir.comparison.slices import slices_of_samples
from matvir.device import use_threads
from matvir.files import read_json, write_text
from matvir.log import log_to
from matvir.measurement.curves import read_curves
from matvir.measurement.representativity import images_by_dimension, limits
from matvir.measurement.samples import SampleSet, generated_samples
from matvir.measurement.tables import read_metrics
from matvir.micrograph.encoding import read_training
from matvir.settings.build import from_dict
from matvir.settings.records import CompareConfig
from matvir.storage.images import read_image, read_specimen
from matvir.storage.samples import read_samples

NAMES = ("material", "model", "seed")


def main(
    *,
    real: tuple[Path, Path],
    training: Path,
    held_out: bool,
    runs: Sequence[tuple[dict[str, Any], Path, Path, Path]],
    labels: Path,
    segmentation: Path,
    reference: str | None,
    compare: dict[str, Any],
    outputs: dict[str, Path],
    telling: Path,
    intervals: Path,
) -> None:
    """Write ``TABLES``, the most telling slices, and the intervals of 3D properties.

    A run is its names and its metrics, curves and samples.
    """
    config = from_dict(CompareConfig, compare)
    data = read_training(training)
    unseen = read_training(training, part="held-out") if held_out else None
    seen = TrainingSections.of(data, unseen)
    volume = None if reference is None else read_image(Path(reference))
    specimen = read_specimen(labels)
    images = images_by_dimension(specimen, volume, isotropic=data.isotropic)
    known = limits(images, config.confidence)
    reality = _read(*real)
    test: ClassifierTest | None = None
    judgements: dict[str, Judgement] = {}
    tables: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES}
    measured: dict[tuple[str, str], list[pd.DataFrame]] = {}
    for names, metrics, curves, samples in runs:
        samples_read = read_samples(samples)
        groups = generated_samples(samples_read, isotropic=data.isotropic)
        planes = {name: group.labels for name, group in groups.items() if name != "3d"}
        energy = samples_read.provenance.get("gradient_energy")
        if test is None:
            settings = {"seed": config.seed, "confidence": config.confidence}
            test = build_test(specimen, volume, _size(groups), data, **settings)
        slices = slices_of_samples(groups, samples_read.voxel_size_um, isotropic=data.isotropic)
        judgement = judgements["{model}/seed-{seed}".format(**names)] = test(slices)
        made = GeneratedSamples(planes=planes, gradient_energy=energy, judgement=judgement)
        found = _read(metrics, curves)
        measured.setdefault((names["material"], names["model"]), []).append(found.metrics)
        compared = compare_run(reality, found, made, seen, *known, config)
        for name, table in compared.items():
            tables[name].append(table.assign(**names)[[*names, *table.columns]])
    for name, path in outputs.items():
        write_text(path, pd.concat(tables[name]).to_csv(index=False))
    write_telling(telling, judgements)
    errors = fraction_errors(known[1], config.confidence)
    sensitivity = sensitivity_of(read_json(segmentation))
    sure = [
        property_intervals(
            seeds, errors, sensitivity, isotropic=data.isotropic, confidence=config.confidence
        ).assign(material=material, model=model)
        for (material, model), seeds in measured.items()
    ]
    write_text(
        intervals, pd.concat(sure)[["material", "model", *INTERVAL_COLUMNS]].to_csv(index=False)
    )


def _size(groups: Mapping[str, SampleSet]) -> tuple[int, ...]:
    """Return the shape of generated volumes, or of a cube as wide as images are."""
    if "3d" in groups:
        return groups["3d"].labels[0].shape[:3]
    return (min(next(iter(groups.values())).labels[0].shape[:2]),) * 3


def _read(metrics: Path, curves: Path) -> Measured:
    return Measured(metrics=read_metrics(metrics), curves=read_curves(curves))


if __name__ == "__main__":
    log_to(snakemake.log[0])
    use_threads(snakemake.threads)
    names = [dict(zip(NAMES, run, strict=True)) for run in snakemake.params.runs]
    inputs = snakemake.input
    main(
        real=(Path(inputs.real_metrics), Path(inputs.real_curves)),
        training=Path(inputs.training),
        held_out=snakemake.params.held_out,
        runs=[
            (name, *map(Path, files))
            for name, *files in zip(
                names, inputs.metrics, inputs.curves, inputs.samples, strict=True
            )
        ],
        labels=Path(inputs.labels),
        segmentation=Path(inputs.segmentation),
        reference=inputs.get("reference"),
        compare=snakemake.params.compare,
        outputs={name: Path(snakemake.output[name]) for name in TABLES},
        telling=Path(snakemake.output.telling),
        intervals=Path(snakemake.output.intervals),
    )
