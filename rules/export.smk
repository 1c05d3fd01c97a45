"""From generated volumes to files of other programs (generation.formats).

READS:  results/{material}/{model}/seed-{seed}/generate/samples.h5
WRITES: results/{material}/{model}/seed-{seed}/export/volume.{vti,nrrd,ome.zarr,inp,...}, a file or
        folder for each format
"""

from math import prod

from matvir.formats import TARGETS
from matvir.generation.export import require_exportable

if CONFIG.generation.size_voxels is not None:
    try:
        require_exportable(
            CONFIG.generation.formats, prod(CONFIG.generation.size_voxels)
        )
    except MatvirError as error:
        raise WorkflowError(f"generation.formats: {error}") from None


def exported_files(target):
    """Return the files, or the folder, that a format consists of."""
    paths = [
        f"results/{RUN}/export/volume{suffix}" for suffix in TARGETS[target].suffixes
    ]
    return directory(paths) if TARGETS[target].is_folder else paths


def has_volumes(material, model):
    """Return whether a model makes volumes of labels of a material."""
    labelled = CONFIG.materials[material].segmentation.method != "none"
    return labelled and FAMILIES[CONFIG.models[model].kind].makes == "volumes"


def all_exports():
    """Return what the formats of the run are written to, for each volume of labels."""
    return [
        path.format(material=material, model=model, seed=seed)
        for target in CONFIG.generation.formats
        for path in exported_files(target)
        for material in MATERIALS
        for model in MODELS
        for seed in SEEDS
        if has_volumes(material, model)
    ]


for TARGET in CONFIG.generation.formats:

    rule:
        name:
            f"export_{TARGET.replace('-', '_')}"
        input:
            samples=rules.generate.output.samples,
        output:
            exported_files(TARGET),
        log:
            f"logs/{RUN}/export-{TARGET}.log",
        benchmark:
            f"job-benchmarks/{RUN}/export-{TARGET}.tsv"
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=growing(8000),
            runtime=60,
        params:
            target=TARGET,
        message:
            "Writing a volume of {wildcards.material} with {wildcards.model}, seed "
            "{wildcards.seed}, as {params.target}."
        script:
            "../workflow/scripts/export.py"
