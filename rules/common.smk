"""Configuration, names and guards that all rules share.

READS:  config/default.yaml, config/config.yaml if present, --configfile, or a module's config
WRITES: results/run_config.yaml, the configuration as it is used
"""

import os

import yaml
from snakemake.exceptions import WorkflowError

from matvir.errors import MatvirError
from matvir.families import FAMILIES, OBJECTIVES
from matvir.files import require_writable, split_dataset, write_text
from matvir.micrograph.planes import voxel_size_of
from matvir.settings import revisions
from matvir.settings.build import merge, resolve
from matvir.settings.check import check, missing_files
from matvir.settings.sizes import require_sizes
from matvir.comparison.run import TABLES
from matvir.comparison.verification import settings_of_the_run
from matvir.storage.code import code_of

# The folder of this file; of a module that is fetched from elsewhere there is none.
RULES = Path(workflow.current_basedir.get_path_or_uri(secret_free=True))
ENVIRONMENT = "../workflow/envs/matvir.yaml"
RUN = "{material}/{model}/seed-{seed}"


def read_config():
    """Return the completed configuration, as mappings and as records, after checking it."""
    # Not by `configfile`: that is looked for where the results are, and is left out of modules.
    defaults = Path(workflow.source_path("../config/default.yaml"))
    resolved = resolve(
        merge(yaml.safe_load(defaults.read_text(encoding="utf-8")), config)
    )
    checked = check(resolved)
    missing_files(checked)
    require_sizes(checked, voxel_size_of)
    require_writable(Path("results"))
    return resolved, checked


# Parameters of rules are taken from SETTINGS, so that they stay what they were for jobs that are
# finished; decisions are made with CONFIG.
try:
    SETTINGS, CONFIG = read_config()
except MatvirError as error:
    raise WorkflowError(str(error)) from None


# When jobs start, so that a plan leaves the record of the last run as it is.
onstart:
    try:
        write_text(
            Path("results/run_config.yaml"),
            yaml.safe_dump(SETTINGS, sort_keys=False),
        )
    except MatvirError as error:
        raise WorkflowError(str(error)) from None


MATERIALS = SETTINGS["run"]["materials"]
# What volumes are depends on no format that they are written in later.
GENERATION = {
    key: value for key, value in SETTINGS["generation"].items() if key != "formats"
}
MODELS = SETTINGS["run"]["models"]
SEEDS = SETTINGS["run"]["seeds"]
PARTS = range(CONFIG.measure.parts)


wildcard_constraints:
    material="|".join(CONFIG.materials),
    model="|".join(CONFIG.models),
    seed="[0-9]+",
    part="[0-9]+",


# Without --resources on the command line and in the profile, Snakemake sets no limit and would
# run all GPU jobs at once.
if workflow.is_main_process and "gpu" not in workflow.global_resources:
    workflow.register_resource("gpu", 1)


def material_settings(wildcards):
    """Return the settings of a material."""
    return SETTINGS["materials"][wildcards.material]


def without(settings, *keys):
    """Return settings with some keys emptied, so that changing those re-runs nothing."""
    return {**settings, **dict.fromkeys(keys)}


def per_run(pattern):
    """Return the paths of ``pattern`` for every model and seed of the run."""
    return expand(pattern, model=MODELS, seed=SEEDS, allow_missing=True)


def all_parts(pattern):
    """Return the paths of ``pattern`` for every part of the samples that are measured."""
    return expand(pattern, part=PARTS, allow_missing=True)


def objective_of(wildcards):
    """Return the kind of the objective that a model minimises."""
    return OBJECTIVES[CONFIG.models[wildcards.model].training.objective.kind]


def processes_of(wildcards):
    """Return how many processes share a training; some objectives train in one alone."""
    return CONFIG.train.processes if objective_of(wildcards).shared else 1


def growing(mem_mb):
    """Return memory that grows with each attempt, for runs with --retries."""
    return lambda wildcards, attempt: attempt * mem_mb


def code(rule_name, *also):
    """Return the modules that a cheap rule's script depends on, to re-run it when one changes."""
    script = RULES.parent / f"workflow/scripts/{rule_name}.py"
    if script.exists():
        # A relative path, so that moving the folder makes nothing anew.
        return code_of(Path(os.path.relpath(script)), *also)
    # Of a module that is fetched from elsewhere Snakemake keeps a copy, each time under another name.
    copy = workflow.source_path(f"../workflow/scripts/{rule_name}.py")
    return [path for path in code_of(Path(copy), *also) if path != copy]


def autoencoders(models):
    """Return those of some models that have codes."""
    return [model for model in models if FAMILIES[CONFIG.models[model].kind].has_codes]


def per_material(pattern):
    """Return the paths of ``pattern`` for every material of the run."""
    return expand(pattern, material=MATERIALS)


def per_material_and_run(pattern):
    """Return the paths of ``pattern`` for every material, model and seed, in this order."""
    return expand(pattern, material=MATERIALS, model=MODELS, seed=SEEDS)


def reference_path(material):
    """Return the path of the label volume that judges a material, or None."""
    pattern = reference_pattern(material)
    return None if pattern is None else pattern.format(material=material)


def image_files(wildcards):
    """Return the files that a material's labels are made from."""
    material = CONFIG.materials[wildcards.material]
    if material.synthetic is not None:
        return {"images": rules.synthesise.output.micrographs}
    files = {"images": [file_of(source) for source in image_sources(material)]}
    if material.dataset is not None:
        # Its hash says what is in the file; when it was fetched is of no matter.
        files["images"] = ancient(files["images"])
    if material.segmentation.scribbles is not None:
        files["scribbles"] = file_of(material.segmentation.scribbles)
    return files


def dataset_of(material):
    """Return the entry of the dataset that a material's image is, or None."""
    return SETTINGS["datasets"].get(SETTINGS["materials"][material]["dataset"])


def image_sources(material):
    """Return the images of a material as they are given, of an anisotropic one several."""
    planes = material.planes or ()
    return [plane.image for plane in planes if plane] or [material.image]


def file_of(source):
    """Return the file of an image source, which may name a data set in it."""
    return split_dataset(source)[0]


def user_files():
    """Return the files that the run is given, by material and number."""
    found = {}
    for material in MATERIALS:
        settings = CONFIG.materials[material]
        if settings.synthetic is not None:
            continue
        sources = image_sources(settings)
        sources += [settings.segmentation.scribbles, settings.reference]
        files = [file_of(source) for source in sources if source is not None]
        found |= {f"{material}-{number}": path for number, path in enumerate(files)}
    starts = {m: CONFIG.models[m].training.warm_start for m in MODELS}
    return found | {f"warm start of {m}": path for m, path in starts.items() if path}


def in_results(path):
    """Return whether a file of a rule is a result, and not code."""
    return str(path).startswith("results/")


def reference_pattern(material):
    """Return where the label volume that judges a material is, with a wildcard, or None."""
    settings = CONFIG.materials[material]
    if settings.synthetic is not None:
        return None if settings.stack else rules.synthesise.output.truth
    if settings.reference is not None:
        return rules.reference.output.reference
    return None  # a 3D image is its own reference


def reference_file(wildcards):
    """Return the reference as an input of a rule, if there is one."""
    pattern = reference_pattern(wildcards.material)
    return {} if pattern is None else {"reference": pattern}
