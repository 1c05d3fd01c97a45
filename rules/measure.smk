"""From samples to numbers; real and generated ones through the same code.

READS:  results/{material}/segmented/labels.h5 and the reference volume, if there is one
        results/{material}/{model}/seed-{seed}/generate/samples.h5
WRITES: results/{material}/real/measure/{metrics.csv,curves.h5}
        results/{material}/{model}/seed-{seed}/measure/{metrics.csv,curves.h5}
"""


def real_files(wildcards):
    """Return the labels of a material and its reference volume, if there is one."""
    material = material_settings(wildcards)
    files = {"labels": rules.segment.output.labels}
    if material["synthetic"] is not None:
        files["truth"] = rules.synthesise.output.truth
    elif material["reference"] is not None:
        files["reference"] = file_of(material["reference"])
    return files


rule measure_real:
    """Measure non-overlapping crops and sub-volumes of the real material."""
    input:
        unpack(real_files),
    output:
        metrics="results/{material}/real/measure/metrics.csv",
        curves="results/{material}/real/measure/curves.h5",
    log:
        "logs/{material}/real/measure.log",
    benchmark:
        "job-benchmarks/{material}/real/measure.tsv"
    conda:
        ENVIRONMENT
    threads: 8
    resources:
        mem_mb=16000,
        runtime=240,
    params:
        generation=without(SETTINGS["generation"], "n_volumes"),
        measure=SETTINGS["measure"],
        reference=lambda w: material_settings(w)["reference"],
        revision=revisions.MEASURE,
    message:
        "Measuring the real {wildcards.material}."
    script:
        "../workflow/scripts/measure_real.py"


rule measure:
    """Measure the generated volumes and their slices."""
    input:
        samples=rules.generate.output.samples,
    output:
        metrics=f"results/{RUN}/measure/metrics.csv",
        curves=f"results/{RUN}/measure/curves.h5",
    log:
        f"logs/{RUN}/measure.log",
    benchmark:
        f"job-benchmarks/{RUN}/measure.tsv"
    conda:
        ENVIRONMENT
    threads: 8
    resources:
        mem_mb=16000,
        runtime=240,
    params:
        measure=SETTINGS["measure"],
        revision=revisions.MEASURE,
    message:
        "Measuring {wildcards.model} of {wildcards.material}, seed {wildcards.seed}."
    script:
        "../workflow/scripts/measure.py"
