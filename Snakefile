"""From a raw micrograph to virtual material and a comparison report."""

from pathlib import Path

from snakemake.utils import min_version

min_version("9.0")


if Path("config/config.yaml").exists():

    configfile: "config/config.yaml"


include: "rules/common.smk"
include: "rules/dataset.smk"
include: "rules/segment.smk"
include: "rules/encode.smk"
include: "rules/measure_real.smk"
include: "rules/train.smk"
include: "rules/latent.smk"
include: "rules/generate.smk"
include: "rules/export.smk"
include: "rules/measure.smk"
include: "rules/measure_parts.smk"
include: "rules/compare.smk"
include: "rules/cell_parameters.smk"
include: "rules/report.smk"
include: "rules/figures.smk"
include: "rules/verify.smk"
include: "rules/gallery.smk"


rule all:
    """Make the report of everything that the run lists name, and its record."""
    default_target: True
    input:
        rules.report.output.page,
        rules.record.output.record,
        all_exports(),
        per_material(rules.cell_parameters.output) if SETTINGS["electrode"] else [],
