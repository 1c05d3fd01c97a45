"""From generated samples to numbers, through the same code as the real ones.

READS:  results/{material}/{model}/seed-{seed}/generate/samples.h5
WRITES: results/{material}/{model}/seed-{seed}/measure/{metrics.csv,curves.h5}
"""


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
        mem_mb=growing(16000),
        runtime=240,
    params:
        isotropic=lambda w: material_settings(w)["isotropic"],
        measure=without(SETTINGS["measure"], "max_samples", "parts"),
        parts=len(PARTS),
        revision=revisions.MEASURE,
    message:
        "Measuring {wildcards.model} of {wildcards.material}, seed {wildcards.seed}."
    script:
        "../workflow/scripts/measure.py"
