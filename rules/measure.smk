"""From samples to numbers; real and generated ones through the same code.

READS:  results/{material}/segmented/labels.h5 and the reference volume, if there is one
        results/{material}/{model}/seed-{seed}/generate/samples.h5
WRITES: results/{material}/real/measure/{metrics.csv,curves.h5}
        results/{material}/{model}/seed-{seed}/measure/{metrics.csv,curves.h5}
"""


rule measure_real:
    """Measure non-overlapping crops and sub-volumes of the real material."""
    input:
        unpack(reference_file),
        labels=rules.segment.output.labels,
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
